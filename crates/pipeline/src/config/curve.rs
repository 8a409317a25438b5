//! What of a learning curve is wanted: `held_out`, `log_every`, `patience`.

use toml::Value;

use super::error::ConfigError;
use super::section::Section;

/// Learning curves.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CurveConfig {
    /// The share of cells, or of the text, that is never trained on; 0 is none.
    pub held_out: f64,
    /// A row of metrics every so many rounds; 0 is only one an epoch.
    pub log_every: u32,
    /// Epochs without a lower held-out loss after which training ends with the best; 0 trains all.
    pub patience: u32,
}

impl CurveConfig {
    /// Reads the keys.
    pub(super) fn read(section: &mut Section<'_>) -> Result<Self, ConfigError> {
        let share = |x| (0.0..=0.5).contains(&x);
        let config = Self {
            held_out: section.real("held_out", "a share from 0 to 0.5", share, 0.0)?,
            log_every: section.whole("log_every", 0..=1_000_000, 0)? as u32,
            patience: section.whole("patience", 0..=100_000, 0)? as u32,
        };
        if config.patience > 0 && config.held_out == 0.0 {
            let what =
                "wants something held out, by whose loss epochs are compared; add held_out = 0.01";
            return Err(section.error("patience", what));
        }
        Ok(config)
    }

    /// The keys that are not as they would be if nothing was written.
    pub(super) fn rows(&self) -> Vec<(&'static str, Value)> {
        let mut rows: Vec<(&'static str, Value)> = Vec::new();
        if self.held_out > 0.0 {
            rows.push(("held_out", self.held_out.into()));
        }
        for (key, value) in [("log_every", self.log_every), ("patience", self.patience)] {
            if value > 0 {
                rows.push((key, i64::from(value).into()));
            }
        }
        rows
    }
}

//! What of a learning curve is wanted: `held_out`, `log_every`, `patience`.

use toml::Value;

use super::Trainer;
use super::error::ConfigError;
use super::section::Section;

/// Learning curves.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CurveConfig {
    /// The share of cells that is never trained on; 0 is none.
    pub held_out: f64,
    /// A row of metrics every so many rounds; 0 is only one an epoch.
    pub log_every: u32,
    /// Epochs without a lower held-out loss after which training ends with the best; 0 trains all.
    pub patience: u32,
}

impl CurveConfig {
    /// Reads the keys, of trainers of the matrix alone.
    pub(super) fn read(section: &mut Section<'_>, trainer: &Trainer) -> Result<Self, ConfigError> {
        if trainer.reads_text() {
            return Ok(Self::default());
        }
        let share = |x| (0.0..=0.5).contains(&x);
        let config = Self {
            held_out: section.real("held_out", "a share of cells from 0 to 0.5", share, 0.0)?,
            log_every: section.whole("log_every", 0..=1_000_000, 0)? as u32,
            patience: section.whole("patience", 0..=100_000, 0)? as u32,
        };
        if config.patience > 0 && config.held_out == 0.0 {
            let what = "wants cells to be held out, by whose loss epochs are compared; add held_out = 0.01";
            return Err(section.error("patience", what));
        }
        Ok(config)
    }

    /// Why a key has no business with a trainer.
    pub(super) fn unused(key: &str, trainer: &Trainer) -> Option<String> {
        let is_ours = ["held_out", "log_every", "patience"].contains(&key);
        is_ours.then(|| format!("only used by trainers of the matrix, not by {trainer}; remove it"))
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

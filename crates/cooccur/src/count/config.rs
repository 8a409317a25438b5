//! How to count.

use super::subsampling::Subsampling;
use super::weighting::WindowConfig;

/// How to count.
#[derive(Clone, Debug)]
pub struct CountConfig {
    /// The window.
    pub window: WindowConfig,
    /// What is left out before windows are formed; `None` counts the text as it is.
    pub thinning: Option<Subsampling>,
    /// Identifies settings and inputs; files of another fingerprint are made anew.
    pub fingerprint: String,
    /// Memory of a batch in bytes; `None` for what the budget leaves. A batch has at least one
    /// shard.
    pub batch_bytes: Option<u64>,
}

impl CountConfig {
    /// How many units a pair of weight 1 has in the counts.
    pub fn unit(&self) -> u64 {
        self.window.unit() * self.samples()
    }

    /// How often the text is counted.
    pub fn samples(&self) -> u64 {
        self.thinning.as_ref().map_or(1, |thinning| u64::from(thinning.samples()))
    }
}

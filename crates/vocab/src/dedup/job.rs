//! The job, which all steps share.

use wordmill_flow::Context;

use crate::shards::TokenShards;

/// The folder of the shards without repeated lines.
pub const FOLDER: &str = "dedup";
/// Version of the stage's results; part of the fingerprint.
pub(super) const VERSION: u32 = 1;

/// The job.
pub(super) struct Dedup<'a> {
    pub ctx: &'a Context,
    pub shards: &'a TokenShards,
    /// The number of ranges is 2 to this power.
    pub bits: u32,
}

impl Dedup<'_> {
    /// A fingerprint of everything that results depend on beside the shards.
    pub fn made_of(&self) -> String {
        format!("{VERSION} {}", self.bits)
    }
}

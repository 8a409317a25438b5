//! The work at hand, which all steps share.

use wordmill_flow::Context;

use crate::shards::TokenShards;

/// The folder of the shards without repeated lines.
pub const FOLDER: &str = "dedup";
/// Version of what the stage computes; part of the fingerprint.
pub(super) const VERSION: u32 = 1;

/// The work at hand.
pub(super) struct Dedup<'a> {
    pub ctx: &'a Context,
    pub shards: &'a TokenShards,
    /// There are 2 to this power ranges.
    pub bits: u32,
}

impl Dedup<'_> {
    /// What everything here depends on beside the shards.
    pub fn made_of(&self) -> String {
        format!("{VERSION} {}", self.bits)
    }
}

//! What is known of a run before it begins.

use wordmill_cooccur as cooccur;
use wordmill_flow::{Room, Sizes};

use crate::config::Config;

/// What the planner knows when it asks a stage what it needs.
#[derive(Clone, Copy)]
pub struct Outlook<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// Sizes of the text and of what comes of it; cells are those that will be counted.
    pub sizes: Sizes,
    /// Memory beside that of the program, and threads.
    pub room: Room,
}

impl Outlook<'_> {
    /// Sizes of what is counted.
    #[must_use]
    pub fn counts(&self) -> cooccur::need::Sizes {
        let Config { cooccur, tiles, corpus, .. } = self.config;
        cooccur::need::Sizes::of(cooccur, tiles, &self.sizes, corpus.lines.chunk_bytes)
    }
}

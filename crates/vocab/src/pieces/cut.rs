//! What every model of pieces does.

/// Cuts words into pieces.
pub(super) trait Cut: Send + Sync {
    /// Calls `emit` with the pieces of a word, at least one; those that go on begin with `##`. Says how many it left out.
    fn cut(&self, word: &str, emit: &mut dyn FnMut(&str)) -> u64;
    /// Memory that it takes.
    fn bytes(&self) -> u64;
}

//! Tokenisers of whole lines: programs and files that do all by themselves.

use crate::error::TextError;

/// What a tokeniser of whole lines finds.
pub enum Item<'a> {
    /// A word, or what becomes one.
    Word(&'a str),
    /// The end of a line.
    LineEnd,
}

/// Says whether to stop.
pub type Stop<'a> = dyn Fn() -> Result<(), TextError> + Sync + 'a;

/// Cuts texts of whole lines that nobody has prepared.
pub trait Lines: Send {
    /// Calls `each` with the words of every line and with each line end, in order. It looks at `stop` while it is at work.
    ///
    /// # Errors
    /// What `stop` says, and what goes wrong with the program or the file.
    fn split(
        &mut self,
        text: &str,
        stop: &Stop<'_>,
        each: &mut dyn FnMut(Item<'_>),
    ) -> Result<(), TextError>;
}

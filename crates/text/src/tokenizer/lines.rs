//! Tokenisers of whole lines: programs and files that do everything themselves.

use crate::error::TextError;

/// An item found by a tokeniser of whole lines.
pub enum Item<'a> {
    /// A word, before normalisation.
    Word(&'a str),
    /// The end of a line.
    LineEnd,
}

/// Checks for a stop.
pub type Stop<'a> = dyn Fn() -> Result<(), TextError> + Sync + 'a;

/// Cuts unprepared texts of whole lines.
pub trait Lines: Send {
    /// Calls `each` with the words of every line and with each line end, in order. Checks `stop` meanwhile.
    ///
    /// # Errors
    /// The error of `stop`, and failures of the program or the file.
    fn split(
        &mut self,
        text: &str,
        stop: &Stop<'_>,
        each: &mut dyn FnMut(Item<'_>),
    ) -> Result<(), TextError>;
}

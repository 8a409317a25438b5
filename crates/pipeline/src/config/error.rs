//! What is wrong with a setting: where it was written, which key, what, and the way out.

use std::fmt;

/// A setting that cannot be followed. The program ends with exit code 2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    message: String,
}

impl ConfigError {
    /// An error about a place (a file, a variable, a flag).
    pub fn new(place: impl fmt::Display, what: impl fmt::Display) -> Self {
        Self { message: format!("{place}: {what}") }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)
    }
}

impl std::error::Error for ConfigError {}

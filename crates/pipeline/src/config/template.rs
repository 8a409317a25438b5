//! The template that ships with the program.

/// The template that ships with the program: what `wordmill init` writes and `wordmill run` follows
/// where there is no file.
pub const TEMPLATE: &str = include_str!("../../pipeline.toml");

//! What must hold of any text that is read as `pipeline.toml`: it is followed or refused, with the name
//! of the file, and what is followed reads back from its own listing.
//!
//! The reader is passed in: by a test of its own and by the fuzzer.

use std::fmt::{Debug, Display};

/// What the file is called.
pub const NAME: &str = "hostile.toml";

/// Checks a text; `list` writes settings down as a file.
///
/// # Panics
/// If the reader breaks a rule.
pub fn check<C: Debug + PartialEq, E: Debug + Display>(
    bytes: &[u8],
    resolve: impl Fn(&str) -> Result<C, E>,
    list: impl Fn(&C) -> String,
) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    match resolve(text) {
        Ok(config) => {
            let listed = resolve(&list(&config)).expect("the listing is a pipeline");
            assert_eq!(listed, config, "the listing reads back");
        }
        Err(error) => {
            let says = error.to_string();
            assert!(says.contains(NAME), "names no file: {says}");
        }
    }
}

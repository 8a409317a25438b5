//! Fuzzes the target `pipeline`.
#![no_main]

#[path = "../pipeline.rs"]
mod pipeline;

/// The program's module, as it is: the program is no library.
#[path = "../../../crates/cli"]
#[allow(dead_code, unused_imports, reason = "most of it is for other parts of the program")]
mod cli {
    pub mod config;
}

use std::path::Path;

use cli::config::{Config, Sources};

/// A tree of TOML, a table of places, and as much again for the listing.
const TIMES: usize = 4096;
const FIXED_BYTES: usize = 1 << 20;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let resolve =
        |text: &str| Config::resolve(Path::new(pipeline::NAME), text, &Sources::default());
    let bound = FIXED_BYTES + TIMES * bytes.len();
    wordmill_fuzz::bounded("pipeline", bound, || pipeline::check(bytes, resolve, Config::to_toml));
});

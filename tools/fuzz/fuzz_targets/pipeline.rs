//! Fuzzes the target `pipeline`.
#![no_main]

#[path = "../pipeline.rs"]
mod pipeline;

use std::path::Path;

use wordmill_pipeline::config::{Config, Sources};

/// A tree of TOML, a table of places, and as much again for the listing.
const TIMES: usize = 4096;
const FIXED_BYTES: usize = 1 << 20;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let resolve =
        |text: &str| Config::resolve(Path::new(pipeline::NAME), text, &Sources::default());
    let bound = FIXED_BYTES + TIMES * bytes.len();
    wordmill_fuzz::bounded("pipeline", bound, || pipeline::check(bytes, resolve, Config::to_toml));
});

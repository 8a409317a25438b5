//! Fuzzes the target `glove`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wordmill_fuzz::target("glove").check(bytes));

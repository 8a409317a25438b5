//! Fuzzes the target `manifest`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wordmill_fuzz::target("manifest").check(bytes));

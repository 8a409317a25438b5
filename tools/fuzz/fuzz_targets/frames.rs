//! Fuzzes the target `frames`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wordmill_fuzz::target("frames").check(bytes));

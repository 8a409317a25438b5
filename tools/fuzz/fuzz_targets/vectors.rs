//! Fuzzes the target `vectors`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wordmill_fuzz::target("vectors").check(bytes));

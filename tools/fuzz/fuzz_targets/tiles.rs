//! Fuzzes the target `tiles`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wordmill_fuzz::target("tiles").check(bytes));

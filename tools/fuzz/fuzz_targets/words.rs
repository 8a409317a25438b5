//! Fuzzes the target `words`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wordmill_fuzz::target("words").check(bytes));

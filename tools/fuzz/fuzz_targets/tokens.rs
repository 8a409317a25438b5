//! Fuzzes the target `tokens`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wordmill_fuzz::target("tokens").check(bytes));

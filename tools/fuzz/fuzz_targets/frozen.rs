//! Fuzzes the target `frozen`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wordmill_fuzz::target("frozen").check(bytes));

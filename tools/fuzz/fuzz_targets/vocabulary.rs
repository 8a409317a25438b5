//! Fuzzes the target `vocabulary`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wordmill_fuzz::target("vocabulary").check(bytes));

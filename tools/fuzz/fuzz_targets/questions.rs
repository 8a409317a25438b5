//! Fuzzes the target `questions`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wordmill_fuzz::target("questions").check(bytes));

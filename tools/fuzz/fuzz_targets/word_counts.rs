//! Fuzzes the target `word_counts`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wordmill_fuzz::target("word_counts").check(bytes));

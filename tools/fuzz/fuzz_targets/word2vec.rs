//! Fuzzes the target `word2vec`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wordmill_fuzz::target("word2vec").check(bytes));

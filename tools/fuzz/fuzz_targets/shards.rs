//! Fuzzes the target `shards`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wordmill_fuzz::target("shards").check(bytes));

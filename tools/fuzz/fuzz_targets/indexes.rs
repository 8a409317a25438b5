//! Fuzzes the target `indexes`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wordmill_fuzz::target("indexes").check(bytes));

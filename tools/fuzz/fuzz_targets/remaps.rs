//! Fuzzes the target `remaps`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wordmill_fuzz::target("remaps").check(bytes));

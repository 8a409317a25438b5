//! Fuzzes the target `runs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wordmill_fuzz::target("runs").check(bytes));

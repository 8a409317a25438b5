//! Fuzzes the target `loose`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wordmill_fuzz::target("loose").check(bytes));

//! Fuzzes the target `npy`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wordmill_fuzz::target("npy").check(bytes));

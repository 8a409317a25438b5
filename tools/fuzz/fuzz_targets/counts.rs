//! Fuzzes the target `counts`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wordmill_fuzz::target("counts").check(bytes));

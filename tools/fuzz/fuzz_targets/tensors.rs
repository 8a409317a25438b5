//! Fuzzes the target `tensors`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wordmill_fuzz::target("tensors").check(bytes));

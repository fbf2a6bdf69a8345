//! Fuzzes one target; what it checks stands in `tests/support/targets/`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| assent_tests::targets::run("expressions", bytes));

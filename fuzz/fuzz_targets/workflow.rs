//! The workflow file from bytes to environments. Begin with the corpus that the tests replay:
//! `cargo fuzz run workflow ../core/src/workflow/testdata/corpus`
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| runner_core::workflow::survive(bytes));

//! The integration tests, one binary: each test binary links every SDK.

#[path = "../support/mod.rs"]
mod support;

mod stacks;

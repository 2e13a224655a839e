//! The integration tests, one binary: each test binary links every SDK.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../support/mod.rs"]
mod support;

mod stacks;

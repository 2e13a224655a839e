//! The integration tests, one binary: each would link every SDK anew.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../support/mod.rs"]
mod support;

mod action;
mod cli;
mod cli_file;
mod github;
mod house;
mod image;
mod init;
mod requirements;
mod run;
mod sandbox;
mod stacks;
mod verdict;

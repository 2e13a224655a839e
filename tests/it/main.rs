//! The integration tests, one binary: each links every SDK.

mod image;

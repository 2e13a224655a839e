//! The registry: a client for the OCI distribution API, as much of it as a push needs.
//! <https://github.com/opencontainers/distribution-spec/blob/main/spec.md>

mod auth;
mod client;
mod origin;
mod repository;
mod retry;
mod upload;

pub use client::Registry;
pub use origin::Origin;
pub use repository::Repository;
pub use retry::{Backoff, Exponential};

pub(crate) use upload::Sent;

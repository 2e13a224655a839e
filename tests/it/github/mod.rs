//! At home in GitHub: the comment, what a step leaves behind, whose credentials are asked for. The real octocrab speaks to
//! a GitHub that keeps state.

mod job;
mod oidc;
mod thread;

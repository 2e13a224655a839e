//! The one integration binary: each would link every SDK.

mod cli;

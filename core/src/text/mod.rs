//! Text that must be handled with care: secrets, foreign text, positions in files, moments.

mod foreign;
mod logical;
mod moment;
mod nearest;
mod redact;
mod secret;
mod span;

pub use foreign::Foreign;
pub use logical::pascal;
pub use moment::{moment, utc};
pub use nearest::nearest;
pub use redact::Redactor;
pub use secret::Secret;
pub use span::Span;

//! Text that must be handled with care: secrets, foreign text, and positions in files.

mod foreign;
mod logical;
mod nearest;
mod redact;
mod secret;
mod span;

pub use foreign::Foreign;
pub use logical::pascal;
pub use nearest::nearest;
pub use redact::Redactor;
pub use secret::Secret;
pub use span::Span;

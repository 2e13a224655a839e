//! Where something stands in the workflow file.

use serde::Serialize;

/// A place in the workflow file. Lines and columns count from 1; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Span {
    /// Line, from 1.
    pub line: u32,
    /// Column of the first character, from 1.
    pub column: u32,
    /// How many characters to underline; at least 1.
    pub length: u32,
}

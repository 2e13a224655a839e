//! `World`, `Plan`, `Action`, `Change`: the nouns in which plan and run are one path.

mod exit;
mod fault;

pub use exit::Exit;
pub use fault::Fault;

//! judge

pub mod stack_events;

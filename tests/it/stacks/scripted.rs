//! What the emulator does not show.

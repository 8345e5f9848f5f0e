//! What the exit status of a command says.

/// The exit status of a command that did its work.
pub const SUCCESS: u8 = 0;
/// The exit status where a budget or a `--fail-if` was not met.
pub const UNMET: u8 = 1;
/// The exit status where something kept the command from doing its work.
pub const FAILURE: u8 = 2;

//! The number that stands for a mode in the spool's header.

use crate::dump::Mode;

/// The number of a mode. Of two modes, the one that records more has the larger number.
pub fn mode_number(mode: Mode) -> u64 {
    match mode {
        Mode::Off => 1,
        Mode::Count => 2,
        Mode::Sample => 3,
        Mode::Full => 4,
    }
}

/// The mode of a number: off where it is none of them.
pub fn mode_of(number: u64) -> Mode {
    match number {
        2 => Mode::Count,
        3 => Mode::Sample,
        4 => Mode::Full,
        _ => Mode::Off,
    }
}

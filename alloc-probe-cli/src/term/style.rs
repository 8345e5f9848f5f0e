//! The few looks that text has. None carries a meaning that the words do not.

use anstyle::{AnsiColor, Color, Style};

const fn colour(colour: AnsiColor) -> Style {
    Style::new().fg_color(Some(Color::Ansi(colour)))
}

/// `error:`
pub const ERROR: Style = colour(AnsiColor::Red).bold();
/// `warning:`
pub const WARNING: Style = colour(AnsiColor::Yellow).bold();
/// `hint:`
pub const HINT: Style = colour(AnsiColor::Cyan).bold();
/// As the terminal has it.
pub const PLAIN: Style = Style::new();
/// Titles, and the function a site is named after.
pub const STRONG: Style = Style::new().bold();
/// What can be skipped over: callers, file names, the words around figures.
pub const FAINT: Style = Style::new().dimmed();
/// Memory that grew.
pub const MORE: Style = colour(AnsiColor::Red);
/// Memory that shrank.
pub const LESS: Style = colour(AnsiColor::Green);
/// Bars and sparklines.
pub const BAR: Style = colour(AnsiColor::Cyan);

//! The terminal: where text goes, how wide it may be, and what it looks like.
//!
//! Text is always written with its styles; the streams here drop them where there is no terminal or
//! `NO_COLOR` asks for it. So nothing else needs to know of colour.

mod output;
pub mod progress;
pub mod style;
pub mod text;

pub use output::Output;

use std::io::{self, IsTerminal, Write};

/// The width of text that goes to a file or a pipe.
const DEFAULT_WIDTH: usize = 100;

/// Where a command's output goes.
pub struct Terminal<'a> {
    /// Results.
    pub out: Output<'a>,
    /// Messages.
    pub err: Box<dyn Write + 'a>,
    /// How many columns a line may fill.
    pub width: usize,
    /// Whether somebody watches the messages, so that a line may change.
    pub is_interactive: bool,
    /// The command's exit status as far as it is settled, which is before the first result is written: it stays
    /// where whoever reads the output goes away.
    pub settled: u8,
}

impl Terminal<'static> {
    /// The process's own streams.
    pub fn standard() -> Terminal<'static> {
        let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        let measured =
            || terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| usize::from(width.0));
        let width = columns.or_else(measured).unwrap_or(DEFAULT_WIDTH);
        Terminal {
            out: Output::standard(),
            err: Box::new(anstream::AutoStream::auto(io::stderr())),
            width: width.max(40),
            is_interactive: io::stderr().is_terminal(),
            settled: 0,
        }
    }
}

impl<'a> Terminal<'a> {
    /// A terminal without colours whose output is kept, for tests and for calls as a library.
    pub fn plain(out: &'a mut Vec<u8>, err: &'a mut Vec<u8>, width: usize) -> Terminal<'a> {
        Terminal {
            out: Output::kept(out),
            err: Box::new(anstream::StripStream::new(err as &mut dyn Write)),
            width,
            is_interactive: false,
            settled: 0,
        }
    }

    /// Says something on stderr that does not stop the command.
    ///
    /// # Errors
    ///
    /// Those of the stream.
    pub fn warn(&mut self, message: &str) -> io::Result<()> {
        writeln!(self.err, "{}warning:{:#} {}", style::WARNING, style::WARNING, text::printable(message))
    }

    /// Says on stderr what the user could do.
    ///
    /// # Errors
    ///
    /// Those of the stream.
    pub fn hint(&mut self, message: &str) -> io::Result<()> {
        writeln!(self.err, "{}hint:{:#} {}", style::HINT, style::HINT, text::printable(message))
    }
}

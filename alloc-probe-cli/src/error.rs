//! What kept a command from doing its work, said in one line.

use crate::term::{style, text};
use std::fmt;
use std::io::{self, Write};
use std::path::Path;

/// Why a command could not do its work: one line, and perhaps a way out.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    hint: Option<String>,
}

#[derive(Debug)]
enum Kind {
    /// The reader of the results went away.
    ClosedPipe,
    /// Anything that is worth telling.
    Message(String),
}

impl Error {
    /// An error that this one line describes; no full stop at its end.
    pub fn new(message: impl Into<String>) -> Error {
        Error { kind: Kind::Message(message.into()), hint: None }
    }

    /// A file that can't be used as input, and why.
    pub fn read(path: &Path, reason: impl fmt::Display) -> Error {
        Error::new(format!("cannot read `{}`: {reason}", path.display()))
    }

    /// A file that can't be written, and why.
    pub fn write(path: &Path, reason: &io::Error) -> Error {
        Error::new(format!("cannot write `{}`: {}", path.display(), io_reason(reason)))
    }

    /// The same error with a way out for the user, printed below it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Error {
        self.hint = Some(hint.into());
        self
    }

    /// Whether the reader of the results went away, which is no fault.
    pub fn is_closed_pipe(&self) -> bool {
        matches!(self.kind, Kind::ClosedPipe)
    }

    /// Prints the error, then its hint after a blank line.
    ///
    /// # Errors
    ///
    /// Those of `err` itself.
    pub fn print(&self, err: &mut dyn Write) -> io::Result<()> {
        let message = self.to_string();
        writeln!(err, "{}error:{:#} {}", style::ERROR, style::ERROR, text::printable(&message))?;
        if let Some(hint) = &self.hint {
            writeln!(err, "\n{}hint:{:#} {}", style::HINT, style::HINT, text::printable(hint))?;
        }
        err.flush()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::ClosedPipe => f.write_str("the reader of the output went away"),
            Kind::Message(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for Error {}

/// Results that can't be written. Files have [`Error::read`] and [`Error::write`], which name them.
impl From<io::Error> for Error {
    fn from(error: io::Error) -> Error {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Error { kind: Kind::ClosedPipe, hint: None },
            _ => Error::new(format!("cannot write the output: {}", io_reason(&error))),
        }
    }
}

/// What the system says went wrong, as part of a sentence: without the error's number, in lower case.
pub fn io_reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => error.kind().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(error: &Error) -> String {
        let mut out = anstream::StripStream::new(Vec::new());
        error.print(&mut out).unwrap();
        String::from_utf8(out.into_inner()).unwrap()
    }

    #[test]
    fn one_line_and_then_the_hint() {
        let missing = io::Error::from_raw_os_error(2);
        let error = Error::read(Path::new("x.json"), io_reason(&missing));
        assert_eq!(printed(&error), "error: cannot read `x.json`: no such file or directory\n");
        let error = error.with_hint("look again");
        assert_eq!(
            printed(&error),
            "error: cannot read `x.json`: no such file or directory\n\nhint: look again\n"
        );
    }

    #[test]
    fn a_closed_pipe_is_told_from_other_faults() {
        assert!(Error::from(io::Error::from(io::ErrorKind::BrokenPipe)).is_closed_pipe());
        assert!(!Error::from(io::Error::from_raw_os_error(28)).is_closed_pipe());
    }
}

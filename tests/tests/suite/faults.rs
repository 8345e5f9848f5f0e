//! A list of everything that is wrong with one run, so that a failing test shows all of it at once.

use std::fmt::{self, Debug, Display};

/// The faults found so far. Dropping it with any in it fails the test.
pub(crate) struct Faults {
    /// What the faults are of.
    subject: String,
    found: Vec<String>,
}

impl Faults {
    /// None yet.
    pub(crate) fn of(subject: impl Display) -> Faults {
        Faults { subject: subject.to_string(), found: Vec::new() }
    }

    /// Two figures must be equal.
    pub(crate) fn equal<T: PartialEq + Debug>(&mut self, what: impl Display, found: T, expected: T) {
        let holds = found == expected;
        self.check(holds, format_args!("{what} is {found:?}, expected {expected:?}"));
    }

    /// Something must hold.
    pub(crate) fn check(&mut self, holds: bool, otherwise: impl Display) {
        if !holds {
            self.found.push(otherwise.to_string());
        }
    }
}

impl Drop for Faults {
    fn drop(&mut self) {
        // Where the test has failed already, its own message must not be replaced by an abort.
        if !self.found.is_empty() && !std::thread::panicking() {
            panic!("{self}");
        }
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} faults", self.subject, self.found.len())?;
        // A broken invariant usually breaks at every site: the first few say enough.
        self.found.iter().take(25).try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}

//! What a format of another tool has.

use crate::analyse::fold::Detail;
use crate::profile::Profile;
use alloc_probe_format::metric::Metric;
use std::fmt::Debug;
use std::io::{self, Write};

/// A format of another tool.
pub trait Exporter: Debug + Send + Sync {
    /// The name on the command line.
    fn name(&self) -> &'static str;

    /// What reads it, and what it holds, in a line of the help.
    fn help(&self) -> &'static str;

    /// Whether it is text, which a terminal can show.
    fn is_text(&self) -> bool {
        true
    }

    /// What writes the difference of two profiles, where the format has a place for both figures.
    fn difference(&self) -> Option<Difference> {
        None
    }

    /// Writes a profile.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    fn write(&self, profile: &Profile, options: Options, out: &mut dyn Write) -> io::Result<()>;
}

/// Writes two profiles as one: a base, and what is compared with it.
pub type Difference = fn([&Profile; 2], Options, &mut dyn Write) -> io::Result<()>;

/// What of a profile is written.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The figure, in formats that have a single one.
    pub metric: Metric,
    /// How much of the stacks is written, in formats that do not keep each by itself.
    pub detail: Detail,
}

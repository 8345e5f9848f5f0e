//! Which process this was, how its program was built, and how it was recorded.

use super::figures::Figures;
use super::hex;
use serde::{Deserialize, Serialize};

/// How much is recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Nothing.
    #[default]
    Off,
    /// Totals for the process and its threads.
    Count,
    /// Some blocks with their stacks, chosen at random by bytes; figures are estimates.
    Sample,
    /// Every block with its whole stack.
    Full,
}

/// Which process a dump is of.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Process {
    /// The process id.
    pub pid: u32,
    /// The executable's path as the system gave it.
    pub executable: String,
    /// The command line, program first.
    pub command: Vec<String>,
    /// When recording started, in nanoseconds since 1970 (UTC).
    pub start_unix_ns: u64,
    /// When the dump was taken, in nanoseconds since 1970 (UTC).
    pub end_unix_ns: u64,
    /// The time between the two by the monotonic clock.
    pub duration_ns: u64,
    /// Why the dump was taken.
    pub ended: Ended,
    /// The signal that ended the process, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// Whether this was read from the process's spool by another program, since the process wrote no dump itself.
    #[serde(default, skip_serializing_if = "is_false")]
    pub from_spool: bool,
}

/// One of the dumps that others were added to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// The file that it was read from.
    pub path: String,
    /// Its process.
    pub pid: u32,
    /// The process's executable.
    pub executable: String,
    /// How long it ran.
    pub duration_ns: u64,
    /// Resident memory when its dump was taken; 0 where it is not known.
    pub rss_bytes: u64,
    /// The most resident memory that it ever had; 0 where it is not known.
    pub peak_rss_bytes: u64,
    /// Its own figures.
    pub totals: Figures,
}

/// Why a dump was taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ended {
    /// The process came to a normal end.
    #[default]
    Exit,
    /// The process was asked for a dump and went on.
    Running,
    /// A signal ended the process: it wrote its dump first, or said in its spool which it was.
    Signal,
    /// The process ended at once, and could not say how: killed, crashed, or by `_exit`.
    Killed,
}

/// How the program was built, as far as it can know.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Build {
    /// The crate that installed the probe.
    pub crate_name: String,
    /// Its version.
    pub crate_version: String,
    /// The optimisation level: `0` to `3`, `s` or `z`.
    pub opt_level: String,
    /// Whether debug assertions were on.
    pub debug_assertions: bool,
    /// The panic strategy: `unwind` or `abort`.
    pub panic: String,
    /// What `rustc --version` printed.
    pub rustc: String,
    /// The target triple.
    pub target: String,
    /// The type of the wrapped allocator.
    pub allocator: String,
    /// The version of the `alloc-probe` crate.
    pub alloc_probe: String,
}

/// How time was counted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Clock {
    /// Where time came from: `counter`, the processor's, or `monotonic`, the system's clock.
    pub source: String,
    /// The unit of the buckets of [`Site::lifetimes`](super::Site::lifetimes) and [`Site::ages`](super::Site::ages), in nanoseconds.
    pub unit_ns: f64,
}

/// An ELF object in the process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// Its path as the dynamic linker knows it; empty where it has none, `[vdso]` for the kernel's.
    pub path: String,
    /// The GNU build id in lower-case hexadecimal; empty where it has none.
    pub build_id: String,
    /// The hash of its text in lower-case hexadecimal, by which its file is known again where it has no build id
    /// ([`TextHash`](crate::text_hash::TextHash)); empty where it has one, and where its file could not be read.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text_hash: String,
    /// What must be added to an address in the file to get the one in the process.
    #[serde(with = "hex")]
    pub load_address: u64,
    /// The length of its mapping from the load address.
    pub size: u64,
    /// Whether the addresses in it are offsets in its file, as other tools tell them, in the place of the file's own
    /// addresses. Left out where they are not.
    #[serde(default, skip_serializing_if = "is_false")]
    pub in_file_offsets: bool,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

//! Causes of memory, one at a time: for each that can be named, a way to run that has it, one that does the same work
//! without it, and one that looks alike and is something else.
//!
//! A case states what it did by construction, for the suite to hold the diff against:
//!
//! ```text
//! truth bytes=50331648 site=alloc_probe_tests::causes::retained::spike
//! ```

pub mod benign;
pub mod capacity;
pub mod fragmentation;
pub mod growth;
pub mod hunger;
pub mod lifetimes;
pub mod more_work;
mod pace;
pub mod reserved;
pub mod retained;
pub mod service;
pub mod small_blocks;
pub mod stack_growth;
pub mod temporary;
pub mod threads;

use crate::subject;

/// How a case runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// Without the cause.
    Base,
    /// With the cause, and nothing else of note.
    New,
    /// With something that could be taken for the cause.
    Control,
}

/// A case: it runs in a variant, and what it leaves live stays so until the process ends.
type Case = fn(Variant);

/// All of them, by the name of the finding.
const CASES: &[(&str, Case)] = &[
    ("retained", retained::run),
    ("fragmentation", fragmentation::run),
    ("capacity-kept", capacity::run),
    ("stack-growth", stack_growth::run),
    ("lifetimes", lifetimes::run),
    ("more-work", more_work::run),
    ("panicked", more_work::panicked),
    ("threads", threads::run),
    ("growth", growth::run),
    ("reserved", reserved::run),
    ("no-concern", benign::run),
    ("small-blocks", small_blocks::run),
    ("temporary-work", temporary::run),
    ("service", service::run),
    ("hunger", hunger::run),
];

/// Runs the case and the variant that the program's arguments name.
///
/// # Panics
///
/// If they name none.
pub fn main() {
    let arguments: Vec<String> = subject::arguments().collect();
    let [name, variant] = &arguments[..] else { panic!("the arguments are a case and a variant") };
    let variant = match variant.as_str() {
        "base" => Variant::Base,
        "new" => Variant::New,
        "control" => Variant::Control,
        other => panic!("no variant is called {other}"),
    };
    let case = CASES.iter().find(|(case, _)| case == name);
    let (_, run) = case.unwrap_or_else(|| panic!("no case is called {name}"));
    run(variant);
}

/// States how many bytes the cause has, and a function that must be among the sites of the finding, if any. The function
/// must be marked `#[inline(never)]` and not end in a call, which could replace its frame.
#[macro_export]
macro_rules! truth {
    ($bytes:expr) => {
        println!("truth bytes={}", $bytes)
    };
    ($bytes:expr, $function:expr) => {
        println!("truth bytes={} site={}", $bytes, ::std::any::type_name_of_val(&$function))
    };
}

//! What recording costs, measured: the workloads, the hot path by itself, and how both are told from noise.
//!
//! The programs that are measured are in `programs/`, the commands that measure them in `benches/`; `docs/performance.md`
//! has the commands and what they printed.

pub mod alternation;
pub mod candidates;
pub mod cases;
pub mod cores;
pub mod list;
pub mod pairs;
pub mod service;
#[cfg(target_arch = "x86_64")]
pub mod trace;
pub mod trap;
pub mod workloads;

/// The variable that has a program that does nothing print the peak of its resident memory, in KiB.
pub const TELL_MEMORY: &str = "BENCH_TELL_MEMORY";

/// Prints the peak of resident memory where that is asked for.
pub fn tell_memory_if_asked() {
    if std::env::var_os(TELL_MEMORY).is_some() {
        println!("{}", workloads::peak_kib().unwrap_or_default());
    }
}

/// The middle of some figures; the upper one of the two where their number is even.
///
/// # Panics
///
/// Where there are none.
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

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
#[cfg(target_arch = "x86_64")]
pub mod trace;
pub mod trap;
pub mod workloads;

/// The middle of some figures; the upper one of the two where their number is even.
///
/// # Panics
///
/// Where there are none.
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

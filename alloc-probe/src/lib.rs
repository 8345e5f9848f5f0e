//! A heap profiler that a service ships with: a wrapper around its global allocator.
//!
//! ```
//! alloc_probe::install!();
//! # fn main() {}
//! ```
//!
//! With that line, the program counts what it allocates, per thread and in all, at a few nanoseconds an allocation;
//! [`stats`] reads the figures. With `ALLOC_PROBE_OUT=profile.json` in its environment, it records every block with its
//! whole call stack, and leaves a dump at its end. The command `alloc-probe` (the crate `alloc-probe-cli`) turns dumps
//! into tables, flamegraphs and diffs of debug and release builds.
//!
//! | variable | values | meaning |
//! |---|---|---|
//! | `ALLOC_PROBE` | `off`, `count`, `sample`, `sample=BYTES`, `full` | how much to record; unset: `full` with an output path, else `count` |
//! | `ALLOC_PROBE_OUT` | a path; `%p` is the process's id, `%e` the program's name, `%n` the number of the dump | where the dump goes; unset: no file is ever written |
//! | `ALLOC_PROBE_LONG_LIVED` | a duration, such as `10s` | the age from which a live block is long-lived; `1s` by default |
//! | `ALLOC_PROBE_TRIM` | `on` or `off` | whether the allocator gives back what it can after each dump; `off` by default |
//! | `ALLOC_PROBE_MEMORY` | bytes, such as `64MiB` | the most that the profile may take while it is recorded; no limit by default |
//!
//! `ALLOC_PROBE_SIGNAL`, `ALLOC_PROBE_INTERVAL`, `ALLOC_PROBE_PEAK` and `ALLOC_PROBE_ABOVE` make a running program write
//! dumps, of which `ALLOC_PROBE_KEEP` keeps the newest: see `docs/environment.md` in the repository.
//!
//! # What it promises
//!
//! * The inner allocator sees the same calls, in the same order, as without the probe. The probe's own memory comes
//!   from the operating system.
//! * Recording starts with the process's first allocation, before `main`, and ends when the process does.
//! * Nothing inside an allocation panics, and nothing on its common path takes a lock or makes a system call. Dumps say
//!   how much could not be recorded.
//! * With one thread, every figure is exact, the peak included. With several, totals and what is live are exact, and
//!   the peak is off by no more than 0.2 % or 1 KiB a thread, whichever is more.
//!
//! It records what passes through Rust's global allocator: not what C code takes from `malloc`, and not `mmap`.

#[cfg(all(feature = "assertions", not(portable)))]
#[macro_use]
mod assertions;
// The same macros, over another `__private`.
#[cfg(all(feature = "assertions", portable))]
#[macro_use]
#[path = "assertions/macros.rs"]
mod macros;
#[cfg(not(portable))]
mod api;
#[cfg(not(portable))]
mod capture;
#[cfg(not(portable))]
mod dump;
#[cfg(not(portable))]
mod images;
#[cfg(not(portable))]
mod lifecycle;
#[cfg(not(portable))]
mod mode;
#[cfg(not(portable))]
mod os;
#[cfg(all(feature = "pprof", not(portable)))]
mod pprof;
#[cfg(not(portable))]
mod probe;
#[cfg(not(portable))]
mod profile;
#[cfg(not(portable))]
mod record;
#[cfg(not(portable))]
mod scope;
mod shared;
#[cfg(not(portable))]
mod spool;
#[cfg(all(feature = "stages", not(portable)))]
#[doc(hidden)]
pub mod stages;
#[cfg(not(portable))]
mod thread;

#[cfg(not(portable))]
pub use api::control::{dump, mode, set_mode, start, stats, stop, thread_stats};
#[cfg(not(portable))]
pub use api::future::{InScope, measure_future};
#[cfg(all(feature = "metrics", not(portable)))]
pub use api::metrics::metrics;
#[cfg(not(portable))]
pub use api::operation::{InOperation, Operated, Operation, operation, operation_failed};
#[cfg(all(feature = "pprof", not(portable)))]
pub use api::pprof::{PprofStart, pprof, pprof_since};
#[cfg(not(portable))]
pub use api::scope::{Entered, Here, Scope, here, measure};
#[cfg(all(feature = "tracing", not(portable)))]
pub use api::spans::SpanOperations;
#[cfg(not(portable))]
pub use probe::AllocProbe;
#[cfg(not(portable))]
pub use profile::marks::mark;
#[cfg(all(feature = "truth", not(portable)))]
#[doc(hidden)]
pub use record::truth;

#[cfg(portable)]
mod portable;
#[cfg(portable)]
pub use portable::count::{AllocProbe, dump, mark, set_mode, start, stats, stop, thread_stats};
#[cfg(all(feature = "metrics", portable))]
pub use portable::metrics::metrics;
#[cfg(portable)]
pub use portable::operation::{InOperation, Operated, Operation, operation, operation_failed};
#[cfg(all(feature = "pprof", portable))]
pub use portable::pprof::{PprofStart, pprof, pprof_since};
#[cfg(portable)]
pub use portable::scope::{Entered, Here, InScope, Scope, here, measure, measure_future};
#[cfg(all(feature = "tracing", portable))]
pub use portable::spans::SpanOperations;
#[cfg(portable)]
pub use portable::state::mode;
pub use shared::mode::Mode;
pub use shared::stats::Stats;
pub use shared::usage::Usage;

/// What the macros expand to, and not for any other use.
#[cfg(feature = "assertions")]
#[doc(hidden)]
pub mod __private {
    #[cfg(not(portable))]
    pub use crate::assertions::Check;
    #[cfg(portable)]
    pub use crate::portable::check::Check;
    pub use crate::shared::statement::{Comparison, Figure, Limit, Origin};
}

/// Declares the program's global allocator: the probe around the system's allocator, or around another one.
///
/// ```
/// alloc_probe::install!();
/// # fn main() {}
/// ```
///
/// With another allocator, name its unit struct, which is a type and a value at once:
///
/// ```text
/// alloc_probe::install!(tikv_jemallocator::Jemalloc);
/// ```
///
/// Dumps name the crate that contains this line, with its version.
#[macro_export]
macro_rules! install {
    () => {
        $crate::install!(::std::alloc::System);
    };
    ($inner:path) => {
        #[global_allocator]
        static ALLOC_PROBE: $crate::AllocProbe<$inner> = $crate::AllocProbe::new($inner).with_program(
            ::std::env!("CARGO_PKG_NAME"),
            ::std::env!("CARGO_PKG_VERSION"),
            ::std::cfg!(debug_assertions),
            if ::std::cfg!(panic = "abort") { "abort" } else { "unwind" },
        );
    };
}

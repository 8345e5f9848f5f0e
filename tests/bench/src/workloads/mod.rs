//! The work that is done once without a profiler and once with it. None of it knows which.
//!
//! A program's `main` calls [`main`] with what is left to do when the work is over, for profilers whose end has to be said.

mod churn;
mod documents;
mod grow;
mod sources;

use std::fmt;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

/// A workload by name, with its size at scale 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    /// One thread allocates and frees at the leaves of a tree of functions, some forty frames deep.
    Churn,
    /// The same on two threads, which free half of each other's blocks.
    Churn2,
    /// On four.
    Churn4,
    /// A heap that grows, with a short-lived block after each that stays, and replacements at the growing peak.
    Grow,
    /// Parses and writes a document with `serde_json`.
    Json,
    /// Parses Rust sources to syntax trees with `syn`.
    Syn,
}

impl Workload {
    /// All of them.
    pub const ALL: [Workload; 6] =
        [Workload::Churn, Workload::Churn2, Workload::Churn4, Workload::Grow, Workload::Json, Workload::Syn];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Workload::Churn => "churn",
            Workload::Churn2 => "mt2",
            Workload::Churn4 => "mt4",
            Workload::Grow => "grow",
            Workload::Json => "json",
            Workload::Syn => "syn",
        }
    }

    /// Whether it has more than one thread, and so needs more than one core.
    pub fn is_parallel(self) -> bool {
        matches!(self, Workload::Churn2 | Workload::Churn4)
    }

    /// Does the work. `scale` makes it longer or shorter; `files` are what it reads, if it reads any.
    fn run(self, scale: f64, files: &[String]) -> Work {
        let size = |at_scale_1: f64| (at_scale_1 * scale).max(1.0) as u64;
        match self {
            Workload::Churn => churn::on_one_thread(size(4e6)),
            Workload::Churn2 => churn::on_threads(2, size(2e6)),
            Workload::Churn4 => churn::on_threads(4, size(1e6)),
            Workload::Grow => grow::run(size(256.0 * 1024.0 * 1024.0)),
            Workload::Json => documents::run(size(20e6)),
            Workload::Syn => sources::run(size(4e6), files),
        }
    }
}

impl FromStr for Workload {
    type Err = ();

    fn from_str(name: &str) -> Result<Workload, ()> {
        Workload::ALL.into_iter().find(|workload| workload.name() == name).ok_or(())
    }
}

/// What was done, in how much processor time.
struct Work {
    /// Pairs of an allocation and its free where the workload consists of these, else whatever it repeats.
    operations: u64,
    time: Duration,
}

impl Work {
    /// Does something and takes its time.
    fn of(operations: u64, f: impl FnOnce()) -> Work {
        let start = processor_time();
        f();
        Work { operations, time: processor_time() - start }
    }
}

/// What a program that did its work tells.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    /// The operations done.
    pub operations: u64,
    /// The processor time that they took, user and system, on all threads.
    pub time: Duration,
    /// The most memory that was resident up to then, in KiB.
    pub peak_kib: u64,
    /// When the work was over, on the clock of [`now`].
    pub end: Duration,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Told { operations, time, peak_kib, end } = self;
        write!(f, "did {operations} {} {peak_kib} {}", time.as_nanos(), end.as_nanos())
    }
}

impl FromStr for Told {
    type Err = ();

    /// Finds the line among others, as of a profiler.
    fn from_str(output: &str) -> Result<Told, ()> {
        let parse = |line: &str| {
            let mut figures = line.strip_prefix("did ")?.split(' ').map(|word| word.parse::<u64>().ok());
            let mut next = || figures.next().flatten();
            Some(Told {
                operations: next()?,
                time: Duration::from_nanos(next()?),
                peak_kib: next()?,
                end: Duration::from_nanos(next()?),
            })
        };
        output.lines().find_map(parse).ok_or(())
    }
}

/// The body of a program: `PROGRAM WORKLOAD SCALE [LIST]`, where a list has the path of one file to read in each line.
/// Tells what was done, then calls `end`.
pub fn main(end: impl FnOnce()) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((workload, scale, files)) = parse(&arguments) else {
        eprintln!("usage: PROGRAM churn|mt2|mt4|grow|json|syn SCALE [LIST]");
        return ExitCode::from(2);
    };
    let work = workload.run(scale, &files);
    let told =
        Told { operations: work.operations, time: work.time, peak_kib: peak_kib().unwrap_or(0), end: now() };
    println!("{told}");
    end();
    ExitCode::SUCCESS
}

fn parse(arguments: &[String]) -> Option<(Workload, f64, Vec<String>)> {
    let (workload, scale, list) = match arguments {
        [workload, scale] => (workload, scale, None),
        [workload, scale, list] => (workload, scale, Some(list)),
        _ => return None,
    };
    let files = match list {
        Some(list) => std::fs::read_to_string(list).ok()?.lines().map(str::to_owned).collect(),
        None => Vec::new(),
    };
    Some((workload.parse().ok()?, scale.parse().ok()?, files))
}

/// The processor time of the process so far.
fn processor_time() -> Duration {
    read_clock(libc::CLOCK_PROCESS_CPUTIME_ID)
}

/// The time on a clock that all processes share.
pub fn now() -> Duration {
    read_clock(libc::CLOCK_MONOTONIC)
}

fn read_clock(clock: libc::clockid_t) -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the time is a valid place to write to.
    assert_eq!(unsafe { libc::clock_gettime(clock, &mut time) }, 0, "the clock is there");
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The most memory that was ever resident. Not `getrusage`'s figure, which starts with the parent's before `exec`.
pub(crate) fn peak_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// A small random number generator (SplitMix64): the same numbers in each run.
struct Random(u64);

impl Random {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

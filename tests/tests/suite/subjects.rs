//! Every subject, in both profiles and both modes: against the reference, against the figures it states of
//! itself, and against itself.

use crate::binaries::Profile;
use crate::consistency;
use crate::faults::Faults;
use crate::run::{Run, Subject};
use crate::stacks::Stacks;
use alloc_probe_format::dump::{Ended, Figures, Mode};

/// How many threads of a subject allocate, which says what can be exact.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Threads {
    /// One: every figure.
    One,
    /// So many at a time: the totals and the end. The peak is exact within what the probe promises, and within
    /// what is under way: a block that the allocator has handed out, so that the reference has counted it, and
    /// the probe not yet.
    Several(u64),
}

macro_rules! subjects {
    ($($(#[$attribute:meta])? $name:ident: $threads:expr),+ $(,)?) => {
        $(
            $(#[$attribute])?
            #[test]
            fn $name() {
                check_all($threads, |profile, mode| Subject::new(stringify!($name), profile, mode));
            }
        )+
    };
}

subjects! {
    aligned: Threads::One,
    boxes: Threads::One,
    calls: Threads::One,
    #[cfg(feature = "allocators")]
    jemalloc: Threads::Several(2),
    lifetimes: Threads::One,
    #[cfg(feature = "allocators")]
    mimalloc: Threads::Several(2),
    peak: Threads::One,
    recursion: Threads::One,
    temporaries: Threads::One,
    thread_locals: Threads::Several(21),
    threads: Threads::Several(65),
    vec_growth: Threads::One,
    workload: Threads::One,
    zeroed: Threads::One,
}

/// Runs a subject in both profiles and both modes, and checks all that can be checked of any.
pub(crate) fn check_all(threads: Threads, subject: impl Fn(Profile, Mode) -> Subject) {
    for profile in Profile::ALL {
        for mode in [Mode::Count, Mode::Full] {
            check(&subject(profile, mode).run().expect_success(), threads);
        }
    }
}

/// Checks all that can be checked of any run.
pub(crate) fn check(run: &Run, threads: Threads) {
    let mut faults = Faults::of(&run.subject);
    consistency::check(&run.dump, &mut faults);
    header(run, &mut faults);
    against_reference(run, threads, &mut faults);
    if run.mode() == Mode::Full {
        against_known(run, &mut faults);
    }
}

/// What the dump says of the program and its build.
fn header(run: &Run, faults: &mut Faults) {
    let (opt_level, debug_assertions) = run.profile().build_facts();
    let dump = &run.dump;
    faults.equal("mode", dump.mode, run.mode());
    faults.equal("opt-level", dump.build.opt_level.as_str(), opt_level);
    faults.equal("debug assertions", dump.build.debug_assertions, debug_assertions);
    faults.equal("ended", dump.process.ended, Ended::Exit);
    let command = run.subject.command();
    faults.equal(
        "executable",
        dump.process.executable.as_str(),
        command.get_program().to_str().unwrap_or_default(),
    );
    faults.equal("arguments", dump.process.command.len(), 1 + command.get_args().len());
}

fn against_reference(run: &Run, threads: Threads, faults: &mut Faults) {
    let (totals, reference) = (&run.dump.totals, &run.reference);
    let mut same = |name, probe, reference| {
        faults.equal(format_args!("{name} (against the reference)"), probe, reference)
    };
    same("total_bytes", totals.total_bytes, reference.total_bytes);
    same("total_blocks", totals.total_blocks, reference.total_blocks);
    same("end_bytes", totals.end_bytes, reference.live_bytes);
    same("end_blocks", totals.end_blocks, reference.live_blocks);
    same("freed_blocks", totals.freed_blocks(), reference.freed_blocks);
    same("realloc_calls", totals.realloc_calls, reference.realloc_calls);
    match threads {
        Threads::One => {
            same("peak_bytes", totals.peak_bytes, reference.peak_bytes);
            same("peak_blocks", totals.peak_blocks, reference.peak_blocks);
            if run.mode() == Mode::Full {
                same("realloc_moves", totals.realloc_moves, reference.realloc_moves);
                same("moved_bytes", totals.moved_bytes, reference.moved_bytes);
                same("temporary_blocks", totals.temporary_blocks, reference.temporary_blocks);
            }
        }
        Threads::Several(threads) => {
            let promised = (reference.peak_bytes / 1_000).max(512 * threads);
            let bound = promised + threads * reference.largest_bytes;
            let (peak, expected) = (totals.peak_bytes, reference.peak_bytes);
            let near = peak.abs_diff(expected) <= bound;
            faults.check(near, format_args!("peak_bytes is {peak}, more than {bound} from {expected}"));
        }
    }
}

/// Checks the lines that `known!` printed.
fn against_known(run: &Run, faults: &mut Faults) {
    let lines = run.stdout().lines().filter_map(|line| line.strip_prefix("known ")).collect::<Vec<_>>();
    if lines.is_empty() {
        return;
    }
    let stacks = Stacks::of(&run.dump);
    for line in lines {
        let mut words = line.split(' ');
        let function = words.next().unwrap_or_default();
        let figures = stacks.figures_below(function);
        for word in words {
            let (name, expected) = word.split_once('=').expect("`known!` prints name=value");
            let expected = expected.parse().expect("`known!` prints a number");
            faults.equal(format_args!("{function}: {name}"), figure(&figures, name), expected);
        }
    }
}

/// A figure by the name that it has in a dump.
fn figure(figures: &Figures, name: &str) -> u64 {
    match name {
        "total_bytes" => figures.total_bytes,
        "total_blocks" => figures.total_blocks,
        "peak_bytes" => figures.peak_bytes,
        "peak_blocks" => figures.peak_blocks,
        "end_bytes" => figures.end_bytes,
        "end_blocks" => figures.end_blocks,
        "temporary_blocks" => figures.temporary_blocks,
        "realloc_calls" => figures.realloc_calls,
        _ => panic!("no subject was expected to know its `{name}`"),
    }
}

//! What the environment says, and what code says where the environment is silent. And what the probe leaves alone:
//! `errno`.

mod support;

use alloc_probe::{AllocProbe, Mode};
use alloc_probe_format::dump;
use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use support::child::Child;
use support::truth::Truth;
use support::{Cases, cases, tell};

#[global_allocator]
static ALLOC: AllocProbe<Truth> = AllocProbe::new(Truth(std::alloc::System))
    .with_mode(Mode::Sample)
    .with_sample_bytes(1000)
    .with_long_lived(Duration::from_secs(3))
    .with_output("by-code.%p.json");

/// Checks and scenarios.
const CASES: Cases = Cases {
    checks: cases![
        code_holds_where_the_environment_is_silent,
        the_environment_wins_over_code,
        an_empty_value_is_as_good_as_unset,
        a_bad_value_is_one_line_and_turns_recording_off,
        paths_have_marks,
        errno_stays_as_it_is,
    ],
    scenarios: cases![works, keeps_errno],
};

fn main() -> ExitCode {
    let status = support::main(&[("environment", CASES)]);
    if support::is_scenario() {
        return status;
    }
    // The path that code sets is this process's, too, which leaves nothing in the folder it was started in.
    std::fs::remove_file(format!("by-code.{}.json.spool", std::process::id())).expect("its spool");
    // SAFETY: there is nothing left to do.
    unsafe { libc::_exit(if status == ExitCode::SUCCESS { 0 } else { 101 }) }
}

fn works() {
    black_box(vec![1u8; 1 << 20]).leak();
    tell("mode", alloc_probe::mode() as u64);
}

fn code_holds_where_the_environment_is_silent() {
    let outcome = Child::new("works", "").without("ALLOC_PROBE").without("ALLOC_PROBE_OUT").succeed();
    let name = format!("by-code.{}.json", outcome.pid);
    assert_eq!(outcome.files(), [name.as_str()]);
    let dump = outcome.dump_named(&name);
    assert_eq!(
        (dump.mode, dump.sample_bytes, dump.long_lived_threshold_ns),
        (dump::Mode::Sample, Some(1000), 3_000_000_000)
    );
    assert!(dump.build.allocator.contains("Truth"), "{:?}", dump.build);
}

fn the_environment_wins_over_code() {
    let outcome = Child::new("works", "full").env("ALLOC_PROBE_LONG_LIVED", "50ms").succeed();
    let dump = outcome.dump();
    assert_eq!(
        (dump.mode, dump.sample_bytes, dump.long_lived_threshold_ns),
        (dump::Mode::Full, None, 50_000_000)
    );

    let sampled = Child::new("works", "sample=64KiB").succeed().dump();
    assert_eq!((sampled.mode, sampled.sample_bytes), (dump::Mode::Sample, Some(64 << 10)));
    let sampled = Child::new("works", "sample").succeed().dump();
    assert_eq!(sampled.sample_bytes, Some(1000), "the mean is the code's where the environment names none");

    let off = Child::new("works", "off").succeed();
    assert_eq!((off.told("mode"), off.files(), off.stderr().as_str()), (Mode::Off as u64, vec![], ""));
}

fn an_empty_value_is_as_good_as_unset() {
    let names = [
        "ALLOC_PROBE_OUT",
        "ALLOC_PROBE_LONG_LIVED",
        "ALLOC_PROBE_MEMORY",
        "ALLOC_PROBE_SIGNAL",
        "ALLOC_PROBE_ABOVE",
    ];
    let child = names.iter().fold(Child::new("works", ""), |child, name| child.env(name, ""));
    let outcome = child.succeed();
    assert_eq!(outcome.stderr(), "");
    let dump = outcome.dump_named(&format!("by-code.{}.json", outcome.pid));
    assert_eq!((dump.mode, dump.long_lived_threshold_ns), (dump::Mode::Sample, 3_000_000_000));
}

fn a_bad_value_is_one_line_and_turns_recording_off() {
    let bad = [
        ("ALLOC_PROBE", "fully"),
        ("ALLOC_PROBE", "FULL"),
        ("ALLOC_PROBE", " full"),
        ("ALLOC_PROBE", "sample=0"),
        ("ALLOC_PROBE", "sample=12XB"),
        ("ALLOC_PROBE", "two\nlines"),
        ("ALLOC_PROBE_LONG_LIVED", "10"),
        ("ALLOC_PROBE_MEMORY", "64"),
        ("ALLOC_PROBE_MEMORY", "64MB"),
        ("ALLOC_PROBE_MEMORY", "1000KiB"),
        ("ALLOC_PROBE_LONG_LIVED", "-1s"),
        ("ALLOC_PROBE_TRIM", "yes"),
        ("ALLOC_PROBE_LONG_LIVED", "soon"),
    ];
    for (name, value) in bad {
        let outcome = Child::new("works", "full").env(name, value).succeed();
        let stderr = outcome.stderr();
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        let line = format!("alloc-probe: {name}={}", value.replace('\n', "?"));
        assert!(stderr.starts_with(&line) && stderr.contains("nothing is recorded"), "{stderr}");
        assert_eq!((outcome.told("mode"), outcome.files()), (Mode::Off as u64, vec![]));
    }
    let long = "x".repeat(5000);
    let stderr = Child::new("works", &long).succeed().stderr();
    assert!(stderr.starts_with("alloc-probe: ALLOC_PROBE=xxx") && stderr.ends_with('\n'), "{stderr}");
    assert_eq!(stderr.lines().count(), 1);
}

fn paths_have_marks() {
    let outcome = Child::new("works", "full").env("ALLOC_PROBE_OUT", "%e-%p-%n-100%%.json").succeed();
    let program = std::env::current_exe().expect("a path");
    let program = program.file_name().expect("a name").to_string_lossy();
    assert!(program.len() > 15, "longer than what the system takes for a thread's name: {program}");
    assert_eq!(outcome.files(), [format!("{program}-{}-0-100%.json", outcome.pid)]);
}

/// Through first uses, growth of tables, samples of the timeline, and threads' starts.
fn keeps_errno() {
    const MARK: i32 = 4321;
    fn check() {
        let start = Instant::now();
        let mut kept = Vec::with_capacity(100_000);
        let mut number = 0;
        // SAFETY: always points to the calling thread's.
        let errno = || unsafe { libc::__errno_location() };
        while number < 20_000 || start.elapsed() < Duration::from_millis(20) {
            // SAFETY: as above, for this thread only.
            unsafe { errno().write(MARK) };
            let block = black_box(vec![0u8; 1 + number % 20_000]);
            // SAFETY: likewise.
            assert_eq!(unsafe { errno().read() }, MARK, "after an allocation");
            kept.push(block);
            if number % 3 == 0 {
                let block = kept.swap_remove(number % kept.len());
                // SAFETY: likewise.
                unsafe { errno().write(MARK) };
                drop(black_box(block));
                // SAFETY: likewise.
                assert_eq!(unsafe { errno().read() }, MARK, "after a free");
            }
            number += 1;
        }
    }
    check();
    (0..3).for_each(|_| std::thread::spawn(check).join().expect("errno stays"));
}

fn errno_stays_as_it_is() {
    for mode in ["full", "sample=1000", "count"] {
        Child::new("keeps_errno", mode).succeed();
        // With a spool that can't grow any more.
        Child::new("keeps_errno", mode).limit(libc::RLIMIT_FSIZE, 1100 << 10).succeed();
    }
}

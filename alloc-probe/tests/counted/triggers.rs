//! Dumps of a program that goes on: on a signal, each interval, when the peak has grown, when much is live. The thread
//! that writes them is in no figure of the program's.

use crate::support::child::{Child, Outcome, Running};
use crate::support::figures::{agree, are_true_but_for_the_peak, of_dump};
use crate::support::truth::Counted;
use crate::support::{Cases, cases, tell};
use alloc_probe_format::dump::{Dump, Ended};
use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

/// Checks and scenarios.
pub(crate) const CASES: Cases = Cases {
    checks: cases![
        a_signal_asks_for_a_dump,
        a_signal_asks_a_busy_program,
        an_interval_brings_dumps,
        a_growing_peak_brings_dumps,
        passing_a_size_brings_a_dump,
        each_further_tenth_brings_a_dump,
        a_further_tenth_that_is_over_brings_a_dump,
        resident_memory_brings_a_dump,
        only_the_newest_dumps_stay,
        a_dump_that_fails_is_said_and_the_program_goes_on,
        without_a_path_it_is_said_that_there_is_none,
        what_is_off_is_off,
        values_that_cannot_be_understood,
        the_thread_of_the_probes_own_is_in_no_figure,
    ],
    scenarios: cases![waits, is_busy, rises, passes, climbs, soars],
};

const MIB: usize = 1 << 20;

/// Waits until the check has made a file of that name.
fn wait_for(name: &str) {
    while !Path::new(name).exists() {
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Waits until there is a whole dump of that name.
fn wait_for_dump(child: &Running, name: &str) -> Dump {
    let path = child.folder().join(name);
    for _ in 0..300_000 {
        // A dump gets its name when it is whole.
        if let Ok(text) = std::fs::read_to_string(&path) {
            return serde_json::from_str(&text).expect("a whole dump");
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    panic!("{name} never came");
}

fn go_on(child: &Running, name: &str) {
    std::fs::write(child.folder().join(name), "").expect("a file");
}

fn waits() {
    let kept = black_box(vec![1u8; 5 * MIB]);
    Counted::now().tell();
    tell("waits", 1);
    wait_for("go");
    drop(kept);
    Counted::tell_at_exit();
}

fn is_busy() {
    let threads: Vec<_> = (0..3)
        .map(|_| {
            std::thread::spawn(|| {
                while !Path::new("go").exists() {
                    let kept: Vec<Vec<u8>> = (1..300).map(|size| vec![1; size]).collect();
                    drop(black_box(kept));
                }
            })
        })
        .collect();
    tell("busy", 1);
    threads.into_iter().for_each(|thread| thread.join().expect("it returns"));
    Counted::tell_at_exit();
}

/// The peak grows to 2, 4 and 8 MiB, with a fall after each, and then by no more than a tenth.
fn rises() {
    for (step, mib) in [2, 4, 8].into_iter().enumerate() {
        drop(black_box(vec![1u8; mib * MIB]));
        wait_for(&format!("out.{}.json", step + 1));
    }
    drop(black_box(vec![1u8; 8 * MIB + MIB / 2]));
    tell("risen", 1);
    wait_for("go");
}

/// Passes 3 MiB, stays above for a while, and then falls and passes it again until that is seen.
fn passes() {
    // The probe looks at the figures while the program allocates.
    let works = |milliseconds| {
        for _ in 0..milliseconds {
            drop(black_box(Box::new(1)));
            std::thread::sleep(Duration::from_millis(1));
        }
    };
    let much = black_box(vec![1u8; 4 * MIB]);
    wait_for("out.1.json");
    // Not a further tenth.
    let more = black_box(vec![1u8; MIB / 8]);
    works(100);
    tell("dumps_above", u64::from(Path::new("out.2.json").exists()));
    drop((much, more));
    // On a busy machine, a fall and a rise may both lie between two looks; then there is nothing to see, and it falls again.
    let mut patience = 100;
    while !Path::new("out.2.json").exists() {
        works(patience);
        let again = black_box(vec![1u8; 4 * MIB]);
        for _ in 0..patience / 10 {
            if !Path::new("out.2.json").exists() {
                works(10);
            }
        }
        drop(again);
        patience = (patience * 2).min(10_000);
    }
    tell("passed", 1);
    wait_for("go");
}

/// Takes 8 MiB, and four times a sixteenth of that more, each after the dump that the one before brought.
fn climbs() {
    let mut kept = vec![black_box(vec![1u8; 8 * MIB])];
    for step in 1..=4 {
        wait_for(&format!("out.{step}.json"));
        kept.push(black_box(vec![1u8; 2 * MIB]));
    }
    wait_for("out.5.json");
    tell("climbed", 1);
    wait_for("go");
    black_box(kept);
}

/// Stays at 5 MiB, and takes 3 MiB more for a moment.
fn soars() {
    let kept = black_box(vec![1u8; 5 * MIB]);
    wait_for("out.1.json");
    drop(black_box(Vec::<u8>::with_capacity(3 * MIB)));
    wait_for("out.2.json");
    tell("soared", 1);
    wait_for("go");
    black_box(kept);
}

fn numbered(scenario: &str, mode: &str) -> Child {
    Child::new(scenario, mode).env("ALLOC_PROBE_OUT", "out.%n.json")
}

/// The files that it left, but for what the check itself made.
fn dumps(outcome: &Outcome) -> Vec<String> {
    let mut files = outcome.files();
    files.retain(|name| name != "go");
    files
}

fn a_signal_asks_for_a_dump() {
    for mode in ["full", "sample=1000", "count"] {
        let mut child = numbered("waits", mode).env("ALLOC_PROBE_SIGNAL", "SIGUSR2").start();
        child.wait_for("waits");
        for number in 1..=3 {
            child.signal(libc::SIGUSR2);
            let dump = wait_for_dump(&child, &format!("out.{number}.json"));
            agree(&dump);
            assert_eq!((dump.process.ended, dump.process.signal), (Ended::Running, None));
            assert!(dump.totals.end_bytes >= 5 << 20, "{:?}", dump.totals);
        }
        go_on(&child, "go");
        let outcome = child.wait();
        assert!(outcome.status.success(), "{}", outcome.stderr());
        assert_eq!(dumps(&outcome), ["out.0.json", "out.1.json", "out.2.json", "out.3.json"]);
        let last = outcome.dump_named("out.0.json");
        assert_eq!((of_dump(&last), last.process.ended), (Counted::told(&outcome), Ended::Exit));
    }
}

fn a_signal_asks_a_busy_program() {
    let mut child = numbered("is_busy", "full").env("ALLOC_PROBE_SIGNAL", "USR1").start();
    child.wait_for("busy");
    for number in 1..=10 {
        child.signal(libc::SIGUSR1);
        wait_for_dump(&child, &format!("out.{number}.json"));
    }
    go_on(&child, "go");
    let outcome = child.wait();
    assert!(outcome.status.success(), "{}", outcome.stderr());
    are_true_but_for_the_peak(&outcome.dump_named("out.0.json"), Counted::told(&outcome));
}

fn an_interval_brings_dumps() {
    let child = numbered("waits", "full").env("ALLOC_PROBE_INTERVAL", "20ms").start();
    let times =
        [1, 2, 3].map(|number| wait_for_dump(&child, &format!("out.{number}.json")).process.duration_ns);
    assert!(times[0] >= 20_000_000 && times[1] >= 40_000_000 && times[2] >= 60_000_000, "{times:?}");
    go_on(&child, "go");
    assert!(child.wait().status.success());
}

fn a_growing_peak_brings_dumps() {
    let mut child = numbered("rises", "full").env("ALLOC_PROBE_PEAK", "50%").start();
    child.wait_for("risen");
    // As long as several looks of the probe's.
    std::thread::sleep(Duration::from_millis(100));
    go_on(&child, "go");
    let outcome = child.wait();
    assert_eq!(dumps(&outcome), ["out.0.json", "out.1.json", "out.2.json", "out.3.json"]);
    for (name, mib) in [("out.1.json", 2), ("out.2.json", 4), ("out.3.json", 8)] {
        let peak = outcome.dump_named(name).totals.peak_bytes;
        assert!((mib << 20..(mib << 20) + (1 << 20)).contains(&peak), "{name}: {peak}");
    }
}

fn passing_a_size_brings_a_dump() {
    for mode in ["full", "count"] {
        let mut child = numbered("passes", mode).env("ALLOC_PROBE_ABOVE", "3MiB").start();
        child.wait_for("passed");
        go_on(&child, "go");
        let outcome = child.wait();
        assert_eq!(dumps(&outcome), ["out.0.json", "out.1.json", "out.2.json"]);
        assert_eq!(outcome.told("dumps_above"), 0, "once for each time that it passes");
        assert!(outcome.dump_named("out.1.json").totals.end_bytes >= 3 << 20);
    }
}

fn each_further_tenth_brings_a_dump() {
    // A tenth of 4 MiB is less than each step of the program's.
    let mut child = numbered("climbs", "full").env("ALLOC_PROBE_ABOVE", "4MiB").start();
    child.wait_for("climbed");
    go_on(&child, "go");
    let outcome = child.wait();
    let expected: Vec<String> = (0..=5).map(|number| format!("out.{number}.json")).collect();
    assert_eq!(dumps(&outcome), expected);
    for number in 1..=5_u64 {
        let live = outcome.dump_named(&format!("out.{number}.json")).totals.end_bytes;
        let least = (8 << 20) + (number - 1) * (2 << 20);
        assert!((least..least + (1 << 20)).contains(&live), "{number}: {live}");
    }
}

/// It mostly lasts for less than the probe takes to look; on a busy machine, it may not be over yet.
fn a_further_tenth_that_is_over_brings_a_dump() {
    let mut child = numbered("soars", "full").env("ALLOC_PROBE_ABOVE", "4MiB").start();
    child.wait_for("soared");
    go_on(&child, "go");
    let totals = child.wait().dump_named("out.2.json").totals;
    assert!(totals.peak_bytes >= 8 << 20, "{totals:?}");
}

/// Each block is touched, so what is resident grows by as much as is live.
fn resident_memory_brings_a_dump() {
    for mode in ["count", "sample"] {
        // Without the first 8 MiB, no process of this kind has so much; with them, each does.
        let mut child = numbered("climbs", mode).env("ALLOC_PROBE_ABOVE", "rss=10MiB").start();
        child.wait_for("climbed");
        go_on(&child, "go");
        let outcome = child.wait();
        let first = outcome.dump_named("out.1.json");
        assert!(first.memory.rss_bytes >= 10 << 20, "{mode}: {}", first.memory.rss_bytes);
    }
}

fn only_the_newest_dumps_stay() {
    let child = numbered("climbs", "full").env("ALLOC_PROBE_ABOVE", "4MiB").env("ALLOC_PROBE_KEEP", "2");
    let mut child = child.start();
    child.wait_for("climbed");
    // The oldest goes when the newest is there.
    while child.folder().join("out.3.json").exists() {
        std::thread::sleep(Duration::from_millis(2));
    }
    go_on(&child, "go");
    let outcome = child.wait();
    assert_eq!(dumps(&outcome), ["out.0.json", "out.4.json", "out.5.json"]);
}

fn a_dump_that_fails_is_said_and_the_program_goes_on() {
    let mut child = Child::new("waits", "full").env("ALLOC_PROBE_SIGNAL", "SIGHUP").start();
    child.wait_for("waits");
    std::fs::create_dir(child.folder().join("out.json")).expect("a folder in its place");
    child.signal(libc::SIGHUP);
    while std::fs::read_to_string(child.folder().join("stderr")).expect("a file").is_empty() {
        std::thread::sleep(Duration::from_millis(2));
    }
    std::fs::remove_dir(child.folder().join("out.json")).expect("it is removed");
    child.signal(libc::SIGHUP);
    wait_for_dump(&child, "out.json");
    go_on(&child, "go");
    let outcome = child.wait();
    assert!(outcome.status.success());
    let complaints = outcome.complaints();
    assert!(complaints.len() == 1 && complaints[0].ends_with("the program goes on"), "{complaints:?}");
    assert_eq!(dumps(&outcome), ["out.json"]);
}

fn without_a_path_it_is_said_that_there_is_none() {
    let child = Child::new("waits", "full").without("ALLOC_PROBE_OUT").env("ALLOC_PROBE_PEAK", "10%").start();
    go_on(&child, "go");
    let outcome = child.wait();
    assert!(outcome.status.success());
    let expected = "alloc-probe: dumps of the running program need ALLOC_PROBE_OUT to say where they go";
    assert_eq!(outcome.complaints(), [expected]);
    assert_eq!(dumps(&outcome), [""; 0]);
}

fn what_is_off_is_off() {
    let mut child = Child::new("waits", "full");
    for name in ["SIGNAL", "INTERVAL", "PEAK", "ABOVE"] {
        child = child.env(&format!("ALLOC_PROBE_{name}"), "off");
    }
    let mut child = child.start();
    child.wait_for("waits");
    child.signal(libc::SIGUSR2);
    use std::os::unix::process::ExitStatusExt as _;
    assert_eq!(child.wait().status.signal(), Some(libc::SIGUSR2), "it is nobody's");
}

fn values_that_cannot_be_understood() {
    for (name, value) in [
        ("SIGNAL", "SIGKILL"),
        ("SIGNAL", "12"),
        ("INTERVAL", "0s"),
        ("INTERVAL", "often"),
        ("PEAK", "10"),
        ("PEAK", "0%"),
        ("ABOVE", "4GB"),
        ("ABOVE", "-1"),
        ("ABOVE", "rss=90%"),
        ("ABOVE", "1GiB,2GiB"),
        ("KEEP", "some"),
    ] {
        let child = Child::new("waits", "full").env(&format!("ALLOC_PROBE_{name}"), value).start();
        go_on(&child, "go");
        let outcome = child.wait();
        assert!(outcome.status.success(), "{}", outcome.stderr());
        let complaints = outcome.complaints();
        let start = format!("alloc-probe: ALLOC_PROBE_{name}={value} can't be understood (");
        assert!(complaints.len() == 1 && complaints[0].starts_with(&start), "{complaints:?}");
        assert!(complaints[0].ends_with("; nothing is recorded"), "{complaints:?}");
        assert_eq!(dumps(&outcome), [""; 0]);
    }
}

/// With one thread of its own, the program's peak is exact to the byte, as without the probe's.
fn the_thread_of_the_probes_own_is_in_no_figure() {
    let child = Child::new("waits", "full")
        .env("ALLOC_PROBE_INTERVAL", "1ms")
        .env("ALLOC_PROBE_PEAK", "1%")
        .env("ALLOC_PROBE_ABOVE", "1MiB")
        .start();
    wait_for_dump(&child, "out.json");
    go_on(&child, "go");
    let outcome = child.wait();
    let dump = outcome.dump_named("out.json");
    agree(&dump);
    assert_eq!(of_dump(&dump), Counted::told(&outcome));
    assert_eq!((dump.threads.len(), dump.process.ended), (1, Ended::Exit));
    assert_eq!(dumps(&outcome), ["out.json"]);
}

//! `explain` names the cause of one process's memory: for each kind of finding a program that has that cause and no
//! other, and one that looks alike, of which nothing of the kind may be said. The programs are those of
//! `tests/src/causes/`.

use crate::binaries::{self, Profile};
use crate::faults::Faults;
use crate::tool::{alloc_probe, frames};
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The programs that run the cases: with glibc's allocator, and with jemalloc.
const PROGRAMS: &[&str] =
    if cfg!(feature = "allocators") { &["installed", "installed_jemalloc"] } else { &["installed"] };

/// How far a finding's figure may be from the truth.
const TOLERANCE: f64 = 0.1;

/// What a case says that had to wait for a processor, so that it did not do its work evenly over time. It is run again.
const LATE: &str = "late";
const TRIES: usize = 10;

/// How many times what the case has more than its base the process has in all.
const ALL_THREADS: f64 = 6.0 / 5.0;
const WHOLE_STACK: f64 = 64.0 / 63.0;
/// What was allocated in the last tenth of the time is not counted as grown. That is a tenth, or more where the machine had
/// other things to do before.
const BUT_THE_LAST_TENTH: RangeInclusive<f64> = 0.5..=1.0;

#[test]
fn retained_memory_is_named() {
    check("retained", "retained", 1.0, "control");
}

#[test]
fn fragmentation_is_named() {
    check("fragmentation", "fragmentation", 1.0, "control");
}

#[test]
fn capacity_that_was_kept_is_named() {
    check("capacity-kept", "capacity-kept", 1.0, "control");
}

#[test]
fn a_deep_stack_is_named() {
    check("stack-growth", "stack-growth", WHOLE_STACK, "control");
}

/// Four threads are as many as many programs have, and a fifth of a small one's memory all the same.
#[test]
fn many_threads_are_named() {
    check("threads", "threads", ALL_THREADS, "control of retained");
}

#[test]
fn growth_without_end_is_named() {
    check_within("growth", "growth", BUT_THE_LAST_TENTH, "control");
}

#[test]
fn what_is_reserved_and_not_used_is_named() {
    check("reserved", "reserved", 1.0, "control");
}

/// jemalloc adds nothing to blocks of eight bytes.
#[test]
fn many_small_blocks_are_named() {
    check_program("installed", "small-blocks", "small-blocks", &(1.0..=1.0), "control");
}

#[test]
fn temporary_work_is_named() {
    check("temporary-work", "temporary-work", 1.0, "control");
}

/// Blocks as large as what lies between two samples are nearly all known, and glibc's chunks tell what is free. Of jemalloc's
/// memory a sampled run does not know that.
#[test]
fn a_sampled_run_is_explained_too() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for case in ["retained", "fragmentation", "reserved"] {
        let mut faults = Faults::of(format_args!("{case}, sampled"));
        let dump = folder.path().join(format!("{case}.json"));
        let output =
            start("installed", case, "new", &dump).env("ALLOC_PROBE", "sample").output().expect("it runs");
        let truths: Vec<_> = String::from_utf8_lossy(&output.stdout).lines().filter_map(truth).collect();
        let found = explained(&[&dump]);
        let first = &found["findings"][0];
        faults.check(first["kind"] == case, format_args!("the first is {first:#}"));
        // Whose blocks hold the pages is not known.
        let site = truths[0].1.as_deref().filter(|_| case != "fragmentation");
        holds(&found, first, truths[0].0, site, &mut faults);
        for line in found["memory"]["account"].as_array().expect("an account") {
            let may_be = ["never touched", "swapped out"].iter().any(|name| line["name"] == *name);
            faults.check(may_be || line["bytes"].as_i64().unwrap_or(0) >= 0, format_args!("{line:#}"));
        }
    }
}

/// Runs a case, whose finding must be the first, and its control, which must not have it.
fn check(case: &str, kind: &str, times: f64, control: &str) {
    check_within(case, kind, times..=times, control);
}

/// The same where the figure is within a range, as a multiple of what the case has.
fn check_within(case: &str, kind: &str, times: RangeInclusive<f64>, control: &str) {
    for program in PROGRAMS {
        check_program(program, case, kind, &times, control);
    }
}

fn check_program(program: &'static str, case: &str, kind: &str, times: &RangeInclusive<f64>, control: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut faults = Faults::of(format_args!("{program} {case}"));
    let (dump, truths) = run(program, case, "new", folder.path());
    let found = explained(&[&dump]);
    let first = &found["findings"][0];
    faults.check(first["kind"] == kind, format_args!("the first is {first:#}"));
    let range = truths[0].0 * times.start()..=truths[0].0 * times.end();
    holds_within(&found, first, range, truths[0].1.as_deref(), &mut faults);

    let control = control.strip_prefix("control of ").unwrap_or(case);
    let (dump, _) = run(program, control, "control", folder.path());
    let named = finding(&explained(&[&dump]), kind).cloned();
    faults.check(named.is_none(), format_args!("the control: {named:#?}"));
}

/// The leak is named with its rate, from a process that runs, from its end, and from what is left after SIGKILL. What
/// the spike left behind is named where the pages can be looked at; the cache is not, nor the pool.
#[test]
fn of_a_service_the_leak_is_named_and_the_cache_is_not() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut faults = Faults::of("service");
    let (dump, truths) = run("installed", "service", "new", folder.path());
    let [(leak, leaks), (spike, spikes)] = &truths[..] else { panic!("{truths:?}") };
    let of_leak = |whole: &Value, faults: &mut Faults| match finding(whole, "growth") {
        Some(growth) => {
            let [low, high] =
                [BUT_THE_LAST_TENTH.start(), BUT_THE_LAST_TENTH.end()].map(|times| leak * times);
            holds_within(whole, growth, low..=high, leaks.as_deref(), faults);
            faults.check(growth["sites"].as_array().map(Vec::len) == Some(1), format_args!("{growth:#}"));
        }
        None => faults.check(false, format_args!("no growth: {:#}", whole["findings"])),
    };
    let of_spike = |whole: &Value, faults: &mut Faults| match finding(whole, "retained") {
        Some(retained) => holds(whole, retained, *spike, spikes.as_deref(), faults),
        None => faults.check(false, format_args!("nothing retained: {:#}", whole["findings"])),
    };
    let at_end = explained(&[&dump]);
    of_leak(&at_end, &mut faults);
    of_spike(&at_end, &mut faults);

    let path = folder.path().join("killed.json");
    let waiting = || {
        let mut child =
            start("installed", "service", "new", &path).env("WAITS", "1").spawn().expect("it starts");
        let late = wait_for_truths(&mut child, 2);
        if late {
            child.kill().expect("it is killed");
            child.wait().expect("it ends");
        }
        (!late).then_some(child)
    };
    let mut child = (0..TRIES).find_map(|_| waiting()).expect("a processor, most of the time");
    let running = explained(&[Path::new(&child.id().to_string())]);
    of_leak(&running, &mut faults);
    of_spike(&running, &mut faults);
    let unexplained = ["other mappings", "without blocks", "heap beyond them", "the rest"].map(|name| {
        let lines = running["memory"]["account"].as_array().into_iter().flatten();
        lines.filter(|line| line["name"] == name).filter_map(|line| line["bytes"].as_i64()).sum::<i64>()
    });
    let resident = running["memory"]["rss_bytes"].as_i64().unwrap_or(0);
    let few = unexplained.iter().sum::<i64>() * 100 <= resident * 3;
    faults.check(few, format_args!("{unexplained:?} of {resident} are not explained"));
    child.kill().expect("it is killed");
    child.wait().expect("it ends");
    let killed = explained(&[&path.with_extension("json.spool")]);
    of_leak(&killed, &mut faults);
    faults.check(killed["process"]["ended"] == "killed", format_args!("{:#}", killed["process"]));

    let (dump, _) = run("installed", "service", "control", folder.path());
    let named = finding(&explained(&[&dump]), "growth").cloned();
    faults.check(named.is_none(), format_args!("without a leak: {named:#?}"));
}

fn finding<'a>(whole: &'a Value, kind: &str) -> Option<&'a Value> {
    whole["findings"].as_array().expect("findings").iter().find(|finding| finding["kind"] == kind)
}

/// Whether a finding has that figure, and that function in the stack of its first site.
fn holds(whole: &Value, finding: &Value, bytes: f64, site: Option<&str>, faults: &mut Faults) {
    holds_within(whole, finding, bytes..=bytes, site, faults);
}

fn holds_within(
    whole: &Value,
    finding: &Value,
    bytes: RangeInclusive<f64>,
    site: Option<&str>,
    faults: &mut Faults,
) {
    let figure = finding["bytes"].as_f64().unwrap_or(0.0);
    let may_be = bytes.start() * (1.0 - TOLERANCE)..=bytes.end() * (1.0 + TOLERANCE);
    faults.check(may_be.contains(&figure), format_args!("{figure} bytes for {bytes:?}: {finding:#}"));
    if let Some(site) = site {
        let first = finding["sites"][0].as_u64().map(|first| &whole["sites"][first as usize]);
        let is_there = first.is_some_and(|first| frames(whole, first).any(|frame| frame["function"] == site));
        faults.check(is_there, format_args!("{site} is not in the first site's stack: {finding:#}"));
    }
    for text in ["sentence", "advice"] {
        faults.check(finding[text].as_str().is_some_and(|text| !text.is_empty()), format_args!("no {text}"));
    }
    let evidence = finding["evidence"].as_array().is_some_and(|evidence| !evidence.is_empty());
    faults.check(evidence, format_args!("no evidence"));
}

fn start(program: &'static str, case: &str, variant: &str, dump: &Path) -> Command {
    let mut command = Command::new(binaries::subject(program, Profile::Release));
    command.args(["causes", case, variant]).env_clear().env("ALLOC_PROBE_OUT", dump).stdout(Stdio::piped());
    command
}

/// Runs a variant of a case to its end; returns where its dump is, and what it says of itself.
fn run(
    program: &'static str,
    case: &str,
    variant: &str,
    folder: &Path,
) -> (PathBuf, Vec<(f64, Option<String>)>) {
    let dump = folder.join(format!("{case}.{variant}.json"));
    let on_time = || {
        let output = start(program, case, variant, &dump).output().expect("it runs");
        assert!(output.status.success(), "{case} {variant}: {}", output.status);
        let output = String::from_utf8_lossy(&output.stdout).into_owned();
        (!output.lines().any(|line| line == LATE)).then_some(output)
    };
    let output = (0..TRIES).find_map(|_| on_time()).expect("a processor, most of the time");
    let truths = output.lines().filter_map(truth).collect();
    (dump, truths)
}

/// Returns whether it was late.
fn wait_for_truths(child: &mut Child, count: usize) -> bool {
    let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines().map(|line| line.expect("text"));
    let mut late = false;
    let truths = lines.inspect(|line| late |= line == LATE).filter(|line| truth(line).is_some()).take(count);
    assert_eq!(truths.count(), count);
    late
}

/// `truth bytes=8192 site=a::b`
fn truth(line: &str) -> Option<(f64, Option<String>)> {
    let words: Vec<&str> = line.strip_prefix("truth ")?.split_whitespace().collect();
    let word = |name: &str| words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    Some((word("bytes")?.parse().ok()?, word("site").map(str::to_owned)))
}

fn explained(files: &[&Path]) -> Value {
    let output = alloc_probe().arg("explain").args(files).arg("--json").output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

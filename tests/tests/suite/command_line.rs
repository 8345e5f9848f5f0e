//! The whole way: a real dump through the built `alloc-probe`.

use crate::binaries::{self, Profile};
use crate::faults::Faults;
use crate::run::{Run, Subject};
use crate::tool::{alloc_probe, frames, json, printed};
use alloc_probe_format::dump::{Dump, Figures, Mode};
use alloc_probe_format::metric::Metric;
use serde_json::Value;
use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::Output;

fn boxes(profile: Profile) -> Run {
    Subject::new("boxes", profile, Mode::Full).run().expect_success()
}

/// Whether a frame, as JSON, is this function of this file, with a line.
fn is_frame(frame: &Value, function: &str, file: &str) -> bool {
    frame["function"].as_str() == Some(function)
        && frame["file"].as_str().is_some_and(|path| path.ends_with(file))
        && frame["line"].as_u64().is_some_and(|line| line > 0)
}

#[test]
fn show_has_the_figures_of_the_dump() {
    for profile in Profile::ALL {
        let run = boxes(profile);
        let shown = json(alloc_probe().arg("show").arg(run.dump_path()).arg("--json"));
        let mut faults = Faults::of(&run.subject);
        let figures = |value: &Value| serde_json::from_value::<Figures>(value.clone()).expect("figures");
        faults.equal("schema_version", shown["schema_version"].as_u64(), Some(2));
        // What grows is a verdict, not a figure of the dump.
        let of_dump = Metric::ALL.iter().filter(|metric| **metric != Metric::Growth);
        for figure in of_dump.map(|metric| metric.name().replace('-', "_")) {
            let shown = &shown["summary"][&figure];
            faults.check(shown.is_u64(), format_args!("the summary's {figure} is {shown}"));
        }
        faults.equal("summary", figures(&shown["summary"]), run.dump.totals);
        let sites = shown["sites"].as_array().expect("sites");
        let mut sum = Figures::default();
        sites.iter().for_each(|site| sum.add(&figures(site)));
        faults.equal("sum of the sites", sum, run.dump.totals);
        // The hundred boxes are one site, and the vector for them, which is less, another: both in one function.
        let (boxes, vector) = (figures(&sites[0]), figures(&sites[1]));
        faults.equal("first site", (boxes.peak_bytes, boxes.peak_blocks), (51_200, 100));
        faults.equal("second site", (vector.peak_bytes, vector.peak_blocks), (800, 1));
        let stack = frames(&shown, &sites[0]).collect::<Vec<_>>();
        let is_own =
            |frame: &&Value| is_frame(frame, "subjects::boxes::hundred_boxes", "tests/subjects/boxes.rs");
        faults.check(stack.iter().any(is_own), format_args!("{stack:#?}"));
        faults.equal("resident", shown["memory"]["rss_bytes"].as_u64(), Some(run.dump.memory.rss_bytes));
        faults.equal(
            "opt-level",
            shown["build"]["opt_level"].as_str(),
            Some(run.dump.build.opt_level.as_str()),
        );
    }
}

#[test]
fn show_is_plain_text_where_there_is_no_terminal() {
    let run = boxes(Profile::Release);
    let text =
        printed(alloc_probe().arg("show").arg(run.dump_path()).args(["--by", "end-bytes", "--top", "3"]));
    assert!(text.contains("hundred_boxes"), "{text}");
    assert!(text.contains("boxes.rs:"), "{text}");
    assert!(!text.contains('\u{1b}'), "{text}");
    assert!(text.lines().all(|line| line == line.trim_end()), "{text}");
}

#[test]
fn flamegraphs_are_drawn() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (base, new) = (boxes(Profile::Dev), boxes(Profile::Release));
    let (one, difference) = (folder.path().join("one.svg"), folder.path().join("difference.svg"));
    printed(alloc_probe().arg("flamegraph").arg(new.dump_path()).arg("-o").arg(&one));
    let diff = ["flamegraph", "--diff"];
    printed(alloc_probe().args(diff).arg(base.dump_path()).arg(new.dump_path()).arg("-o").arg(&difference));
    for path in [one, difference] {
        let svg = fs::read_to_string(path).expect("the picture is there");
        assert!(svg.trim_start().starts_with("<?xml") && svg.trim_end().ends_with("</svg>"));
        assert!(svg.contains("boxes::hundred_boxes"), "{svg}");
    }
}

#[test]
fn diff_pairs_the_sites_of_two_builds() {
    let (base, new) = (boxes(Profile::Dev), boxes(Profile::Release));
    let diff = json(alloc_probe().arg("diff").arg(base.dump_path()).arg(new.dump_path()).arg("--json"));
    assert!(
        diff["matched"]["bytes_percent"].as_f64().is_some_and(|percent| percent > 99.0),
        "{}",
        diff["matched"]
    );
    for (side, run) in [("base", &base), ("new", &new)] {
        assert_eq!(diff[side]["total_bytes"].as_u64(), Some(run.dump.totals.total_bytes), "{side}");
        assert_eq!(diff[side]["peak_bytes"].as_u64(), Some(run.dump.totals.peak_bytes), "{side}");
    }
    let same = json(alloc_probe().arg("diff").arg(base.dump_path()).arg(base.dump_path()).arg("--json"));
    assert_eq!(same["matched"]["bytes_percent"].as_f64(), Some(100.0));
}

#[test]
fn run_passes_on_what_the_program_does() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dump = folder.path().join("run.json");
    let program = binaries::subject("subjects", Profile::Release);
    let output = alloc_probe()
        .args(["run", "-o"])
        .arg(&dump)
        .arg("--")
        .arg(program)
        .args(["endings", "exit"])
        .output();
    let Output { status, stdout, stderr } = output.expect("it runs");
    let (results, messages) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert_eq!(status.code(), Some(3), "{messages}");
    assert!(
        results.starts_with("known subjects::endings::lost"),
        "the program's own output comes through: {results}"
    );
    assert!(format!("{results}{messages}").contains("endings::lost"), "{messages}");
    let shown = json(alloc_probe().arg("show").arg(&dump).arg("--json"));
    assert!(shown["summary"]["peak_bytes"].as_u64() >= Some(70_000));
    assert_eq!(entries(folder.path()), ["run.json"]);
    // It can be read where the program is not.
    let dump: Dump = serde_json::from_slice(&fs::read(dump).expect("the dump is there")).expect("a dump");
    let symbols = dump.symbols.expect("the dump carries its symbols");
    assert!(symbols.strings.iter().any(|name| name.contains("endings::")), "{:?}", symbols.strings);
}

#[test]
fn run_says_how_a_program_ended_that_wrote_no_dump() {
    let program = binaries::subject("subjects", Profile::Release);
    let link = tempfile::tempdir().expect("a temporary folder");
    let link = link.path().join("other-name");
    std::os::unix::fs::symlink(&program, &link).expect("a link can be made");
    let earlier = earlier_spool();
    let at_once = "the program ended at once with exit status 5, as by `_exit`, and wrote no dump";
    let became = "the program seems to have become another one: it ended as `true` with exit status 0, and wrote no dump";
    for (program, args, code, said) in [
        (&program, &["_exit"][..], 5, at_once),
        (&link, &["_exit"], 5, at_once),
        (&program, &["exec", "/bin/true"], 0, became),
    ] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let dump = folder.path().join("run.json");
        // What another run left is not taken for this one's, and is kept.
        fs::write(folder.path().join("run.json.spool"), &earlier).expect("it can be written");
        let output = alloc_probe()
            .args(["run", "-o"])
            .arg(&dump)
            .arg("--")
            .arg(program)
            .arg("endings")
            .args(args)
            .output();
        let Output { status, stderr, .. } = output.expect("it runs");
        let messages = String::from_utf8_lossy(&stderr);
        assert_eq!(status.code(), Some(code), "{messages}");
        assert!(messages.contains(&format!("warning: {said}\n")), "{messages}");
        assert!(messages.contains("endings::lost"), "{messages}");
        let shown = json(alloc_probe().arg("show").arg(&dump).arg("--json"));
        assert!(shown["summary"]["end_bytes"].as_u64() >= Some(70_000));
        let [dump, kept] = &entries(folder.path())[..] else { panic!("{:?}", entries(folder.path())) };
        assert!(dump == "run.json" && kept.starts_with("run.json.") && kept.ends_with(".spool"), "{kept}");
        assert!(fs::read(folder.path().join(kept)).expect("it can be read") == earlier);
    }
}

/// The spool of a process that was killed.
fn earlier_spool() -> Vec<u8> {
    let packed = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/file/spool-count.gz");
    let packed = fs::File::open(packed).expect("the corpus has one");
    let mut spool = Vec::new();
    flate2::read::GzDecoder::new(packed).read_to_end(&mut spool).expect("it is whole");
    spool
}

/// The names of the files in a folder, in order.
fn entries(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("the folder is there").flatten();
    let mut names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect::<Vec<_>>();
    names.sort();
    names
}

#[test]
fn a_closed_pipe_is_no_error() {
    let run = boxes(Profile::Dev);
    let mut command = alloc_probe();
    command.arg("show").arg(run.dump_path()).arg("--json");
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let mut child = command.spawn().expect("it runs");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty());
}

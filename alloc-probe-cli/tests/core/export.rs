//! `export`.

use crate::support::{alloc_probe, directory, orders, orders_in, write};
use alloc_probe_format::dump::Mode;
use alloc_probe_format::metric::Metric;
use flate2::read::GzDecoder;
use serde_json::Value;
use std::io::Read;

/// The formats that the help lists.
fn formats() -> Vec<String> {
    let help = alloc_probe(&["export", "--help"]).out;
    let list = help.split("Possible values:").nth(1).expect("a list of formats");
    let rows = list.lines().skip(1).take_while(|line| !line.trim().is_empty());
    rows.map(|row| row.trim().trim_start_matches("- ").split(':').next().unwrap().to_owned()).collect()
}

/// The bytes of a file, which may be compressed.
fn decompressed(file: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    match file.starts_with(&[0x1f, 0x8b]) {
        true => drop(GzDecoder::new(file).read_to_end(&mut bytes).unwrap()),
        false => bytes.extend_from_slice(file),
    }
    bytes
}

/// What a format that is text has of a dump.
fn exported(format: &str, arguments: &[&str]) -> String {
    let directory = directory();
    let file = orders_in(&directory);
    let exported = alloc_probe(&[&["export", &file, "--format", format], arguments].concat());
    assert_eq!((exported.status, exported.err.as_str()), (0, ""), "{format}");
    exported.out
}

/// A format is a file in `render/export`, a line in its list, and a row in the reference of commands.
#[test]
fn every_format_is_listed_documented_and_written() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/render/export");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .filter(|name| name != "mod" && name != "exporter")
        .filter(|name| name != "otlp" || cfg!(feature = "otlp"))
        .collect();
    files.sort();
    let mut formats = formats();
    let directory = directory();
    let file = orders_in(&directory);
    for format in &formats {
        let path = directory.path().join(format);
        let exported = alloc_probe(&["export", &file, "--format", format, "-o", path.to_str().unwrap()]);
        assert_eq!((exported.status, exported.out.as_str()), (0, ""), "{format}");
        let text = String::from_utf8_lossy(&decompressed(&std::fs::read(path).unwrap())).into_owned();
        assert!(text.contains("orders::cache::Cache"), "{format}: {text}");
        let row = format!("| `{format}` |");
        assert!(
            include_str!("../../../docs/commands.md").contains(&row),
            "docs/commands.md has no row {row}"
        );
    }
    formats.sort();
    assert_eq!(formats, files);
}

#[test]
fn folded_stacks_are_those_of_the_metric() {
    let directory = directory();
    let file = orders_in(&directory);
    let exported = alloc_probe(&["export", &file, "--format", "folded", "--by", "total-blocks"]);
    let sum: u64 =
        exported.out.lines().map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()).sum();
    assert_eq!(sum, orders().totals.total_blocks);
    assert!(exported.out.contains("orders::main;orders::http::serve;orders::cache::Cache::insert"));
}

/// Everything that a DHAT file can hold comes back from one, and equal stacks are one row of it.
#[test]
fn a_dhat_file_has_the_figures_of_the_dump() {
    let directory = directory();
    let file = orders_in(&directory);
    let exported = directory.path().join("dhat.json");
    let path = exported.to_str().unwrap();
    let written = alloc_probe(&["export", &file, "--format", "dhat", "-o", path]);
    assert_eq!((written.status, written.out.as_str()), (0, ""));
    assert_eq!(written.err, format!("wrote {path}\n"));
    let text: Value = serde_json::from_slice(&std::fs::read(&exported).unwrap()).unwrap();
    let mut stacks: Vec<&Value> = text["pps"].as_array().unwrap().iter().map(|point| &point["fs"]).collect();
    let before = stacks.len();
    stacks.sort_by_key(|stack| stack.to_string());
    stacks.dedup();
    assert_eq!(stacks.len(), before);
    let shown = |file: &str| -> Value {
        serde_json::from_str(&alloc_probe(&["show", "--json", file]).out).expect("JSON")
    };
    let (ours, read) = (shown(&file), shown(path));
    assert_eq!(read["recorded_by"], "alloc-probe, and exported as a DHAT file");
    for figure in ["total_bytes", "total_blocks", "peak_bytes", "peak_blocks", "end_bytes", "end_blocks"] {
        assert_eq!(ours["summary"][figure], read["summary"][figure], "{figure}");
        let first = |json: &Value| json["sites"][0][figure].clone();
        assert_eq!(first(&ours), first(&read), "{figure}");
    }
    assert_eq!(ours["process"]["duration_ns"], read["process"]["duration_ns"]);
    let functions = |json: &Value| -> Vec<Value> {
        let frames = crate::support::frames(json, &json["sites"][0]["stack"]);
        frames.into_iter().map(|frame| frame["function"].clone()).collect()
    };
    assert_eq!(functions(&ours), functions(&read));
}

#[test]
fn estimates_are_said_to_be_some() {
    let directory = directory();
    let mut dump = orders();
    (dump.mode, dump.sample_bytes) = (Mode::Sample, Some(512 << 10));
    let file = write(&dump, &directory.path().join("sampled.json"));
    let exported = alloc_probe(&["export", file.to_str().unwrap(), "--format", "dhat"]);
    assert_eq!(exported.status, 0);
    assert!(exported.err.contains("estimates"), "{}", exported.err);
}

#[test]
fn a_speedscope_file_has_a_profile_for_each_figure() {
    let file: Value = serde_json::from_str(&exported("speedscope", &["--by", "total-bytes"])).unwrap();
    assert_eq!(file["$schema"], "https://www.speedscope.app/file-format-schema.json");
    let active = &file["profiles"][file["activeProfileIndex"].as_u64().unwrap() as usize];
    assert_eq!((&active["name"], &active["unit"]), (&"bytes allocated in all".into(), &"bytes".into()));
    for metric in Metric::ALL {
        let profiles = file["profiles"].as_array().unwrap().iter();
        let Some(profile) = profiles.clone().find(|profile| profile["name"] == metric.meaning()) else {
            assert_eq!(metric.of(&orders().totals), 0, "{}", metric.name());
            continue;
        };
        let weights = profile["weights"].as_array().unwrap();
        let sum: u64 = weights.iter().map(|weight| weight.as_u64().unwrap()).sum();
        assert_eq!((sum, &profile["endValue"]), (metric.of(&orders().totals), &sum.into()));
        assert_eq!(weights.len(), profile["samples"].as_array().unwrap().len());
    }
    let name = |row: &Value| file["shared"]["frames"][row.as_u64().unwrap() as usize]["name"].clone();
    let samples = active["samples"].as_array().unwrap();
    assert!(samples.iter().any(|stack| name(&stack[0]) == "orders::main"), "callers come first");
}

#[test]
fn a_table_has_a_row_for_each_site() {
    let text = exported("csv", &["--by", "total-bytes"]);
    let mut lines = text.lines();
    let head: Vec<&str> = lines.next().unwrap().split(',').collect();
    let first: Vec<&str> = lines.next().unwrap().split(',').collect();
    let of = |column: &str| first[head.iter().position(|one| *one == column).unwrap()];
    assert_eq!(
        (of("total_bytes"), of("total_blocks"), of("function")),
        ("9216000", "4500", "orders::http::serve")
    );
    assert!(of("stack").starts_with("orders::main;orders::http::serve;"), "{text}");
    let shown: Value = {
        let directory = directory();
        serde_json::from_str(&alloc_probe(&["show", "--json", &orders_in(&directory)]).out).unwrap()
    };
    assert_eq!(lines.count() + 1, shown["sites"].as_array().unwrap().len());
}

#[test]
fn a_firefox_profile_has_tracks_and_counters() {
    let file: Value = serde_json::from_str(&exported("firefox", &[])).unwrap();
    let threads = file["threads"].as_array().unwrap();
    for metric in Metric::ALL.iter().filter(|metric| metric.is_bytes()) {
        let thread = threads.iter().find(|thread| thread["name"] == metric.meaning()).expect("a track");
        let weights = thread["samples"]["weight"].as_array().unwrap().iter();
        let sum: u64 = weights.map(|weight| weight.as_u64().unwrap()).sum();
        assert_eq!(sum, metric.of(&orders().totals), "{}", metric.name());
        assert_eq!(thread["samples"]["weightType"], "bytes");
        // What the viewer shows begins with the first sample, and the counters begin with the process.
        assert_eq!(
            (&thread["samples"]["timeDeltas"][0], &thread["samples"]["stack"][0]),
            (&0.0.into(), &Value::Null)
        );
    }
    // Resident memory is not in the timeline of this one.
    let counters: Vec<&Value> = file["counters"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!(counters, ["Live heap"]);
}

#[test]
fn folded_stacks_of_two_dumps_have_both_figures() {
    let directory = directory();
    let base = orders_in(&directory);
    let mut dump = orders();
    dump.sites[2].figures.total_bytes *= 2;
    let new = write(&dump, &directory.path().join("new.json"));
    let of = |format: &str| {
        let new = new.to_str().unwrap();
        alloc_probe(&["export", new, "--diff", &base, "--format", format, "--by", "total-bytes"])
    };
    let folded = of("folded");
    let parse = folded.out.lines().find(|line| line.contains("from_str")).expect("the stack");
    assert!(parse.ends_with(" 9216000 18432000"), "{parse}");
    let refused = of("csv");
    assert_eq!(refused.status, 2);
    assert!(refused.err.contains("no place for the difference of two dumps"), "{}", refused.err);
}

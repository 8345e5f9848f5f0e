//! `export`.

use crate::support::{alloc_probe, directory, orders, orders_in, write};
use alloc_probe_format::dump::Mode;
use serde_json::Value;

/// The formats that the help lists.
fn formats() -> Vec<String> {
    let help = alloc_probe(&["export", "--help"]).out;
    let list = help.split("Possible values:").nth(1).expect("a list of formats");
    let rows = list.lines().skip(1).take_while(|line| !line.trim().is_empty());
    rows.map(|row| row.trim().trim_start_matches("- ").split(':').next().unwrap().to_owned()).collect()
}

/// A format is a file in `render/export`, a line in its list, and a row in the reference of commands.
#[test]
fn every_format_is_listed_documented_and_written() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/render/export");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .filter(|name| name != "mod" && name != "exporter")
        .collect();
    files.sort();
    let mut formats = formats();
    let directory = directory();
    let file = orders_in(&directory);
    for format in &formats {
        let exported = alloc_probe(&["export", &file, "--format", format]);
        assert_eq!((exported.status, exported.err.as_str()), (0, ""), "{format}");
        assert!(exported.out.contains("orders::cache::Cache"), "{format}: {}", exported.out);
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

//! `show --json`: what `docs/json.md` promises.

use crate::support::{alloc_probe, directory, frames, orders, orders_in, orders_with_marks, write};
use alloc_probe_format::dump::{Figures, Thread, TimelineSample};
use serde_json::Value;

fn shown(args: &[&str]) -> Value {
    let directory = directory();
    shown_of(&orders_in(&directory), args)
}

fn shown_of(file: &str, args: &[&str]) -> Value {
    let output = alloc_probe(&[&["show", file, "--json"], args].concat());
    assert_eq!((output.status, output.err.as_str()), (0, ""));
    serde_json::from_str(&output.out).expect("the output is JSON")
}

#[test]
fn figures_and_frames_are_where_they_are_promised() {
    let json = shown(&[]);
    assert_eq!(json["schema_version"], 2);
    assert_eq!(json["mode"], "full");
    assert_eq!(json["summary"]["peak_bytes"], 786_944);
    assert_eq!(json["summary"]["total_blocks"], 6_570);
    assert_eq!(json["summary"]["realloc_calls"], 10);
    assert_eq!(json["build"]["opt_level"], "3");
    assert_eq!(json["build"]["debug_assertions"], false);
    assert_eq!(json["memory"]["rss_bytes"], 2 << 20);
    assert_eq!(json["memory"]["categories"][1]["name"], "heap");
    assert_eq!(json["threads"][1]["name"], "worker");
    assert_eq!(json["timeline"]["samples"][1]["live_bytes"], 768 << 10);
    assert_eq!(json["lost"]["blocks"], 0);
    let site = &json["sites"][0];
    assert_eq!(site["peak_bytes"], 640 << 10);
    assert_eq!(site["total_blocks"], 21, "the two ways to grow look the same, and are one site");
    assert_eq!(site["sizes"], serde_json::json!([[12, 10], [16, 10], [19, 1]]));
    let stack = frames(&json, &site["stack"]);
    let functions: Vec<&str> = stack.iter().filter_map(|frame| frame["function"].as_str()).collect();
    let expected = [
        "alloc::vec::Vec<T,A>::push",
        "orders::cache::Cache<K>::insert",
        "orders::http::serve",
        "orders::main",
    ];
    assert_eq!(functions, expected);
    assert_eq!((&site["stacks"], &site["turns"]), (&2.into(), &serde_json::json!([0, 0])));
    let frame = stack[1];
    assert_eq!(frame["file"], "/home/me/orders/src/main.rs");
    assert_eq!(frame["line"], 31);
    assert_eq!(frame["inlined"], false);
    assert_eq!(frame["role"], "program");
}

#[test]
fn every_site_is_printed_unless_fewer_are_asked_for() {
    let count = |args: &[&str]| shown(args)["sites"].as_array().unwrap().len();
    assert_eq!(count(&[]), 4);
    assert_eq!(count(&["--all-frames"]), 5);
    assert_eq!(count(&["--top", "2"]), 2);
    assert_eq!(count(&["--top", "99"]), 4);
}

#[test]
fn sites_add_up_to_the_summary() {
    for args in [&[][..], &["--all-frames"]] {
        let json = shown(args);
        for figure in
            ["total_bytes", "total_blocks", "peak_bytes", "peak_blocks", "end_bytes", "temporary_blocks"]
        {
            let sites = json["sites"].as_array().unwrap().iter();
            let sum: u64 = sites.map(|site| site[figure].as_u64().unwrap_or(0)).sum();
            assert_eq!(json["summary"][figure], sum, "{figure}");
        }
    }
}

#[test]
fn only_sites_leave_out_what_is_zero() {
    let directory = directory();
    let mut dump = orders();
    dump.totals = Figures::default();
    dump.sites.truncate(1);
    dump.sites[0].figures = Figures::default();
    dump.sites[0].sizes.clear();
    (dump.build, dump.memory, dump.process) = Default::default();
    dump.threads = vec![Thread::default()];
    dump.timeline.samples = vec![TimelineSample::default()];
    let file = write(&dump, &directory.path().join("zero.json"));
    let output = alloc_probe(&["show", file.to_str().unwrap(), "--json"]);
    let zero: Value = serde_json::from_str(&output.out).unwrap();
    let fields = |value: &Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
    let whole = shown(&[]);
    assert_eq!(fields(&zero), fields(&whole));
    for part in ["process", "build", "summary", "memory", "timeline", "lost"] {
        assert_eq!(fields(&zero[part]), fields(&whole[part]));
    }
    assert_eq!(fields(&zero["threads"][0]), fields(&whole["threads"][0]));
    assert_eq!(fields(&zero["frames"][0]), fields(&whole["frames"][0]));
    assert_eq!(fields(&zero["sites"][0]), ["stack", "stacks", "turns"]);
    // Their number tells whether it is the promise that both keep.
    assert_eq!(fields(&zero["summary"]).len(), 17);
}

#[test]
fn every_field_is_documented() {
    let documentation = include_str!("../../../docs/json.md");
    fn check(value: &Value, documentation: &str) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    assert!(
                        documentation.contains(&format!("`{name}`")),
                        "docs/json.md says nothing of `{name}`"
                    );
                    check(value, documentation);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| check(item, documentation)),
            _ => {}
        }
    }
    check(&shown(&[]), documentation);
    check(&shown_with_marks(), documentation);
}

fn shown_with_marks() -> Value {
    let directory = directory();
    let file = write(&orders_with_marks(), &directory.path().join("orders.json"));
    shown_of(file.to_str().expect("UTF-8"), &[])
}

#[test]
fn threads_have_the_frames_of_their_deepest_stack() {
    let json = shown_with_marks();
    for (thread, kib) in json["threads"].as_array().unwrap().iter().zip([20, 132]) {
        assert_eq!(thread["stack_bytes"], kib * 1024);
        assert_eq!(thread["deepest_bytes"], kib * 1024 - 100);
        let frames = frames(&json, &thread["deepest_stack"]);
        assert_eq!(
            frames.iter().filter(|frame| frame["function"] == "orders::walk").count(),
            7,
            "{frames:?}"
        );
    }
    let marks = json["marks"].as_array().unwrap();
    assert_eq!((&marks[1]["name"], &marks[1]["count"]), (&"request".into(), &4_500.into()));
    assert_eq!(marks[1]["first"]["live_bytes"], 100 * 1024);
    assert_eq!(json["memory"]["at_peak"]["resident_bytes"], 3000 * 1024);
    assert_eq!(shown(&[])["threads"][0]["deepest_stack"], Value::Array(Vec::new()));
    assert_eq!(shown(&[])["marks"], Value::Array(Vec::new()));
}

//! Dumps satisfy `docs/dump.schema.json`, and the schema says no to what isn't one.

use crate::binaries::Profile;
use crate::run::Subject;
use crate::tool::alloc_probe;
use alloc_probe_format::dump::Mode;
use jsonschema::Validator;
use serde_json::{Value, json};

fn schema() -> Validator {
    let text = include_str!("../../../docs/dump.schema.json");
    let schema = serde_json::from_str(text).expect("the schema is JSON");
    assert!(jsonschema::meta::is_valid(&schema), "the schema is not a schema");
    jsonschema::validator_for(&schema).expect("the schema is a schema")
}

/// A real dump, as JSON.
fn dump(subject: &'static str, mode: Mode) -> Value {
    let run = Subject::new(subject, Profile::Release, mode).run().expect_success();
    serde_json::from_str(&run.dump_text()).expect("a dump is JSON")
}

#[test]
fn real_dumps_satisfy_it() {
    let schema = schema();
    let with_jemalloc = cfg!(feature = "allocators").then_some("jemalloc");
    for subject in ["boxes", "threads", "calls"].into_iter().chain(with_jemalloc) {
        for mode in [Mode::Count, Mode::Full] {
            let dump = dump(subject, mode);
            let errors = schema.iter_errors(&dump);
            let errors = errors.map(|error| format!("{}: {error}", error.instance_path)).collect::<Vec<_>>();
            assert!(errors.is_empty(), "{subject}, {mode:?}: {:#?}", &errors[..errors.len().min(20)]);
        }
    }
}

#[test]
fn dumps_with_symbols_satisfy_it() {
    let schema = schema();
    let run = Subject::new("calls", Profile::Release, Mode::Full).run().expect_success();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let symbolized = folder.path().join("symbols.json");
    let mut command = alloc_probe();
    let output = command.arg("symbolize").arg(run.dump_path()).arg("-o").arg(&symbolized).output();
    assert!(output.expect("it runs").status.success());
    let text = std::fs::read_to_string(symbolized).expect("the dump is there");
    let dump: Value = serde_json::from_str(&text).expect("a dump is JSON");
    let frames = dump["symbols"]["frames"].as_array().expect("frames");
    assert_eq!(frames.len(), run.dump.stacks.len());
    assert!(text.contains("calls::by_generic") && text.contains("tests/subjects/calls.rs"));
    let errors = schema.iter_errors(&dump).map(|error| format!("{}: {error}", error.instance_path));
    let errors = errors.take(20).collect::<Vec<_>>();
    assert!(errors.is_empty(), "{errors:#?}");
    // Names that line tables alone don't tell are marked.
    assert!(dump["symbols"]["guessed"].as_array().is_some_and(|guessed| !guessed.is_empty()));
    for (place, wrong) in [
        ("/symbols/frames/1", json!([[]])),
        ("/symbols/frames/1", json!([[0, 0, 0]])),
        ("/symbols/frames/1", json!([["main"]])),
        ("/symbols/guessed", json!(["main"])),
        ("/symbols/strings", json!([1])),
    ] {
        let mut other = dump.clone();
        *other.pointer_mut(place).expect("it is there") = wrong;
        assert!(!schema.is_valid(&other), "{place}");
    }
    for (merged, is_valid) in [(json!([{"shown": 0, "others": [1]}]), true), (json!([[0, 1]]), false)] {
        let mut other = dump.clone();
        other["symbols"]["merged"] = merged;
        assert_eq!(schema.is_valid(&other), is_valid);
    }
}

#[test]
fn every_key_of_a_dump_is_required_and_no_other_allowed() {
    let schema = schema();
    let mut whole = dump("boxes", Mode::Full);
    // One of each is enough, and the mutations below look at the first of a list only.
    for list in ["stacks", "sites"] {
        whole[list].as_array_mut().expect("a list").truncate(2);
    }
    assert!(schema.is_valid(&whole));
    let mut tried = 0;
    for path in objects(&whole, String::new()) {
        let object = |dump: &'_ mut Value| dump.pointer_mut(&path).and_then(Value::as_object_mut).cloned();
        let keys = object(&mut whole).into_iter().flatten().map(|(key, _)| key).collect::<Vec<_>>();
        // Figures that are zero are left out, as are lists with nothing in them, and what a running thread has only.
        let is_figure = |key: &str| path == "/totals" || path == "/sites/0" && key != "stack";
        let of_stack =
            |key: &str| path == "/threads/0" && (key.starts_with("stack") || key.starts_with("deepest"));
        let of_process =
            ["code", "cgroup", "heap", "allocator", "holes", "trimmed_bytes", "unknown", "at_peak"];
        let of_system = ["pss_bytes", "uss_bytes", "shmem_bytes", "file_bytes", "oom_kills"];
        let where_known = [&of_process[..], &of_system[..]].concat();
        let optional = |key: &str| {
            is_figure(key) || of_stack(key) || ["notes", "tid"].contains(&key) || where_known.contains(&key)
        };
        for key in keys.iter().filter(|key| !optional(key)) {
            let mut less = whole.clone();
            less.pointer_mut(&path).and_then(Value::as_object_mut).and_then(|object| object.remove(key));
            assert!(!schema.is_valid(&less), "{path}/{key} can be left out");
            tried += 1;
        }
        let mut more = whole.clone();
        more.pointer_mut(&path).expect("it was there")["surplus"] = json!(1);
        assert!(!schema.is_valid(&more), "{path} takes any key");
    }
    assert!(tried > 60, "only {tried} keys were tried");
}

/// The paths of the objects in a value: of the first item only, where there is a list of them.
fn objects(value: &Value, path: String) -> Vec<String> {
    match value {
        Value::Object(entries) => {
            let inner = entries.iter().flat_map(|(key, value)| objects(value, format!("{path}/{key}")));
            inner.chain([path.clone()]).collect()
        }
        Value::Array(items) => {
            items.first().map(|item| objects(item, format!("{path}/0"))).unwrap_or_default()
        }
        _ => Vec::new(),
    }
}

#[test]
fn wrong_values_are_refused() {
    let schema = schema();
    let whole = dump("boxes", Mode::Full);
    for (path, wrong) in [
        ("/format", json!("dhat")),
        ("/version", json!(2)),
        ("/mode", json!("all")),
        ("/totals/total_bytes", json!(-1)),
        ("/totals/total_bytes", json!(1.5)),
        ("/totals/total_bytes", json!("1")),
        ("/clock/unit_ns", json!(0)),
        ("/process/ended", json!("crashed")),
        ("/build/debug_assertions", json!("yes")),
        ("/images/0/load_address", json!(4096)),
        ("/images/0/load_address", json!("1000")),
        ("/images/0/build_id", json!("ABC")),
        ("/stacks/1", json!([0, 0])),
        ("/stacks/1", json!([0, 0, "0x1", "call"])),
        ("/stacks/1", json!([0, 0, "0x1", "exact", 1])),
        ("/sites/0/sizes", json!([[1, 0]])),
        ("/sites/0/sizes", json!([[1]])),
        ("/threads/0/threads", json!(0)),
    ] {
        let mut dump = whole.clone();
        *dump.pointer_mut(path).unwrap_or_else(|| panic!("{path} is not in the dump")) = wrong.clone();
        assert!(!schema.is_valid(&dump), "{path} can be {wrong}");
    }
}

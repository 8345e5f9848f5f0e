//! DHAT files in the place of dumps: figures of a small one are known by hand.

use crate::support::{Outcome, debug, diff, diff_at, frames};
use serde_json::Value;
use std::ffi::OsString;
use std::fs;
use std::path::Path;

/// As Valgrind writes it: time in instructions, the allocator in a library of its own, files without directories.
const VALGRIND: &str = r#"{"dhatFileVersion":2,"mode":"heap","verb":"Allocated","bklt":true,"bkacc":true
,"tu":"instrs","Mtu":"Minstr","tuth":500,"cmd":"./orders --fast","pid":25256,"te":152466,"tg":147817
,"pps":[{"tb":1000,"tbk":10,"tl":1099,"mb":100,"mbk":1,"gb":300,"gbk":3,"eb":0,"ebk":0,"rb":0,"wb":0,"acc":[-100,0],"fs":[1,2,3,4]}
,{"tb":500,"tbk":1,"tl":4649,"mb":500,"mbk":1,"gb":500,"gbk":1,"eb":500,"ebk":1,"rb":0,"wb":0,"fs":[1,5,6,4]}]
,"ftbl":["[root]"
,"0x48417B4: malloc (in /usr/libexec/valgrind/vgpreload_dhat-amd64-linux.so)"
,"0x109160: push<u8> (library/alloc/src/vec/mod.rs:2)"
,"0x109160: orders::cache::fill::h0123456789abcdef (cache.rs:7)"
,"0x109199: orders::main (main.rs:2)"
,"0x109170: ???"
,"0x109174: orders::report (main.rs:9)"]}"#;

/// As the `dhat` crate writes it: microseconds, columns, stacks of a few frames, of which the last is not `main`.
const CRATE: &str = r#"{"dhatFileVersion":2,"mode":"rust-heap","verb":"Allocated","bklt":true,"bkacc":false
,"tu":"µs","Mtu":"s","tuth":10,"cmd":"target/orders","pid":7,"tg":700,"te":1500
,"pps":[{"tb":4096,"tbk":4,"tl":800,"mb":2048,"mbk":2,"gb":2048,"gbk":2,"eb":0,"ebk":0,"fs":[1,2,2,3]}
,{"tb":100,"tbk":1,"tl":30,"mb":100,"mbk":1,"gb":0,"gbk":0,"eb":100,"ebk":1,"fs":[1,4]}]
,"ftbl":["[root]"
,"0x5000: alloc::raw_vec::RawVecInner<A>::finish_grow (src/raw_vec/mod.rs:3:4)"
,"0x5100: orders::walk (orders/src/tree.rs:40:9)"
,"0x5200: orders::main (orders/src/main.rs:2:5)"
,"0x5300: orders::deep (orders/src/tree.rs:90:1)"]}"#;

/// What a command says of a file.
fn run(text: &[u8], arguments: impl Fn(&Path) -> Vec<OsString>) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dhat.out.7");
    fs::write(&path, text).unwrap();
    crate::support::run(std::iter::once("alloc-probe".into()).chain(arguments(&path)), 200)
}

fn shown(text: &str) -> Value {
    let outcome = run(text.as_bytes(), |path| {
        let more = ["--json", "--all-frames", "--all-stacks"].map(Into::into);
        ["show".into(), path.into()].into_iter().chain(more).collect()
    });
    assert_eq!(outcome.status, 0, "{}", outcome.err);
    serde_json::from_str(&outcome.out).unwrap()
}

/// The functions of a site, the outermost last, each with a mark if it was inlined.
fn functions(shown: &Value, site: &Value) -> Vec<String> {
    let name = |frame: &Value| {
        let mark = if frame["inlined"].as_bool().unwrap() { "inlined " } else { "" };
        format!("{mark}{} {}", frame["function"].as_str().unwrap(), frame["role"].as_str().unwrap())
    };
    frames(shown, site).into_iter().map(name).collect()
}

#[test]
fn a_file_of_valgrind_has_its_figures() {
    let shown = shown(VALGRIND);
    assert_eq!(shown["recorded_by"], "DHAT of Valgrind");
    let summary = &shown["summary"];
    for (figure, expected) in [
        ("total_bytes", 1500),
        ("total_blocks", 11),
        ("peak_bytes", 800),
        ("peak_blocks", 4),
        ("end_bytes", 500),
        ("end_blocks", 1),
        ("peak_time_ns", 0),
    ] {
        assert_eq!(summary[figure], expected, "{figure}");
    }
    // Instructions are no time.
    for unknown in ["lifetime_sum_ns", "temporary_blocks", "long_lived_bytes", "realloc_calls"] {
        assert!(summary.get(unknown).is_none(), "{unknown}");
    }
    assert_eq!((&shown["process"]["duration_ns"], &shown["process"]["pid"]), (&0.into(), &25256.into()));
    assert_eq!(shown["process"]["command"], serde_json::json!(["./orders", "--fast"]));
    let sites = shown["sites"].as_array().unwrap();
    assert_eq!(
        functions(&shown, &sites[0]),
        [
            "malloc allocator",
            "0x109170 in unknown code runtime",
            "orders::report program",
            "orders::main program"
        ]
    );
    assert_eq!((&sites[0]["peak_bytes"], &frames(&shown, &sites[0])[2]["line"]), (&500.into(), &9.into()));
    assert_eq!(
        functions(&shown, &sites[1]),
        [
            "malloc allocator",
            "inlined alloc::vec::push<u8> standard",
            "orders::cache::fill program",
            "orders::main program"
        ]
    );
    assert!(sites.iter().all(|site| site.get("truncated").is_none()));
}

#[test]
fn a_file_of_the_crate_has_times_and_columns() {
    let shown = shown(CRATE);
    assert_eq!(shown["recorded_by"], "the `dhat` crate");
    assert_eq!(shown["process"]["duration_ns"], 1_500_000);
    assert_eq!(shown["summary"]["peak_time_ns"], 700_000);
    // The other site's has an unknown part of a block that is live.
    assert_eq!(shown["summary"]["lifetime_sum_ns"], 800_000);
    let sites = shown["sites"].as_array().unwrap();
    // A function that calls itself is not inlined into itself.
    assert_eq!(
        functions(&shown, &sites[0]),
        [
            "alloc::raw_vec::RawVecInner<A>::finish_grow allocator",
            "orders::walk program",
            "orders::walk program",
            "orders::main program"
        ]
    );
    assert_eq!(frames(&shown, &sites[0])[1]["column"], 9);
    assert_eq!((sites[0].get("truncated"), &sites[1]["truncated"]), (None, &true.into()));
    assert_eq!(shown["lost"]["truncated_stacks"], 1);
}

#[test]
fn what_is_not_told_is_said() {
    let outcome = run(VALGRIND.as_bytes(), |path| vec!["show".into(), path.into()]);
    assert!(outcome.out.contains("recorded by DHAT of Valgrind\n"), "{}", outcome.out);
    assert!(!outcome.out.contains("ran ") && !outcome.out.contains("temporary"), "{}", outcome.out);
    assert!(outcome.err.contains("a DHAT file does not tell reallocs, temporary"), "{}", outcome.err);
    assert!(outcome.err.contains("time in instructions"), "{}", outcome.err);
    let outcome = run(CRATE.as_bytes(), |path| vec!["show".into(), path.into()]);
    assert!(outcome.out.contains("ran 1.5 ms, recorded by the `dhat` crate\n"), "{}", outcome.out);
    assert!(!outcome.err.contains("instructions") && outcome.err.contains("frames were left out of 1 stack"));
}

#[test]
fn every_command_takes_one() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).into_os_string();
    fs::write(at("budget.toml"), "[limits]\npeak_bytes = 799\n").unwrap();
    let picture = run(VALGRIND.as_bytes(), |path| {
        vec!["flamegraph".into(), path.into(), "-o".into(), at("a.svg"), "--by".into(), "total-bytes".into()]
    });
    assert_eq!(picture.status, 0, "{}", picture.err);
    assert!(fs::read_to_string(at("a.svg")).unwrap().contains("orders::cache::fill"));
    let budget = run(VALGRIND.as_bytes(), |path| {
        vec!["check".into(), path.into(), "--budget".into(), at("budget.toml")]
    });
    assert_eq!(budget.status, 1, "{}", budget.err);
    assert!(budget.err.contains("a DHAT file does not tell"), "{}", budget.err);
    // A dump of it says the same.
    let symbolized =
        run(VALGRIND.as_bytes(), |path| vec!["symbolize".into(), path.into(), "-o".into(), at("dump.json")]);
    assert!(symbolized.err.contains("it already had its symbols"), "{}", symbolized.err);
    assert_eq!(shown(VALGRIND), shown(&fs::read_to_string(at("dump.json")).unwrap()));
}

#[test]
fn two_of_one_recorder_are_compared_like_dumps() {
    let outcome = run(VALGRIND.as_bytes(), |path| vec!["diff".into(), path.into(), path.into()]);
    assert_eq!(outcome.status, 0, "{}", outcome.err);
    assert!(outcome.out.contains("Matched 100% of the bytes (100% exactly)"), "{}", outcome.out);
    assert!(!outcome.out.contains("recorded by"), "{}", outcome.out);
}

#[test]
fn who_recorded_what_is_said_of_two() {
    let mut other = debug();
    other.recorded_by = Some("the `dhat` crate".into());
    let mut base = debug();
    (base.totals.temporary_blocks, base.totals.realloc_calls) = (1000, 10);
    assert!(diff_at(300, &base, &debug(), &[]).out.contains("temporary blocks"));
    let outcome = diff_at(300, &base, &other, &[]);
    assert!(!outcome.out.contains("temporary") && !outcome.out.contains("realloc"), "{}", outcome.out);
    let expected = "  - the base was recorded by alloc-probe, the new one by the `dhat` crate: only figures \
                    that both have are compared\n";
    assert!(outcome.out.contains(expected), "{}", outcome.out);
    assert!(!diff(&[]).out.contains("recorded by"));
}

#[test]
fn files_that_count_something_else_or_are_damaged_are_refused_in_a_line() {
    let cases = [
        (
            CRATE.replace("\"dhatFileVersion\":2", "\"dhatFileVersion\":3"),
            "it is a DHAT file of version 3, and this",
        ),
        (VALGRIND.replace("\"heap\"", "\"copy\""), "it is a DHAT file of copied memory, not of allocations"),
        (
            VALGRIND.replace("\"heap\"", "\"ad-hoc\""),
            "it is a DHAT file of ad hoc events, not of allocations",
        ),
        (CRATE.replace("rust-heap", "rust-ad-hoc"), "it is a DHAT file of ad hoc events, not of allocations"),
        (CRATE.replace("rust-heap", "else"), "it is a DHAT file of a mode that this tool does not know"),
        (CRATE.replace("\"bklt\":true", "\"bklt\":false"), "it is a DHAT file without the lives of blocks"),
        (
            CRATE.replace("[1,4]", "[1,5]"),
            "the file is damaged: program point 1 has a frame that is not in `ftbl`",
        ),
        (
            CRATE.replace("[1,4]", "[0]"),
            "the file is damaged: program point 1 has a frame that is not in `ftbl`",
        ),
        (CRATE.replace("[1,4]", "[-1]"), "the file is damaged: invalid value: integer `-1`"),
        (CRATE.replace("\"gb\":0,", ""), "the file is damaged: missing field `gb`"),
        (CRATE.replace("\"te\":1500", "\"te\":1e99"), "the file is damaged: invalid type: floating point"),
        (CRATE.replace("\"ftbl\"", "\"fibl\""), "the file is damaged: missing field `ftbl`"),
        (CRATE[..CRATE.len() - 40].to_owned(), "the file is truncated"),
    ];
    for (text, expected) in cases {
        let outcome = run(text.as_bytes(), |path| vec!["show".into(), path.into()]);
        assert!(outcome.status == 2 && outcome.err.contains(expected), "{}: {expected}", outcome.err);
        assert_eq!(outcome.err.trim_end().lines().count(), 1, "{}", outcome.err);
    }
    // A name that is no text.
    let mut bytes = CRATE.as_bytes().to_vec();
    let at = CRATE.find("walk").unwrap();
    bytes[at] = 0xff;
    let outcome = run(&bytes, |path| vec!["show".into(), path.into()]);
    assert_eq!((outcome.status, outcome.err.trim_end().lines().count()), (2, 1), "{}", outcome.err);
    // Figures that no program has stay the largest there are.
    let huge =
        CRATE.replace("\"tb\":4096", "\"tb\":18446744073709551615").replace("1500", "18446744073709551615");
    assert_eq!(shown(&huge)["summary"]["total_bytes"], u64::MAX);
}

//! What became of sites, and figures for each unit of work.

use crate::support::{KIB, debug, diff, diff_at, dump, release};
use alloc_probe_format::dump::*;
use serde_json::Value;

/// A service that allocates for each request, in a loop, and once to begin with.
fn service(requests: u64, marked: bool) -> Dump {
    let mut dump = dump(
        "3",
        false,
        0x5555_0000,
        &[
            (
                &["__rust_alloc", "orders::handle main.rs:9", "orders::main main.rs:3"],
                requests * 2,
                requests * KIB,
                0,
                0,
            ),
            (
                &["__rust_alloc", "orders::start main.rs:4", "orders::main main.rs:2"],
                1,
                64 * KIB,
                64 * KIB,
                64 * KIB,
            ),
        ],
    );
    let mark = |name: &str, count| Mark { name: name.to_owned(), count, ..Mark::default() };
    if marked {
        dump.marks = vec![mark("ready", 1), mark("request", requests)];
    }
    dump
}

#[test]
fn each_site_and_the_whole_have_a_class() {
    let json: Value = serde_json::from_str(&diff(&["--json"]).out).unwrap();
    let classes: Vec<&Value> = json["sites"].as_array().unwrap().iter().map(|site| &site["class"]).collect();
    assert_eq!(classes, ["lifetime".into(), "added".into(), Value::Null, "elided".into()].each_ref());
    let elided = &json["classes"][0];
    assert_eq!((&elided["class"], &elided["sites"]), (&"elided".into(), &1.into()));
    assert_eq!(elided["total_blocks"]["difference"], -2000);
    assert_eq!(json["classes"].as_array().unwrap().len(), 3);
}

#[test]
fn the_other_way_round_it_is_the_base_that_lacks_them() {
    let page = diff_at(100, &release(), &debug(), &[]).out;
    assert!(page.contains("\nelided in base               1      +2,000"), "{page}");
    assert!(page.contains("\nElided in base: 1 site, which allocated 100.0 KiB in 2,000 blocks\n"), "{page}");
}

#[test]
fn one_class_alone_is_shown_where_it_is_asked_for() {
    let page = diff(&["--only", "added"]).out;
    let expected = "Top 1 of 1 site of class “added” by peak-bytes\n\n   +64.0 KiB  ";
    assert!(page.contains(expected), "{page}");
    assert!(!page.contains("Elided in new:"), "{page}");
    let json: Value = serde_json::from_str(&diff(&["--only", "elided", "--json"]).out).unwrap();
    assert_eq!(json["sites"].as_array().unwrap().len(), 1);
    assert_eq!(json["sites"][0]["only_in"], "base");
    let wrong = diff(&["--only", "slower"]);
    assert_eq!(wrong.status, 2);
    assert!(wrong.err.contains("[possible values: debug-only, elided, gone, "), "{}", wrong.err);
}

#[test]
fn figures_for_each_unit_stand_beside_the_absolute_ones() {
    let outcome = diff_at(100, &service(100, true), &service(300, true), &["--by", "total-bytes"]);
    let expected = "
For each request          base         new  difference
total                  1.6 KiB     1.2 KiB      −437 B    −26%
total blocks              2.01        2.00     −0.0067   −0.3%
end                      655 B       218 B      −437 B    −67%
end blocks              0.0100      0.0033     −0.0067    −67%
passed                     100         300               +200%
";
    assert!(outcome.out.contains(expected), "{}", outcome.out);
    let expected = "
     +200.0 KiB  +200%  orders::handle  src/main.rs:9
 100.0 KiB → 300.0 KiB  ← orders::main  src/main.rs:3
1.0 KiB → 1.0 KiB each
             more work
";
    assert!(outcome.out.ends_with(expected), "{}", outcome.out);
    assert_eq!(outcome.err, "", "the unit says why the counts differ");
    let once = diff_at(100, &service(100, true), &service(300, true), &["--per", "ready"]);
    assert!(once.out.contains("\nFor each ready "), "{}", once.out);
    assert_eq!(once.err, "", "one site that allocates more is not most sites");
}

#[test]
fn json_has_the_unit() {
    let json = |more: &[&str]| -> Value {
        let args: Vec<&str> = ["--json", "--by", "total-blocks"].iter().chain(more).copied().collect();
        serde_json::from_str(&diff_at(100, &service(100, true), &service(300, true), &args).out).unwrap()
    };
    let unit = &json(&[])["unit"];
    assert_eq!((&unit["name"], &unit["count"]["new"]), (&"request".into(), &300.into()));
    assert_eq!(unit["figures"][1]["name"], "total_blocks");
    assert_eq!(unit["figures"][1]["base"], 2.01);
    assert_eq!(json(&[])["sites"][0]["per_unit"]["difference"], 0.0);
    assert_eq!(json(&["--per", "ready"])["unit"]["name"], "ready");
    let none = diff_at(100, &service(100, false), &service(300, true), &["--json"]).out;
    assert_eq!(serde_json::from_str::<Value>(&none).unwrap()["unit"], Value::Null);
}

#[test]
fn a_mark_that_one_run_lacks_is_no_unit() {
    let outcome = diff_at(100, &service(100, true), &service(300, true), &["--per", "order"]);
    assert_eq!((outcome.status, outcome.out.as_str()), (2, ""));
    assert!(outcome.err.contains("have no mark `order` in common"), "{}", outcome.err);
    assert!(outcome.err.contains("hint: they both have request, ready"), "{}", outcome.err);
    let outcome = diff_at(100, &service(100, true), &service(300, false), &["--per", "request"]);
    assert!(
        outcome.err.contains("hint: a program marks its work with `alloc_probe::mark`"),
        "{}",
        outcome.err
    );
}

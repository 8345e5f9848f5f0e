//! `merge`.

use crate::support::{alloc_probe, directory, orders, orders_in, write};
use alloc_probe_format::dump::Mode;
use alloc_probe_format::metric::Metric;
use serde_json::Value;

#[test]
fn replicas_are_added_up() {
    let directory = directory();
    let one = orders_in(&directory);
    let mut other = orders();
    // As it is read elsewhere: in another process, at other times.
    (other.process.pid, other.process.duration_ns) = (99, 9_000_000_000);
    other.sites.remove(1);
    other.totals = Default::default();
    for site in &other.sites {
        other.totals.add(&site.figures);
    }
    let two = write(&other, &directory.path().join("two.json"));
    let out = directory.path().join("sum.json.gz");
    let out = out.to_str().unwrap();
    let merged = alloc_probe(&["merge", &one, two.to_str().unwrap(), &one, "-o", out]);
    assert_eq!(merged.status, 0, "{}", merged.err);
    assert!(merged.err.starts_with(&format!("wrote {out}: 3 dumps")), "{}", merged.err);
    let shown: Value = serde_json::from_str(&alloc_probe(&["show", "--json", out]).out).unwrap();
    for metric in Metric::ALL {
        let expected = 2 * metric.of(&orders().totals) + metric.of(&other.totals);
        assert_eq!(shown["summary"][metric.figure()], expected, "{}", metric.name());
        let of_sites: u64 = shown["sites"]
            .as_array()
            .unwrap()
            .iter()
            .map(|site| site[metric.figure()].as_u64().unwrap_or(0))
            .sum();
        assert_eq!(of_sites, expected, "{}", metric.name());
    }
    let sources: Vec<(&str, u64)> = (shown["sources"].as_array().unwrap().iter())
        .map(|source| (source["path"].as_str().unwrap(), source["pid"].as_u64().unwrap()))
        .collect();
    assert_eq!(sources, [(one.as_str(), 4711), (two.to_str().unwrap(), 99), (one.as_str(), 4711)]);
    let text = alloc_probe(&["show", out]).out;
    assert!(text.contains("the sum of 3 dumps"), "{text}");
    assert!(text.contains("most peak bytes: ") && text.contains("orders.json"), "{text}");
    // The sum is a dump as others are.
    let again = directory.path().join("again.json");
    let merged = alloc_probe(&["merge", out, &one, "-o", again.to_str().unwrap()]);
    assert!(merged.err.contains("4 dumps"), "{}", merged.err);
}

#[test]
fn what_cannot_be_added_is_refused() {
    let directory = directory();
    let one = orders_in(&directory);
    let mut other = orders();
    (other.mode, other.sample_bytes) = (Mode::Sample, Some(512 << 10));
    let two = write(&other, &directory.path().join("two.json"));
    let out = directory.path().join("sum.json");
    let merged = alloc_probe(&["merge", &one, two.to_str().unwrap(), "-o", out.to_str().unwrap()]);
    assert_eq!(merged.status, 2);
    assert!(
        merged.err.contains("it was recorded in mode `sample`, and those before in `full`"),
        "{}",
        merged.err
    );
    assert!(!out.exists());
    std::fs::write(directory.path().join("bad.json"), "{").unwrap();
    let bad = directory.path().join("bad.json");
    let merged = alloc_probe(&["merge", &one, bad.to_str().unwrap(), "-o", out.to_str().unwrap()]);
    assert_eq!((merged.status, merged.err.lines().count()), (2, 1), "{}", merged.err);
}

//! The example service shows the surprises that it promises, in both builds, to those who look by `alloc-probe`.

use crate::binaries::{self, Profile};
use crate::consistency;
use crate::faults::Faults;
use crate::tool::{alloc_probe, frames, json};
use alloc_probe_format::dump::{Dump, Figures};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Requests of a run. Of these, the first exports the catalogue, and from the 9th on every tenth looks an order up.
const REQUESTS: u64 = 3_000;
const PLACED: u64 = REQUESTS - 1 - REQUESTS / 10;

/// Runs the service and leaves its dump at a path.
pub(crate) fn run(profile: Profile, path: &Path) -> Dump {
    let mut command = Command::new(binaries::orders(profile));
    let output =
        command.env_clear().env("ALLOC_PROBE_OUT", path).arg(REQUESTS.to_string()).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let line = String::from_utf8_lossy(&output.stdout);
    assert!(line.starts_with(&format!("orders: served {REQUESTS} requests in ")), "{line}");
    serde_json::from_str(&fs::read_to_string(path).expect("a dump")).expect("a sound dump")
}

/// The figures of all sites, as `show --json` has them, that go through a function of a file, or an operation, which has none;
/// but for what a lock took that was contended in the function.
fn below(shown: &Value, function: &str, file: &str) -> Figures {
    let mut sum = Figures::default();
    for site in shown["sites"].as_array().expect("sites") {
        let is_in = |frame: &Value| {
            frame["function"].as_str().is_some_and(|name| name == function)
                && frame["file"].as_str().unwrap_or_default().ends_with(file)
                && (file.is_empty() || frame["line"].as_u64().is_some_and(|line| line > 0))
        };
        let of_a_lock =
            |frame: &Value| frame["function"].as_str().is_some_and(|name| name.contains("parking_lot"));
        if frames(shown, site).any(is_in) && (file.is_empty() || !frames(shown, site).any(of_a_lock)) {
            sum.add(&serde_json::from_value(site.clone()).expect("figures"));
        }
    }
    sum
}

#[test]
fn each_surprise_is_where_it_is_said_to_be() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for profile in Profile::ALL {
        let path = folder.path().join("orders.json");
        let dump = run(profile, &path);
        let shown = json(alloc_probe().arg("show").arg(&path).arg("--json"));
        let mut faults = Faults::of(format_args!("orders ({profile:?})"));
        consistency::check(&dump, &mut faults);

        let batch = below(&shown, "orders::batch::nightly_statements", "examples/orders/batch.rs");
        let share = batch.peak_bytes as f64 / dump.totals.peak_bytes as f64;
        faults.check(share > 0.8, format_args!("the batch has {share} of the peak"));
        // One line of each of 1,500 statements, and the vector of these.
        faults.equal("what the batch leaves", batch.end_blocks, 1_501);
        let kept = dump.memory.rss_bytes - dump.probe.resident_bytes - dump.totals.end_bytes;
        faults.check(kept > batch.peak_bytes / 2, format_args!("the allocator keeps {kept} bytes only"));

        let export = below(&shown, "orders::cache::ExportBuffer::render", "examples/orders/cache.rs");
        faults.equal("the export's buffer", (export.end_blocks, export.peak_blocks), (1, 1));
        faults.equal("the export's buffer grew", export.realloc_calls, export.total_blocks - 1);

        // One text a placed order, and the vector of these.
        let audit = below(&shown, "orders::cache::AuditTrail::record", "examples/orders/cache.rs");
        faults.equal("the audit's entries", audit.end_blocks, PLACED + 1);

        let operations = shown["operations"].as_array().expect("operations");
        let placed = operations.iter().find(|operation| operation["name"] == "place_order").expect("orders");
        faults.equal("orders placed", placed["finished"].as_u64(), Some(PLACED));
        faults.equal("orders that failed", placed["failed"].as_u64(), Some(0));
        let in_operation = below(&shown, "operation place_order", "");
        faults.equal("its bytes", placed["total_bytes"].as_u64(), Some(in_operation.total_bytes));
        faults.equal("its blocks", placed["total_blocks"].as_u64(), Some(in_operation.total_blocks));
        faults.equal("held at the end", placed["end_bytes"].as_u64(), Some(in_operation.end_bytes));

        let hot = below(&shown, "orders::handlers::price_order", "examples/orders/handlers.rs");
        let temporaries = hot.temporary_blocks;
        faults.check(temporaries > PLACED, format_args!("{temporaries} temporaries for {PLACED} orders"));
    }
}

#[test]
fn the_two_builds_are_matched() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [base, new] = ["debug.json", "release.json"].map(|name| folder.path().join(name));
    run(Profile::Dev, &base);
    run(Profile::Release, &new);
    let diff = json(alloc_probe().arg("diff").arg(&base).arg(&new).arg("--json"));
    let matched = diff["matched"]["bytes_percent"].as_f64();
    assert!(matched.is_some_and(|percent| percent > 95.0), "{}", diff["matched"]);
}

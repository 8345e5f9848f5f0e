//! Figures that depend on time, as far as they are certain: a block that slept is at least that old.

use crate::binaries::Profile;
use crate::faults::Faults;
use crate::run::{Run, Subject};
use crate::stacks::Stacks;
use alloc_probe_format::dump::Mode;

/// As in the subject.
const NAP_NS: u64 = 50_000_000;

/// Runs the subject with a threshold.
fn with_threshold(profile: Profile, threshold: &str) -> Run {
    let subject = Subject::new("lifetimes", profile, Mode::Full);
    subject.variable("ALLOC_PROBE_LONG_LIVED", threshold).run().expect_success()
}

#[test]
fn a_block_that_slept_is_that_old() {
    for profile in Profile::ALL {
        let run = with_threshold(profile, "50ms");
        let stacks = Stacks::of(&run.dump);
        let mut faults = Faults::of(&run.subject);
        faults.equal("threshold", run.dump.long_lived_threshold_ns, NAP_NS);
        let held = stacks.figures_below("subjects::lifetimes::held");
        let lived = held.lifetime_sum_ns;
        faults.check(lived >= NAP_NS, format_args!("held for {lived} ns"));
        faults.check(
            lived <= run.dump.process.duration_ns,
            format_args!("held for {lived} ns, longer than the run"),
        );
        faults.equal("held: long-lived", held.long_lived_blocks, 0);
        let early = stacks.figures_below("subjects::lifetimes::early");
        faults.equal("early: long-lived", (early.long_lived_blocks, early.long_lived_bytes), (1, 3_000));
        // The bucket of its age starts at half of what the age can be at most, and ends above the nap.
        let buckets =
            stacks.sites_below("subjects::lifetimes::early").flat_map(|site| &site.ages).collect::<Vec<_>>();
        let ends_ns =
            buckets.iter().map(|(bucket, _)| 2_f64.powi(i32::from(*bucket)) * run.dump.clock.unit_ns);
        faults.check(ends_ns.clone().all(|end| end > NAP_NS as f64), format_args!("ages {buckets:?}"));
        let most = 2.0 * run.dump.process.duration_ns as f64;
        faults.check(ends_ns.clone().all(|end| end <= most), format_args!("ages {buckets:?}"));
    }
}

#[test]
fn the_threshold_divides_old_from_young() {
    for profile in Profile::ALL {
        let all = with_threshold(profile, "0s").dump.totals;
        assert_eq!((all.long_lived_bytes, all.long_lived_blocks), (all.end_bytes, all.end_blocks));
        let none = with_threshold(profile, "1h").dump.totals;
        assert_eq!((none.long_lived_bytes, none.long_lived_blocks), (0, 0));
    }
}

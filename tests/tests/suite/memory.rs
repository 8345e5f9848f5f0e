//! What the dump says of resident memory: whose it is.

use crate::binaries::Profile;
use crate::faults::Faults;
use crate::run::Subject;
use alloc_probe_format::dump::Mode;

/// What the subject maps and touches.
const MAPPED: u64 = 64 << 20;

/// More than the probe needs for a program that allocates next to nothing.
const PROBE: u64 = 4 << 20;

#[test]
fn the_programs_own_mappings_are_not_the_probes() {
    for profile in Profile::ALL {
        for mode in [Mode::Count, Mode::Full] {
            let run = Subject::new("neighbours", profile, mode).run().expect_success();
            let mut faults = Faults::of(&run.subject);
            let memory = &run.dump.memory;
            let bytes =
                |name: &str| memory.categories.iter().find(|category| category.name == name).map(|c| c.bytes);
            let (anonymous, probe) = (bytes("anonymous").unwrap_or(0), bytes("probe").unwrap_or(0));
            faults.check(memory.rss_bytes >= MAPPED, format_args!("{} bytes resident", memory.rss_bytes));
            faults.check(anonymous >= MAPPED, format_args!("{anonymous} bytes of the program's own"));
            faults.check(probe < PROBE, format_args!("{probe} bytes of the probe"));
            let used = &run.dump.probe;
            faults.check(used.resident_bytes < PROBE, format_args!("{used:?}"));
        }
    }
}

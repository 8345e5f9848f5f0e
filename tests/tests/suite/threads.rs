//! The rows of the threads.

use crate::binaries::Profile;
use crate::faults::Faults;
use crate::run::Subject;
use alloc_probe_format::dump::{Mode, Thread};

#[test]
fn one_row_for_each_name() {
    for profile in Profile::ALL {
        for mode in [Mode::Count, Mode::Full] {
            let run = Subject::new("threads", profile, mode).run().expect_success();
            let mut faults = Faults::of(&run.subject);
            let rows =
                |name: &str| run.dump.threads.iter().filter(|row| row.name == name).collect::<Vec<_>>();
            let mut names = run.dump.threads.iter().map(|row| row.name.as_str()).collect::<Vec<_>>();
            names.sort_unstable();
            faults.equal(
                "names",
                names,
                vec!["brief", "crowd", "maker-0", "maker-1", "maker-2", "maker-3", "subjects"],
            );
            for (name, threads) in
                [("maker-0", 1), ("maker-3", 1), ("brief", 200), ("crowd", 64), ("subjects", 1)]
            {
                let counted = rows(name).iter().map(|row| row.threads).collect::<Vec<_>>();
                faults.equal(format_args!("threads in row `{name}`"), counted, vec![threads]);
            }
            // A maker allocates 1,001 blocks of 72,000 bytes and hands 601 of them on. Its peak is that, less the
            // little that its creator had allocated for it. The 200 brief ones never have much at once.
            let makers = rows("maker-0").into_iter().chain(rows("maker-2"));
            let full = |maker: &Thread| maker.total_bytes >= 72_000 && maker.peak_bytes >= 71_000;
            faults.check(makers.clone().all(full), "a maker's figures are too small");
            let brief = rows("brief");
            let small = |row: &&Thread| row.total_blocks >= 2_000 && row.peak_bytes < 2_000;
            faults.check(brief.iter().all(small), format_args!("brief threads: {brief:?}"));
            // Only the main thread is alive when the process ends.
            let alive = run.dump.threads.iter().filter(|row| row.tid.is_some()).map(|row| row.tid);
            faults.equal("ids of live threads", alive.collect::<Vec<_>>(), vec![Some(run.dump.process.pid)]);
        }
    }
}

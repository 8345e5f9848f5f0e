//! However a process comes to its normal end, its dump is whole.

use crate::binaries::Profile;
use crate::run::Subject;
use crate::subjects::{self, Threads};
use alloc_probe_format::dump::Mode;

/// Checks the dump of a process that ended in a certain way, with a certain status.
fn check(way: &str, status: i32, threads: Threads) {
    for profile in Profile::ALL {
        for mode in [Mode::Count, Mode::Full] {
            let run = Subject::new("endings", profile, mode).argument(way).run();
            assert_eq!(run.output.status.code(), Some(status), "{}", run.subject);
            subjects::check(&run, threads);
        }
    }
}

#[test]
fn return_from_main() {
    check("return", 0, Threads::One);
}

#[test]
fn process_exit() {
    check("exit", 3, Threads::One);
}

#[test]
fn panic_in_main() {
    check("panic", 101, Threads::One);
}

#[test]
fn exit_from_another_thread() {
    check("thread", 4, Threads::Several(2));
}

//! Random walks through trees of calls.

use super::check::Subject;
use super::walk::Walk;

/// Calls of one walk. Unoptimised, the unwinders that stacks are compared with take ten times as long.
const CALLS: u32 = if cfg!(debug_assertions) { 500 } else { 4_000 };

#[test]
fn random_call_trees() {
    for seed in 1..=6 {
        let subject = Subject::new();
        let visit = || drop(subject.check());
        Walk::new(seed, CALLS, &visit).run();
        assert_eq!(subject.slow_walks(), 0, "compiled code is never out of the ordinary");
    }
}

#[test]
fn random_call_trees_in_threads() {
    std::thread::scope(|scope| {
        for seed in 21..=23 {
            scope.spawn(move || {
                let subject = Subject::new();
                let visit = || drop(subject.check());
                Walk::new(seed, CALLS / 2, &visit).run();
            });
        }
    });
}

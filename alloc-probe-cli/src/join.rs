//! Two things at once, as for the two sides of a diff.

use std::panic::resume_unwind;
use std::thread;

/// Does the first on a thread of its own, and the second here. What either panics with, this panics with.
pub(crate) fn join<A: Send, B>(first: impl FnOnce() -> A + Send, second: impl FnOnce() -> B) -> (A, B) {
    thread::scope(|scope| {
        let first = scope.spawn(first);
        let second = second();
        (first.join().unwrap_or_else(|panic| resume_unwind(panic)), second)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;

    #[test]
    fn both_are_under_way_join_and_both_results_are_had() {
        // Neither passes the barrier before the other has come to it.
        let barrier = Barrier::new(2);
        let arrive = |result| {
            barrier.wait();
            result
        };
        assert_eq!(join(|| arrive("first"), || arrive("second")), ("first", "second"));
    }

    #[test]
    fn a_panic_of_the_other_thread_is_ours() {
        let caught = std::panic::catch_unwind(|| join(|| -> () { resume_unwind(Box::new("lost")) }, || ()));
        assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"lost"));
    }
}

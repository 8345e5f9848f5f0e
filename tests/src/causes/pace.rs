//! Requests that come at set times, so that they are spread evenly over a run on a busy machine, too.

use std::thread;
use std::time::{Duration, Instant};

pub(super) struct Pace {
    start: Instant,
    each: Duration,
}

impl Pace {
    pub(super) fn of(each: Duration) -> Pace {
        Pace { start: Instant::now(), each }
    }

    /// Waits until the request after this one comes; not at all if it is late.
    pub(super) fn wait_for(&self, request: usize) {
        let due = self.each * (request as u32 + 1);
        thread::sleep(due.saturating_sub(self.start.elapsed()));
    }
}

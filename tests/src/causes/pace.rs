//! Requests that come at set times, so that they are spread evenly over a run on a busy machine, too.

use std::thread;
use std::time::{Duration, Instant};

/// Whoever is later than this had to wait for a processor. The requests after it come that much later, as bursts of them
/// are no even pace.
const LATE: Duration = Duration::from_millis(20);
/// One who had to wait for so long, between one request and the next, did not work at the pace that the case is about.
const FAR_TOO_LATE: Duration = Duration::from_millis(400);

pub(super) struct Pace {
    start: Instant,
    each: Duration,
    late: bool,
}

impl Pace {
    pub(super) fn of(each: Duration) -> Pace {
        Pace { start: Instant::now(), each, late: false }
    }

    /// Waits until the request after this one comes; not at all if it is late.
    pub(super) fn wait_for(&mut self, request: usize) {
        let (due, now) = (self.each * (request as u32 + 1), self.start.elapsed());
        if now > due + LATE {
            self.late |= now > due + FAR_TOO_LATE;
            self.start += now - due;
        }
        thread::sleep(due.saturating_sub(now));
    }

    /// Says if the requests did not come evenly: then nobody can tell what grows with them.
    pub(super) fn tell(&self) {
        if self.late {
            println!("late");
        }
    }
}

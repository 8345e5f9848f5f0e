//! Whether the process's other threads have got on since a moment. One that stands between an allocation and its record, or
//! between a record's end and the next, has to run before it is told: on a busy machine, that may take a while.

use crate::os;
use std::fs;

/// Threads that had something to do at a moment, and for how long each had run by then, in nanoseconds.
pub(super) struct Others(Vec<(u64, u64)>);

/// What a thread needs to get through any one call of the allocator, but for moving a block of many megabytes.
const CALL_NS: u64 = 2_000_000;

impl Others {
    /// The other threads now, as far as the system tells.
    pub(super) fn now() -> Others {
        // SAFETY: it has no preconditions.
        let own = unsafe { libc::syscall(libc::SYS_gettid) } as u64;
        let mut others = Vec::new();
        os::for_each_task(|task| {
            if task != own && is_at_work(task) {
                others.extend(run_ns(task).map(|run| (task, run)));
            }
        });
        Others(others)
    }

    /// Whether one of them may still be in the call in which it was. One that waits for something is in none.
    pub(super) fn any_is_where_it_was(&mut self) -> bool {
        self.0.retain(|&(task, run)| {
            is_at_work(task) && run_ns(task).is_some_and(|now| now.saturating_sub(run) < CALL_NS)
        });
        !self.0.is_empty()
    }
}

/// Whether a thread runs, would if it had a processor, or has a page fetched.
fn is_at_work(task: u64) -> bool {
    let text = fs::read(format!("/proc/self/task/{task}/stat")).unwrap_or_default();
    // Behind the name, which may have anything in it.
    let behind = text.iter().rposition(|&byte| byte == b')').unwrap_or(text.len());
    matches!(text.get(behind + 2), Some(b'R' | b'D'))
}

/// For how long a thread has run.
fn run_ns(task: u64) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/self/task/{task}/schedstat")).ok()?;
    text.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
    use std::time::Duration;

    #[test]
    fn a_thread_at_work_gets_on_and_one_that_waits_is_not_waited_for() {
        let (id, done) = (AtomicU64::new(0), AtomicBool::new(false));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                // SAFETY: it has no preconditions.
                id.store(unsafe { libc::syscall(libc::SYS_gettid) } as u64, SeqCst);
                while !done.load(SeqCst) {
                    std::hint::spin_loop();
                }
            });
            let of = |others: &Others| others.0.iter().any(|&(task, _)| task == id.load(SeqCst));
            let mut others = Others::now();
            while id.load(SeqCst) == 0 || !of(&others) {
                others = Others::now();
            }
            // It is let go of once it has run for long enough, which only a system that never runs it would keep it from.
            while of(&others) {
                others.any_is_where_it_was();
                std::thread::sleep(Duration::from_millis(1));
            }
            done.store(true, SeqCst);
        });
        // It has returned, and is let go of once the system has ended it.
        let mut gone = Others(vec![(id.load(SeqCst), u64::MAX)]);
        while gone.any_is_where_it_was() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

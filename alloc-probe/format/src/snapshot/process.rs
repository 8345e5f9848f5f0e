//! What the spool knows of the process.

use super::clock::{ClockScale, Now};
use crate::cgroup::Noted;
use crate::dump::{Cgroup, Process};
use crate::spool::{Spool, header};

/// What the spool's header says of the process, which has run for no less than until a given time.
pub(super) fn process(
    spool: &impl Spool,
    clock: &ClockScale,
    now: Now,
    executable: String,
    command: Vec<String>,
    at_least_ns: u64,
) -> Process {
    let duration_ns = clock.nanos(now.ticks.wrapping_sub(clock.start_ticks)).max(at_least_ns);
    let start_unix_ns = spool.header(header::START_UNIX_NS);
    Process {
        pid: spool.header(header::PID) as u32,
        executable,
        command,
        start_unix_ns,
        end_unix_ns: start_unix_ns.saturating_add(duration_ns),
        duration_ns,
        ended: now.ended,
        signal: now.signal,
        from_spool: now.from_spool,
    }
}

/// What is left of the control group of a process that is gone.
pub(super) fn noted(group: &Noted) -> Cgroup {
    Cgroup { limit_bytes: group.limit_bytes, oom_kills_at_start: group.oom_kills, ..Cgroup::default() }
}

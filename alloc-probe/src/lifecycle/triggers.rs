//! Dumps of a program that goes on: on a signal, each interval, when the peak has grown, when much is live.
//!
//! Where any of these is asked for, the probe has a thread of its own that waits for it. The program's threads are
//! never stopped. Where figures decide, allocations wake the thread, at most fifty times a second, by the comparison that
//! they make for the timeline anyway; after each wake it looks for a tenth of a second more, and without any only once a
//! second, for memory is also taken by touching what was allocated before. So an idle program pays nothing, and one that
//! allocates is never looked at later than 20 ms after it did. A peak that is over by then is known, and in the dump,
//! all the same; any other rise, and a fall, is seen only if it lasts until a look. The thread is in no figure of the
//! program's.

use super::config::{MOST_KEPT, Triggers};
use super::signals;
use crate::dump::output::OUTPUT;
use crate::os;
use crate::os::message::{complain, complain_of_path};
use crate::os::path::Path;
use crate::profile::totals::Sum;
use crate::profile::{resident, timeline};
use crate::{dump, mode, thread};
use alloc_probe_format::cgroup::Limited;
use once_cell::race::OnceRef;
use std::mem::MaybeUninit;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering::Relaxed, Ordering::SeqCst};

/// How often the figures are looked at while the program allocates, where they decide.
const LOOK_NS: u64 = 20_000_000;
/// How many times after the last allocation that woke the thread.
const LOOKS: u32 = 5;
/// How often while it does not allocate: memory may be touched later.
const IDLE_LOOK_NS: u64 = 1_000_000_000;

/// A heap is small below this: its peak may grow by any share.
const LEAST_PEAK: u64 = 1 << 20;

/// As for `signals`: more than a dump needs.
const STACK_BYTES: usize = 1 << 20;

/// What was asked for. It is set within an allocation, where nobody may wait.
static ASKED: OnceRef<'static, Triggers> = OnceRef::new();
static PROCESS: AtomicI32 = AtomicI32::new(0);
/// How often the signal came.
static SIGNALS: AtomicU32 = AtomicU32::new(0);

/// Starts the thread that waits for what is asked for. Called once.
pub(crate) fn install(asked: Triggers) {
    if !asked.are_any() {
        return;
    }
    // SAFETY: it has no preconditions.
    PROCESS.store(unsafe { libc::getpid() }, Relaxed);
    let kept = os::keep(asked).is_some_and(|asked| ASKED.set(asked).is_ok());
    let ready = kept
        && start_thread()
        && (asked.signal == 0 || signals::set_handler(asked.signal, on_signal, RESTART));
    if !ready {
        complain(&[b"the system has no thread for it: there will be no dumps while the program runs"]);
    }
}

/// In the child of a fork: there is nobody to write a dump.
pub(crate) fn restore() {
    if let Some(signal) = ASKED.get().map(|asked| asked.signal).filter(|&signal| signal != 0) {
        signals::restore_default(signal, on_signal);
    }
}

const RESTART: libc::c_int = libc::SA_RESTART | libc::SA_ONSTACK;

extern "C" fn on_signal(_: libc::c_int) {
    os::keeping_errno(|| {
        // SAFETY: it has no preconditions.
        if !mode::is_forked() && unsafe { libc::getpid() } == PROCESS.load(Relaxed) {
            SIGNALS.fetch_add(1, SeqCst);
            timeline::wake();
        }
    });
}

unsafe extern "C" {
    // The `libc` crate has it since 0.2.172 only, which programs with a lock file of their own would have to take.
    fn pthread_attr_setstack(
        attributes: *mut libc::pthread_attr_t,
        stack: *mut libc::c_void,
        bytes: libc::size_t,
    ) -> libc::c_int;
}

fn start_thread() -> bool {
    let Some(stack) = os::reserve(STACK_BYTES) else { return false };
    let mut attributes = MaybeUninit::uninit();
    let mut thread = MaybeUninit::uninit();
    // It takes the mask of this one: no signal of the program's ever runs there.
    let _blocked = os::SignalsBlocked::new();
    // SAFETY: the attributes are initialised before they are used; the stack is nobody else's and never goes; the
    // function has the type that a thread's has.
    unsafe {
        libc::pthread_attr_init(attributes.as_mut_ptr());
        pthread_attr_setstack(attributes.as_mut_ptr(), stack.as_ptr().cast(), STACK_BYTES);
        libc::pthread_attr_setdetachstate(attributes.as_mut_ptr(), libc::PTHREAD_CREATE_DETACHED);
        let status = libc::pthread_create(thread.as_mut_ptr(), attributes.as_ptr(), run, null_mut());
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
        status == 0
    }
}

extern "C" fn run(_: *mut libc::c_void) -> *mut libc::c_void {
    // SAFETY: the name is a C string of less than 16 bytes.
    unsafe { libc::prctl(libc::PR_SET_NAME, c"alloc-probe".as_ptr()) };
    if let Some(asked) = ASKED.get() {
        thread::as_probe_thread(|| Watch::new(*asked).run());
    }
    null_mut()
}

/// What was asked for, and what of it was seen.
struct Watch {
    asked: Triggers,
    signals: u32,
    /// The word that the thread waits at, as it was before it last looked.
    wakes: u32,
    /// Looks that are left before it waits for the next allocation.
    looks: u32,
    next_ns: u64,
    /// The peak from which it counts as grown.
    peak: u64,
    /// The peak at the last look.
    seen_peak: u64,
    live: Mark,
    resident: Mark,
    /// The control group's limit, if that is asked for and there is one.
    cgroup: Option<(Limited, Mark)>,
    /// The number of the next dump.
    number: u64,
    /// Which of the last dumps were written, by their numbers.
    written: [bool; MOST_KEPT as usize + 1],
}

/// A limit, and from where on it counts as passed again.
struct Mark {
    /// 0 where there is none.
    limit: u64,
    next: u64,
}

impl Mark {
    fn new(limit: u64) -> Mark {
        Mark { limit, next: limit }
    }

    /// Whether `now` is beyond it, or beyond a further tenth of the limit; again once it has been well below.
    fn is_passed(&mut self, now: u64) -> bool {
        if self.limit == 0 {
            return false;
        }
        if now < self.limit / 4 * 3 {
            self.next = self.limit;
        }
        let passed = now >= self.next;
        if passed {
            let tenth = (self.limit / 10).max(1);
            let tenths = (now - self.limit) / tenth + 1;
            self.next = self.limit.saturating_add(tenths.saturating_mul(tenth));
        }
        passed
    }
}

impl Watch {
    fn new(asked: Triggers) -> Watch {
        let next_ns = os::monotonic_ns().saturating_add(asked.interval_ns);
        let above = asked.above;
        let cgroup = match above.cgroup_percent {
            0 => None,
            percent => Limited::nearest().map(|group| {
                let mark = Mark::new(group.limit_bytes() / 100 * percent);
                (group, mark)
            }),
        };
        if above.cgroup_percent != 0 && cgroup.is_none() {
            complain(&[b"no control group above the process has a limit of memory: ALLOC_PROBE_ABOVE=cgroup waits for none"]);
        }
        Watch {
            asked,
            signals: 0,
            wakes: timeline::WAKES.load(SeqCst),
            looks: LOOKS,
            next_ns,
            peak: LEAST_PEAK,
            seen_peak: 0,
            live: Mark::new(above.live_bytes),
            resident: Mark::new(above.resident_bytes),
            cgroup,
            number: 1,
            written: [false; MOST_KEPT as usize + 1],
        }
    }

    fn looks_at_figures(&self) -> bool {
        self.asked.peak_percent != 0 || self.asked.above != Default::default()
    }

    fn run(mut self) -> ! {
        if self.looks_at_figures() {
            timeline::wake_each(LOOK_NS / 1_000_000);
        }
        loop {
            // Read before anything is looked at, so that what happens meanwhile ends the wait.
            let wakes = timeline::WAKES.load(SeqCst);
            if std::mem::replace(&mut self.wakes, wakes) != wakes {
                self.looks = LOOKS;
            }
            if self.is_due() {
                self.dump();
            } else {
                self.wait();
            }
        }
    }

    /// Waits for a signal, for allocations, or until it is time to look again.
    fn wait(&mut self) {
        let now = os::monotonic_ns();
        let look = match (self.looks_at_figures(), self.looks) {
            (false, _) => u64::MAX,
            (true, 0) => now + IDLE_LOOK_NS,
            (true, _) => now + LOOK_NS,
        };
        self.looks = self.looks.saturating_sub(1);
        let until = if self.asked.interval_ns != 0 { look.min(self.next_ns) } else { look };
        let nanos = until.saturating_sub(now);
        let time = libc::timespec {
            tv_sec: (nanos / 1_000_000_000).min(1 << 30) as i64,
            tv_nsec: (nanos % 1_000_000_000) as i64,
        };
        // SAFETY: the word lives as long as the program, and the time as long as the call.
        unsafe {
            let word = timeline::WAKES.as_ptr();
            libc::syscall(libc::SYS_futex, word, libc::FUTEX_WAIT, self.wakes, &raw const time);
        }
    }

    /// Whether any trigger has fired since the last time.
    fn is_due(&mut self) -> bool {
        let signals = SIGNALS.load(SeqCst);
        let mut due = std::mem::replace(&mut self.signals, signals) != signals;
        let now = os::monotonic_ns();
        if self.asked.interval_ns != 0 && now >= self.next_ns {
            // Those that were missed, as while a dump was written, are left out.
            let missed = (now - self.next_ns) / self.asked.interval_ns;
            self.next_ns = self.next_ns.saturating_add((missed + 1).saturating_mul(self.asked.interval_ns));
            due = true;
        }
        due | self.is_due_by_figures()
    }

    fn is_due_by_figures(&mut self) -> bool {
        let Triggers { peak_percent, above, .. } = self.asked;
        let mut due = false;
        if peak_percent != 0 || above.live_bytes != 0 {
            let sum = Sum::of_process();
            let (live, at_peak) = (sum.live.0.max(0) as u64, sum.at_peak.0.max(0) as u64);
            if peak_percent != 0 && at_peak >= self.peak {
                let share = u128::from(at_peak) * u128::from(100 + peak_percent) / 100;
                self.peak = u64::try_from(share).unwrap_or(u64::MAX).max(at_peak + 1);
                due = true;
            }
            // A rise and fall between two looks is known if it made a new peak.
            let rose = at_peak > std::mem::replace(&mut self.seen_peak, at_peak);
            due |= self.live.is_passed(if rose { at_peak } else { live });
        }
        if above.resident_bytes != 0 {
            due |= resident::now().is_some_and(|resident| self.resident.is_passed(resident.bytes));
        }
        if let Some((group, mark)) = &mut self.cgroup {
            due |= group.current_bytes().is_some_and(|bytes| mark.is_passed(bytes));
        }
        due
    }

    fn dump(&mut self) {
        let mut path = Path::EMPTY;
        if !OUTPUT.numbered(self.number, &mut path) {
            return;
        }
        let number = self.number;
        self.number += 1;
        let written = dump::write(path.as_path(), true);
        self.written[number as usize % self.written.len()] = written.is_ok();
        match written {
            Ok(()) => self.remove_oldest(number, &path),
            Err(reason) => complain_of_path(path.bytes(), &reason, "the program goes on"),
        }
    }

    /// Of the dumps up to this one, only the newest stay.
    fn remove_oldest(&self, number: u64, newest: &Path) {
        let Some(old) = number.checked_sub(self.asked.keep).filter(|&old| self.asked.keep > 0 && old > 0)
        else {
            return;
        };
        let mut path = Path::EMPTY;
        if self.written[old as usize % self.written.len()]
            && OUTPUT.numbered(old, &mut path)
            && path.bytes() != newest.bytes()
            && std::fs::symlink_metadata(path.as_path()).is_ok_and(|file| file.is_file())
        {
            let _ = std::fs::remove_file(path.as_path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_passed_at_the_limit_and_at_each_further_tenth() {
        let mut mark = Mark::new(100);
        let passed: Vec<bool> =
            [99, 100, 100, 109, 110, 111, 135, 139, 140, 80, 100, 149, 150, 74, 99, 100, 101]
                .map(|now| mark.is_passed(now))
                .to_vec();
        let at = [1, 4, 6, 8, 12, 15];
        assert_eq!(passed, (0..17).map(|place| at.contains(&place)).collect::<Vec<_>>());
        assert!(!Mark::new(0).is_passed(u64::MAX), "there is none");
        assert!(Mark::new(u64::MAX).is_passed(u64::MAX));
    }
}

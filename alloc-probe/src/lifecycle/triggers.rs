//! Dumps of a program that goes on: on a signal, each interval, when the peak has grown, when much is live.
//!
//! Where any of these is asked for, the probe has a thread of its own that waits for it. The program's threads are
//! never stopped, and pay nothing: the thread looks at the figures now and then, as a peak that is over by then is in
//! the dump all the same. It is in no figure of the program's.

use super::config::Triggers;
use super::signals;
use crate::dump::output::OUTPUT;
use crate::os;
use crate::os::message::{complain, complain_of_path};
use crate::os::path::Path;
use crate::profile::totals::Sum;
use crate::{dump, thread};
use once_cell::race::OnceRef;
use std::mem::MaybeUninit;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering::Relaxed, Ordering::SeqCst};

/// How often the figures are looked at, where they decide.
const LOOK_NS: u64 = 20_000_000;

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
    if asked == Triggers::default() {
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
        if unsafe { libc::getpid() } == PROCESS.load(Relaxed) {
            SIGNALS.fetch_add(1, SeqCst);
            // SAFETY: the word lives as long as the program.
            unsafe { libc::syscall(libc::SYS_futex, SIGNALS.as_ptr(), libc::FUTEX_WAKE, 1) };
        }
    });
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
        libc::pthread_attr_setstack(attributes.as_mut_ptr(), stack.as_ptr().cast(), STACK_BYTES);
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
    next_ns: u64,
    /// The peak from which it counts as grown.
    peak: u64,
    /// Whether what is live has been above, and not well below since; none where it never was.
    above: Option<bool>,
    /// The number of the next dump.
    number: u64,
}

impl Watch {
    fn new(asked: Triggers) -> Watch {
        let next_ns = os::monotonic_ns().saturating_add(asked.interval_ns);
        Watch { asked, signals: 0, next_ns, peak: LEAST_PEAK, above: None, number: 1 }
    }

    fn run(mut self) -> ! {
        loop {
            if self.is_due() {
                self.dump();
            } else {
                self.wait();
            }
        }
    }

    /// Waits for a signal, or until it is time to look again.
    fn wait(&self) {
        let now = os::monotonic_ns();
        let looks = self.asked.peak_percent != 0 || self.asked.above_bytes != 0;
        let look = if looks { now + LOOK_NS } else { u64::MAX };
        let until = if self.asked.interval_ns != 0 { look.min(self.next_ns) } else { look };
        let nanos = until.saturating_sub(now);
        let time = libc::timespec {
            tv_sec: (nanos / 1_000_000_000).min(1 << 30) as i64,
            tv_nsec: (nanos % 1_000_000_000) as i64,
        };
        // SAFETY: the word lives as long as the program, and the time as long as the call.
        unsafe {
            let word = SIGNALS.as_ptr();
            libc::syscall(libc::SYS_futex, word, libc::FUTEX_WAIT, self.signals, &raw const time);
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
        let Triggers { peak_percent, above_bytes, .. } = self.asked;
        if peak_percent == 0 && above_bytes == 0 {
            return false;
        }
        let sum = Sum::of_process();
        let (live, at_peak) = (sum.live.0.max(0) as u64, sum.at_peak.0.max(0) as u64);
        let grown = peak_percent != 0 && at_peak >= self.peak;
        if grown {
            let share = u128::from(at_peak) * u128::from(100 + peak_percent) / 100;
            self.peak = u64::try_from(share).unwrap_or(u64::MAX).max(at_peak + 1);
        }
        // The first time, a rise and fall between two looks is known by the peak.
        let high = if self.above.is_none() { at_peak } else { live };
        let passed = above_bytes != 0 && self.above != Some(true) && high >= above_bytes;
        if passed || self.above.is_some() {
            self.above = Some((passed || self.above == Some(true)) && live >= above_bytes / 4 * 3);
        }
        grown | passed
    }

    fn dump(&mut self) {
        let mut path = Path::EMPTY;
        if !OUTPUT.numbered(self.number, &mut path) {
            return;
        }
        self.number += 1;
        if let Err(reason) = dump::write(path.as_path(), true) {
            complain_of_path(path.bytes(), &reason, "the program goes on");
        }
    }
}

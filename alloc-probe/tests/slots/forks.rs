//! Children that are made while other threads are anywhere in the API. The child calls all of it, and waits for nobody,
//! whether the C library made it or a system call, of which the C library tells nobody. (The allocator has no lock that a
//! thread of the parent's could hold.) The parent's profile stays the parent's.

use crate::support::child::Child;
use crate::support::{Cases, cases, tell};
use alloc_probe::{InOperation as _, Mode, Scope};
use std::future::Future;
use std::hint::black_box;
use std::pin::{Pin, pin};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};

/// Checks and scenarios.
pub(crate) const CASES: Cases = Cases {
    checks: cases![a_child_calls_the_whole_api, an_operation_under_way_stays_the_parents],
    scenarios: cases![asks_everything, goes_on],
};

/// How many children are made: of an optimised probe, twice as many.
const ROUNDS: usize = if cfg!(debug_assertions) { 200 } else { 400 };

/// Pending when polled first.
struct Yields(bool);

impl Future for Yields {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) { Poll::Ready(()) } else { Poll::Pending }
    }
}

fn poll_once<T>(future: Pin<&mut impl Future<Output = T>>) -> Poll<T> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Makes a child, by the C library or without it.
fn fork(is_told: bool) -> libc::pid_t {
    // SAFETY: the child only calls what the scenario calls, and ends.
    let pid = unsafe {
        if is_told {
            libc::fork()
        } else {
            libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) as libc::pid_t
        }
    };
    assert!(pid >= 0, "{}", std::io::Error::last_os_error());
    pid
}

fn wait(pid: libc::pid_t) -> i32 {
    let mut status = 0;
    // SAFETY: the status is a valid place.
    assert_eq!(unsafe { libc::waitpid(pid, &mut status, 0) }, pid);
    status
}

/// What each thread does again and again.
const WORK: &[fn(&Scope)] = &[
    |scope| scope.run(|| drop(black_box(vec![1u8; 32]))),
    |scope| _ = (scope.usage(), alloc_probe::here(), scope.clone()),
    |_| drop(alloc_probe::measure(|| Scope::new().run(|| black_box(vec![1u8; 100])))),
    |_| alloc_probe::operation_failed(),
    |_| {
        let _outer = alloc_probe::operation("outer");
        let _inner = alloc_probe::operation("inner");
        drop(black_box(vec![1u8; 64]));
    },
    |_| {
        let mut future = pin!(Yields(false).in_operation("future"));
        while poll_once(future.as_mut()).is_pending() {}
    },
    |_| alloc_probe::mark("passed"),
    |_| _ = (alloc_probe::stats(), alloc_probe::thread_stats(), alloc_probe::mode()),
    |_| std::thread::spawn(|| drop(black_box(vec![1u8; 16]))).join().expect("it returns"),
    |_| alloc_probe::dump("another.json").expect("a dump"),
    |_| {
        alloc_probe::set_mode(Mode::Sample).expect("it was prepared");
        alloc_probe::set_mode(Mode::Full).expect("it was prepared");
    },
    |scope| scope.dump("of-a-scope.json").expect("a dump"),
    #[cfg(feature = "metrics")]
    |_| drop(alloc_probe::metrics()),
    #[cfg(feature = "pprof")]
    |_| {
        let start = alloc_probe::PprofStart::now().expect("stacks are recorded");
        drop((alloc_probe::pprof(), alloc_probe::pprof_since(&start)));
    },
];

/// Everything there is, from a child whose parent had an operation and a scope open, and a future under way.
fn ask(scope: &Scope, mut future: Pin<&mut impl Future<Output = ()>>, first: usize) {
    let calls: &mut [&mut dyn FnMut()] = &mut [
        &mut || {
            let usage = scope.usage();
            assert!(usage.total_blocks >= usage.live_blocks || usage.lost > 0);
        },
        &mut || drop(black_box((scope.clone(), alloc_probe::here()))),
        &mut || {
            scope.run(|| drop(black_box(vec![1u8; 1000])));
            assert!(scope.usage().lost > 0, "what is done here is in no scope");
        },
        &mut || {
            let hook = std::panic::take_hook();
            std::panic::set_hook(Box::new(|_| ()));
            assert!(std::panic::catch_unwind(Scope::new).is_err());
            std::panic::set_hook(hook);
        },
        &mut || drop(alloc_probe::operation("child")),
        &mut || alloc_probe::operation_failed(),
        &mut || while poll_once(future.as_mut()).is_pending() {},
        &mut || assert!(poll_once(pin!(Yields(true).in_operation("child"))).is_ready()),
        &mut || alloc_probe::mark("child"),
        &mut || assert_eq!((alloc_probe::stats().total_blocks, alloc_probe::mode()), (0, Mode::Off)),
        &mut || assert_eq!(alloc_probe::thread_stats().total_blocks, 0),
        &mut || assert!(alloc_probe::set_mode(Mode::Full).is_err() && alloc_probe::stop().is_err()),
        &mut || assert!(alloc_probe::dump("child.json").is_err()),
        #[cfg(feature = "metrics")]
        &mut || assert!(!alloc_probe::metrics().contains("live_bytes")),
        #[cfg(feature = "pprof")]
        &mut || assert!(alloc_probe::pprof().is_err() && alloc_probe::PprofStart::now().is_err()),
    ];
    // Each is the first that a child does, some time.
    let count = calls.len();
    calls.rotate_left(first % count);
    calls.iter_mut().for_each(|call| call());
}

fn asks_everything() {
    static DONE: AtomicBool = AtomicBool::new(false);
    let scope = Scope::with_sites();
    let at_work = Barrier::new(WORK.len() + 1);
    std::thread::scope(|threads| {
        for work in WORK {
            let (scope, at_work) = (&scope, &at_work);
            threads.spawn(move || {
                work(scope);
                at_work.wait();
                while !DONE.load(SeqCst) {
                    work(scope);
                }
            });
        }
        at_work.wait();
        for round in 0..ROUNDS {
            let _operation = alloc_probe::operation("parent");
            let mut future = pin!(Yields(false).in_operation("under way"));
            assert!(poll_once(future.as_mut()).is_pending());
            let pid = fork(round % 2 == 0);
            if pid == 0 {
                // What hangs is ended by it.
                // SAFETY: it has no preconditions.
                unsafe { libc::alarm(60) };
                let asked =
                    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| ask(&scope, future, round / 2)));
                drop(_operation);
                // SAFETY: it has no preconditions.
                unsafe { libc::_exit(asked.is_err().into()) };
            }
            let status = wait(pid);
            if status != 0 {
                tell("round", round as u64);
                tell("status", status as u64);
                // The others would go on.
                // SAFETY: it has no preconditions.
                unsafe { libc::_exit(1) };
            }
            assert!(poll_once(future.as_mut()).is_ready());
        }
        DONE.store(true, SeqCst);
    });
    for dump in ["another.json", "of-a-scope.json"] {
        std::fs::remove_file(dump).expect("the dump");
    }
}

fn a_child_calls_the_whole_api() {
    let dump = Child::new("asks_everything", "full").succeed().dump();
    let operation = |name: &str| dump.operations.iter().find(|operation| operation.name == name);
    assert_eq!(operation("child"), None);
    for name in ["parent", "under way"] {
        let operation = operation(name).expect("it was done");
        assert_eq!((operation.started, operation.finished), (ROUNDS as u64, ROUNDS as u64), "{name}");
    }
    assert_eq!(dump.marks.iter().find(|mark| mark.name == "child"), None);
}

/// A child of which nobody was told polls its parent's future.
fn goes_on() {
    let mut future = pin!(Yields(false).in_operation("under way"));
    assert!(poll_once(future.as_mut()).is_pending());
    let pid = fork(false);
    if pid == 0 {
        let ready = poll_once(future.as_mut()).is_ready();
        // SAFETY: it has no preconditions.
        unsafe { libc::_exit((!ready).into()) };
    }
    assert_eq!(wait(pid), 0);
    // In no operation.
    drop(black_box(vec![1u8; 4000]));
    tell("done", 1);
    // SAFETY: it has no preconditions.
    unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
}

fn an_operation_under_way_stays_the_parents() {
    for mode in ["full", "count"] {
        let dump = Child::new("goes_on", mode).run().spool();
        let [operation] = &dump.operations[..] else { panic!("{:?}", dump.operations) };
        assert_eq!((operation.started, operation.finished, operation.total_bytes), (1, 0, 0), "{mode}");
    }
}

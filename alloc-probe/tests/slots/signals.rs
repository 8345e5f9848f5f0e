//! Signal handlers that allocate and free, at any instant of the program, the probe's own code included. (With an
//! inner allocator that can stand that, as some can.) Nothing hangs, nothing is corrupted, and what a handler did while
//! it interrupted the probe is in the figures, or in what is said to be lost.

use crate::support::child::{Child, Outcome};
use crate::support::figures::{figures_of_size, of_dump};
use crate::support::truth::Counted;
use crate::support::{Cases, cases, tell};
use alloc_probe::Scope;
use alloc_probe_format::dump::{Dump, Mode};
use std::hint::black_box;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering::SeqCst};

/// Checks and scenarios.
pub(crate) const CASES: Cases = Cases {
    checks: cases![
        a_timer_interrupts_a_program_that_allocates,
        a_timer_interrupts_threads_that_start_and_end,
        every_instruction_is_interrupted,
        a_timer_interrupts_the_dump,
        scopes_count_handlers_or_say_that_they_did_not,
    ],
    scenarios: cases![timer, timer_and_threads, steps, timer_and_dumps, timer_in_a_scope, steps_in_a_scope],
};

const BOXES: usize = 16;

/// Boxes that the program and its handlers take from each other: each frees what the other allocated.
static SHARED: [AtomicPtr<[u8; 24]>; BOXES] = [const { AtomicPtr::new(null_mut()) }; BOXES];
static HANDLED: AtomicU64 = AtomicU64::new(0);
static ROUNDS: AtomicU64 = AtomicU64::new(0);
static TRAPS: AtomicU64 = AtomicU64::new(0);

fn exchange(index: usize) {
    let new = Box::into_raw(Box::new([index as u8; 24]));
    take(SHARED[index % BOXES].swap(new, SeqCst));
}

fn take(old: *mut [u8; 24]) {
    if !old.is_null() {
        // SAFETY: it came from `Box::into_raw`, and whoever swapped it out is its only owner.
        let old = unsafe { Box::from_raw(old) };
        assert!(old.iter().all(|&byte| byte == old[0]), "nobody else writes to it");
    }
}

extern "C" fn on_alarm(_: i32, _: *mut libc::siginfo_t, _: *mut libc::c_void) {
    handle();
    // The next one comes some time after this one is over, so that the program gets on.
    let number = HANDLED.load(SeqCst) as i64;
    if number < SIGNALS.load(SeqCst) as i64 {
        set_timer(1 + number * 7 % 50);
    }
}

/// After an instruction of the program's: an ordinary signal would arrive here, unless it is put off.
extern "C" fn on_trap(_: i32, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel passes the context that was interrupted.
    let blocked =
        unsafe { libc::sigismember(&(*context.cast::<libc::ucontext_t>()).uc_sigmask, libc::SIGALRM) };
    if blocked == 0 && TRAPS.fetch_add(1, SeqCst) % STRIDE == 0 {
        handle();
    }
}

fn handle() {
    // SAFETY: always points to the calling thread's own.
    let errno = unsafe { *libc::__errno_location() };
    let number = HANDLED.fetch_add(1, SeqCst) as usize;
    alloc_probe::mark("handled");
    // None where it interrupted the probe.
    let _operation = alloc_probe::operation("handler");
    black_box((alloc_probe::stats(), alloc_probe::thread_stats()));
    // It takes long: not at each instruction.
    #[cfg(feature = "metrics")]
    if number % 499 == 7 {
        drop(alloc_probe::metrics());
    }
    // A block that stays until the next time, one that doesn't, and one that grows.
    exchange(number * 7);
    drop(black_box(Box::new([1u8; 100])));
    let mut grown = Vec::with_capacity(10);
    grown.extend_from_slice(&[0u8; 10]);
    grown.extend_from_slice(&[0u8; 100]);
    drop(black_box(grown));
    // SAFETY: as above.
    assert_eq!(unsafe { *libc::__errno_location() }, errno);
}

fn take_all() {
    SHARED.iter().for_each(|shared| take(shared.swap(null_mut(), SeqCst)));
}

/// What the program itself does: blocks of all kinds, some kept for a while.
fn allocate(round: usize, kept: &mut Vec<Vec<u8>>) {
    ROUNDS.fetch_add(1, SeqCst);
    alloc_probe::mark("round");
    let _round = alloc_probe::operation("round");
    let _inner = alloc_probe::operation("inner");
    if round % 2 == 0 {
        alloc_probe::operation_failed();
    }
    exchange(round * 5);
    kept.push(vec![round as u8; 1 + round % 60]);
    if kept.len() > 30 {
        let mut vec = kept.swap_remove(round % 30);
        vec.extend_from_slice(&[0; 70]);
        drop(black_box(vec));
    }
    drop(black_box(vec![0u8; 700]));
}

type Action = extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void);

fn on_signal(signal: i32, handler: Action) {
    // SAFETY: the action is all zeros but for the handler, which has the type that it has with `SA_SIGINFO`.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as usize;
        action.sa_flags = libc::SA_RESTART | libc::SA_SIGINFO;
        assert_eq!(libc::sigaction(signal, &action, null_mut()), 0);
    }
}

/// How often a scenario has its handler run.
static SIGNALS: AtomicU64 = AtomicU64::new(0);

/// Has a signal come in some microseconds.
fn set_timer(micros: i64) {
    let never = libc::timeval { tv_sec: 0, tv_usec: 0 };
    let timer = libc::itimerval { it_interval: never, it_value: libc::timeval { tv_usec: micros, ..never } };
    // SAFETY: the timer is a valid place to read from.
    assert_eq!(unsafe { libc::setitimer(libc::ITIMER_REAL, &timer, null_mut()) }, 0);
}

/// Runs rounds of something until as many signals have been handled, one after the other.
fn interrupted(signals: u64, mut round: impl FnMut(usize)) {
    SIGNALS.store(signals, SeqCst);
    on_signal(libc::SIGALRM, on_alarm);
    set_timer(1);
    let mut rounds = 0;
    while HANDLED.load(SeqCst) < signals {
        round(rounds);
        rounds += 1;
    }
    tell("handled", HANDLED.load(SeqCst));
    tell("rounds", ROUNDS.load(SeqCst));
    take_all();
    Counted::tell_at_exit();
}

fn timer() {
    timer_for(10_000);
}

fn timer_for(signals: u64) {
    let mut kept = Vec::new();
    interrupted(signals, |round| {
        allocate(round, &mut kept);
    });
    drop(kept);
}

/// What interrupts a thread may be its first event, or its last.
fn timer_and_threads() {
    interrupted(5000, |round| {
        let work = move || {
            let mut kept = Vec::new();
            (round..round + 30).for_each(|round| allocate(round, &mut kept));
        };
        std::thread::spawn(work).join().expect("it returns");
    });
}

/// While dumps are written the probe's own code runs, with an allocator of its own.
fn timer_and_dumps() {
    interrupted(300, |_| alloc_probe::dump("another.json").expect("a dump"));
    std::fs::remove_file("another.json").expect("the last of them");
}

fn timer_in_a_scope() {
    in_a_scope(|| timer_for(3000));
}

fn steps_in_a_scope() {
    in_a_scope(|| step(1));
}

/// Runs a scenario, handlers and all, in a scope that takes stacks.
fn in_a_scope(scenario: fn()) {
    let scope = Scope::with_sites();
    scope.run(scenario);
    let usage = scope.usage();
    tell("total", usage.total_blocks);
    tell("live", usage.live_blocks);
    tell("lost", usage.lost);
}

/// Sets or clears the processor's trap flag: while it is set, each instruction is followed by a SIGTRAP.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn trap(on: bool) {
    // SAFETY: the flags are put back but for the one, and the stack is as before.
    unsafe {
        if on {
            std::arch::asm!("pushfq", "or qword ptr [rsp], 0x100", "popfq");
        } else {
            std::arch::asm!("pushfq", "and qword ptr [rsp], ~0x100", "popfq");
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn trap(_: bool) {
    // Elsewhere only the timer interrupts.
}

/// Each instruction of some rounds is followed by the handler.
fn steps() {
    step(STEPPED);
}

fn step(rounds: usize) {
    on_signal(libc::SIGTRAP, on_trap);
    let mut kept = Vec::with_capacity(64);
    for round in 0..rounds {
        trap(true);
        allocate(round, &mut kept);
        trap(false);
    }
    tell("handled", HANDLED.load(SeqCst));
    tell("rounds", ROUNDS.load(SeqCst));
    drop(kept);
    take_all();
    Counted::tell_at_exit();
}

/// How many rounds are interrupted, and at each which of their instructions: of the many that an unoptimised probe takes,
/// not every one.
const STEPPED: usize = if cfg!(debug_assertions) { 2 } else { 40 };
const STRIDE: u64 = if cfg!(debug_assertions) { 9 } else { 1 };

const MODES: [&str; 3] = ["full", "sample=100", "count"];

/// Runs a scenario in each mode. Of its blocks none was live at the end.
fn adds_up(scenario: &str) {
    for mode in MODES {
        let outcome = Child::new(scenario, mode).succeed();
        let (dump, truth) = (outcome.dump(), Counted::told(&outcome));
        assert_eq!(outcome.stderr(), "", "{mode}");
        let (found, lost) = (of_dump(&dump), &dump.lost);
        assert_eq!(found.total_blocks + lost.blocks, truth.total_blocks, "{mode}: {lost:?}");
        assert_eq!(found.total_bytes + lost.bytes, truth.total_bytes, "{mode}: {lost:?}");
        assert_eq!(
            (found.live_bytes, found.live_blocks),
            (truth.live_bytes, truth.live_blocks),
            "{mode}: {lost:?}"
        );
        assert!(found.peak_bytes <= truth.peak_bytes + 1000, "{mode}: {found:?} {truth:?}");
        no_block_is_left(&dump);
        let handled = dump.marks.iter().find(|mark| mark.name == "handled").map(|mark| mark.count);
        assert_eq!(handled, Some(outcome.told("handled")), "{mode}: {:?}", dump.marks);
        operations_add_up(&dump, &outcome);
    }
}

/// Each operation of the program's ended as often as it began, in the place that it has in the other, whatever interrupted
/// it. None of a handler's is still there.
fn operations_add_up(dump: &Dump, outcome: &Outcome) {
    let (rounds, mut sum) = (outcome.told("rounds"), (0, 0));
    for operation in &dump.operations {
        assert_eq!((operation.started, operation.cancelled), (operation.finished, 0), "{operation:?}");
        match operation.name.as_str() {
            "round" => assert_eq!((operation.started, operation.failed), (rounds, 0), "{operation:?}"),
            // Every other round says so.
            "inner" => {
                assert_eq!(
                    (operation.started, operation.failed),
                    (rounds, rounds.div_ceil(2)),
                    "{operation:?}"
                );
            }
            _ => assert!(operation.started <= outcome.told("handled"), "{operation:?}"),
        }
        sum = (sum.0 + operation.total_bytes, sum.1 + operation.total_blocks);
    }
    // What is in several at once is in the innermost.
    assert!(
        sum.0 <= dump.totals.total_bytes && sum.1 <= dump.totals.total_blocks,
        "{sum:?} {:?}",
        dump.operations
    );
}

/// The boxes that are exchanged: their sites have none left.
fn no_block_is_left(dump: &Dump) {
    if dump.mode == Mode::Full {
        let boxes = figures_of_size(dump, 4);
        assert!(boxes.total_blocks > 0);
        assert_eq!((boxes.end_blocks, boxes.end_bytes), (0, 0));
    }
}

fn a_timer_interrupts_a_program_that_allocates() {
    adds_up("timer");
}

fn a_timer_interrupts_threads_that_start_and_end() {
    adds_up("timer_and_threads");
}

fn a_timer_interrupts_the_dump() {
    adds_up("timer_and_dumps");
}

/// Of what the scenarios allocate, handlers included, nothing is live in the end: but for what could not be counted.
fn scopes_count_handlers_or_say_that_they_did_not() {
    adds_up("timer_in_a_scope");
    for (scenario, mode) in [("timer_in_a_scope", "full"), ("steps_in_a_scope", "count")] {
        let outcome = Child::new(scenario, mode).succeed();
        let (total, live, lost) = (outcome.told("total"), outcome.told("live"), outcome.told("lost"));
        assert!(total > 100 && live <= lost && lost < total, "{mode}: {total} {live} {lost}");
    }
}

fn every_instruction_is_interrupted() {
    adds_up("steps");
}

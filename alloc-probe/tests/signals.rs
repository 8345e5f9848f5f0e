//! Signal handlers that allocate and free, at any instant of the program, the probe's own code included. (With an
//! inner allocator that can stand that, as some can.) Nothing hangs, nothing is corrupted, and what a handler did while
//! it interrupted the probe is in the figures, or in what is said to be lost.

mod support;

use alloc_probe::AllocProbe;
use alloc_probe_format::dump::{Dump, Mode};
use std::hint::black_box;
use std::process::ExitCode;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering::SeqCst};
use support::child::Child;
use support::figures::{figures_of_size, of_dump};
use support::slots::Slots;
use support::truth::{Counted, Truth};
use support::{cases, tell};

#[global_allocator]
static ALLOC: AllocProbe<Truth<Slots>> = AllocProbe::new(Truth(Slots));

fn main() -> ExitCode {
    support::main(
        cases![
            a_timer_interrupts_a_program_that_allocates,
            a_timer_interrupts_threads_that_start_and_end,
            every_instruction_is_interrupted,
            every_instruction_of_a_threads_life_is_interrupted,
            a_timer_interrupts_the_dump,
        ],
        cases![timer, timer_and_threads, steps, steps_of_threads, timer_and_dumps],
    )
}

const BOXES: usize = 16;

/// Boxes that the program and its handlers take from each other: each frees what the other allocated.
static SHARED: [AtomicPtr<[u8; 24]>; BOXES] = [const { AtomicPtr::new(null_mut()) }; BOXES];
static HANDLED: AtomicU64 = AtomicU64::new(0);

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

extern "C" fn handle(_: i32) {
    // SAFETY: always points to the calling thread's own.
    let errno = unsafe { *libc::__errno_location() };
    let number = HANDLED.fetch_add(1, SeqCst) as usize;
    // An even and an odd number of frees: more than one, and a block that stays until the next time.
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
    exchange(round * 5);
    kept.push(vec![round as u8; 1 + round % 60]);
    if kept.len() > 30 {
        let mut vec = kept.swap_remove(round % 30);
        vec.extend_from_slice(&[0; 70]);
        drop(black_box(vec));
    }
    drop(black_box(vec![0u8; 700]));
}

fn on_signal(signal: i32) {
    // SAFETY: the action is all zeros but for the handler, which has the type that it has without `SA_SIGINFO`.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handle as *const () as usize;
        action.sa_flags = libc::SA_RESTART;
        assert_eq!(libc::sigaction(signal, &action, null_mut()), 0);
    }
}

fn set_timer(micros: i64) {
    let every = libc::timeval { tv_sec: 0, tv_usec: micros };
    let timer = libc::itimerval { it_interval: every, it_value: every };
    // SAFETY: the timer is a valid place to read from.
    assert_eq!(unsafe { libc::setitimer(libc::ITIMER_REAL, &timer, null_mut()) }, 0);
}

/// How often a scenario has its handler run.
const SIGNALS: u64 = 20_000;

fn timer() {
    on_signal(libc::SIGALRM);
    set_timer(20);
    let mut kept = Vec::new();
    let mut round = 0;
    while HANDLED.load(SeqCst) < SIGNALS {
        allocate(round, &mut kept);
        round += 1;
    }
    set_timer(0);
    drop(kept);
    take_all();
    Counted::tell_at_exit();
}

fn timer_and_threads() {
    on_signal(libc::SIGALRM);
    set_timer(50);
    while HANDLED.load(SeqCst) < SIGNALS / 4 {
        let work = |seed: usize| {
            let mut kept = Vec::new();
            (seed..seed + 50).for_each(|round| allocate(round, &mut kept));
        };
        std::thread::scope(|scope| {
            for seed in 0..4 {
                let thread = scope.spawn(move || work(seed));
                thread.join().expect("it returns");
            }
        });
    }
    set_timer(0);
    take_all();
    Counted::tell_at_exit();
}

/// While dumps are written the probe's own code runs, with an allocator of its own.
fn timer_and_dumps() {
    on_signal(libc::SIGALRM);
    set_timer(100);
    let mut dumps = 0;
    while HANDLED.load(SeqCst) < SIGNALS / 10 || dumps < 20 {
        alloc_probe::dump("another.json").expect("a dump");
        dumps += 1;
    }
    set_timer(0);
    take_all();
    std::fs::remove_file("another.json").expect("the last of them");
    Counted::tell_at_exit();
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

/// Each instruction of some events is followed by the handler. Of some in which tables grow, too.
fn steps() {
    on_signal(libc::SIGTRAP);
    let mut kept = Vec::with_capacity(64);
    for round in 0..STEPPED {
        trap(true);
        allocate(round, &mut kept);
        trap(false);
    }
    tell("handled", HANDLED.load(SeqCst));
    drop(kept);
    take_all();
    Counted::tell_at_exit();
}

const STEPPED: usize = if cfg!(debug_assertions) { 40 } else { 100 };

/// From a thread's first event, in which it gets its place, to its last.
fn steps_of_threads() {
    on_signal(libc::SIGTRAP);
    struct Traps;
    impl Drop for Traps {
        fn drop(&mut self) {
            drop(black_box(Box::new([0u8; 30])));
            // What follows are the destructors of other keys, the probe's among them.
            trap(true);
        }
    }
    thread_local!(static TRAPS: std::cell::Cell<Option<Traps>> = const { std::cell::Cell::new(None) });
    extern "C" fn run(_: *mut libc::c_void) -> *mut libc::c_void {
        TRAPS.with(|traps| traps.set(Some(Traps)));
        trap(true);
        drop(black_box(Box::new([0u8; 30])));
        trap(false);
        null_mut()
    }
    for _ in 0..3 {
        let mut thread = 0;
        // SAFETY: the thread is joined once, and both functions get valid places.
        unsafe {
            assert_eq!(libc::pthread_create(&mut thread, null_mut::<libc::pthread_attr_t>(), run, null_mut()), 0);
            assert_eq!(libc::pthread_join(thread, null_mut()), 0);
        }
    }
    tell("handled", HANDLED.load(SeqCst));
    take_all();
    Counted::tell_at_exit();
}

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
        assert_eq!((found.live_bytes, found.live_blocks), (truth.live_bytes, truth.live_blocks), "{mode}: {lost:?}");
        assert!(found.peak_bytes <= truth.peak_bytes + 1000, "{mode}: {found:?} {truth:?}");
        no_block_is_left(&dump);
    }
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

fn every_instruction_is_interrupted() {
    adds_up("steps");
}

fn every_instruction_of_a_threads_life_is_interrupted() {
    adds_up("steps_of_threads");
}


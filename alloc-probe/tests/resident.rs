//! What was resident at the process's peak: the memory that was live then, and touched, though it was so for a moment.

mod support;

use alloc_probe::AllocProbe;
use alloc_probe_format::dump::{Dump, PeakMemory};
use std::hint::black_box;
use std::process::ExitCode;
use std::sync::{Arc, Barrier};
use support::child::Child;
use support::{cases, tell};

#[global_allocator]
static ALLOC: AllocProbe = AllocProbe::system();

fn main() -> ExitCode {
    support::main(
        cases![
            a_spike_is_resident_when_it_falls,
            a_spike_of_small_blocks_is_resident_when_it_falls,
            a_spike_among_threads_is_resident_when_it_falls,
            what_is_freed_by_another_thread_was_resident,
            of_several_peaks_the_highest_counts,
            a_heap_that_only_grows_is_read_at_the_end,
            memory_that_is_touched_later_counts,
            what_was_never_touched_is_not_resident,
            a_killed_process_keeps_its_reading,
            a_small_heap_has_no_reading_that_is_not_its_own,
        ],
        cases![
            spike,
            small_blocks,
            among_threads,
            hands_over,
            three,
            grows,
            touches_later,
            reserves,
            falls,
            tiny
        ],
    )
}

/// What a spike has.
const BYTES: usize = 100 << 20;

const MODES: [&str; 3] = ["full", "sample", "count"];

/// A block whose pages have all been touched, while nothing else was allocated: there was no sample of the timeline.
fn touched(bytes: usize) -> Vec<u8> {
    black_box(vec![1u8; bytes])
}

fn spike() {
    drop(touched(BYTES));
    // As long as one likes, nothing near the peak follows.
    (0..10_000).for_each(|_| drop(black_box(Box::new(1))));
}

/// The reading of the peak, of which at least 15/16 were live.
#[track_caller]
fn at_peak(dump: &Dump) -> PeakMemory {
    let peak = dump.memory.at_peak.unwrap_or_else(|| panic!("no reading: {:?}", dump.memory));
    let (live, most) = (peak.live_bytes, dump.totals.peak_bytes);
    assert!(live >= most - most / 16 && live <= most + most / 16, "{live} of {most}: {peak:?}");
    assert!(peak.shared_bytes < peak.resident_bytes && peak.spool_bytes <= peak.shared_bytes, "{peak:?}");
    assert!(peak.time_ns <= dump.process.duration_ns && peak.threads >= 1, "{peak:?}");
    peak
}

/// Fails where less was resident than was touched, or a lot more: what the program has besides, and the probe.
#[track_caller]
fn is_resident(dump: &Dump, touched: usize) {
    let peak = at_peak(dump);
    let own = peak.resident_bytes.saturating_sub(peak.shared_bytes);
    assert!(own >= touched as u64, "{touched} bytes were touched: {peak:?}");
    assert!(own < (touched + touched / 8 + (16 << 20)) as u64, "{touched} bytes were touched: {peak:?}");
}

fn a_spike_is_resident_when_it_falls() {
    for mode in MODES {
        is_resident(&Child::new("spike", mode).succeed().dump(), BYTES);
    }
}

fn small_blocks() {
    drop((0..BYTES / 1000).map(|_| touched(1000)).collect::<Vec<_>>());
    (0..10_000).for_each(|_| drop(black_box(Box::new(1))));
}

fn a_spike_of_small_blocks_is_resident_when_it_falls() {
    for mode in MODES {
        is_resident(&Child::new("small_blocks", mode).succeed().dump(), BYTES);
    }
}

/// Runs something on a thread while three others have allocated and wait.
fn with_others(f: impl FnOnce() + Send + 'static) {
    let barrier = Arc::new(Barrier::new(4));
    let others: Vec<_> = (0..3)
        .map(|_| {
            let barrier = Arc::clone(&barrier);
            std::thread::spawn(move || {
                let kept = touched(100);
                barrier.wait();
                barrier.wait();
                drop(kept);
            })
        })
        .collect();
    barrier.wait();
    std::thread::spawn(f).join().expect("it returns");
    barrier.wait();
    others.into_iter().for_each(|thread| thread.join().expect("it returns"));
}

fn among_threads() {
    with_others(spike);
}

fn a_spike_among_threads_is_resident_when_it_falls() {
    for mode in MODES {
        let dump = Child::new("among_threads", mode).succeed().dump();
        is_resident(&dump, BYTES);
        assert_eq!(at_peak(&dump).threads, 5, "{mode}: with the main thread");
    }
}

fn hands_over() {
    with_others(|| {
        let (send, receive) = std::sync::mpsc::channel::<Vec<u8>>();
        let other = std::thread::spawn(move || receive.into_iter().for_each(drop));
        // One block after the other is freed by a thread that has allocated none of them, when all are there.
        let blocks: Vec<_> = (0..BYTES >> 20).map(|_| touched(1 << 20)).collect();
        blocks.into_iter().for_each(|block| send.send(block).expect("it receives"));
        drop(send);
        other.join().expect("it returns");
    });
}

fn what_is_freed_by_another_thread_was_resident() {
    for mode in MODES {
        is_resident(&Child::new("hands_over", mode).succeed().dump(), BYTES);
    }
}

fn three() {
    for part in [2, 1, 2] {
        drop(touched(BYTES / part));
    }
}

fn of_several_peaks_the_highest_counts() {
    for mode in MODES {
        is_resident(&Child::new("three", mode).succeed().dump(), BYTES);
    }
}

fn grows() {
    for _ in 0..100 {
        touched(BYTES / 100).leak();
    }
}

fn a_heap_that_only_grows_is_read_at_the_end() {
    for mode in MODES {
        is_resident(&Child::new("grows", mode).succeed().dump(), BYTES);
    }
}

/// The first fall comes before anything was touched, and the peak goes on.
fn touches_later() {
    let mut block = black_box(vec![0u8; BYTES]);
    drop(black_box(Box::new(1)));
    block.chunks_mut(4096).for_each(|page| page[0] = 1);
    // Takes a sample of the timeline, as time would.
    alloc_probe::dump("another.json").expect("a dump");
    drop(black_box(block));
    std::fs::remove_file("another.json").expect("the dump");
}

fn memory_that_is_touched_later_counts() {
    for mode in MODES {
        is_resident(&Child::new("touches_later", mode).succeed().dump(), BYTES);
    }
}

fn reserves() {
    drop(black_box(vec![0u8; BYTES]));
}

fn what_was_never_touched_is_not_resident() {
    for mode in MODES {
        let peak = at_peak(&Child::new("reserves", mode).succeed().dump());
        assert!(peak.resident_bytes < BYTES as u64 / 2, "{mode}: {peak:?}");
    }
}

fn falls() {
    drop(touched(BYTES));
    tell("fallen", 1);
    loop {
        std::thread::park();
    }
}

fn a_killed_process_keeps_its_reading() {
    for mode in MODES {
        let mut running = Child::new("falls", mode).start();
        running.wait_for("fallen");
        is_resident(&running.kill().spool(), BYTES);
    }
}

fn tiny() {
    drop(touched(30_000));
}

/// It may be that a sample of the timeline was taken there, or none.
fn a_small_heap_has_no_reading_that_is_not_its_own() {
    for mode in MODES {
        let dump = Child::new("tiny", mode).succeed().dump();
        if dump.memory.at_peak.is_some() {
            at_peak(&dump);
        }
    }
}

//! What the program does, by name.

use super::clock::ClockScale;
use super::marks::name_of;
use super::words::load;
use crate::dump::Operation;
use crate::spool::{OPERATIONS, Section, Spool, header, latency, operating, operation, thread};
use std::sync::atomic::AtomicU64;

/// More than there can be: a number may be left out where threads begin an operation at once.
const MOST_NUMBERS: usize = 16 * OPERATIONS;

/// The operations by their numbers, to which rows of stacks refer: in the order in which they first began, but for the chance
/// of threads. What is not yet whole has no name.
pub(super) fn operations(spool: &impl Spool, clock: &ClockScale) -> Vec<Operation> {
    let places = spool.words(Section::OPERATIONS).chunks_exact(operation::WORDS).take(OPERATIONS);
    let numbers: Vec<Option<usize>> = places.clone().map(number).collect();
    let count = numbers.iter().flatten().max().map_or(0, |last| last + 1);
    let mut operations = vec![Operation::default(); count];
    for (place, number) in places.zip(&numbers) {
        if let (Some(number), Some(operation)) = (number, read(spool, place, clock)) {
            operations[*number] = operation;
        }
    }
    add_unflushed(spool, &numbers, &mut operations);
    operations
}

/// The number of an operation, which is that of its histogram; none where it has none yet.
fn number(place: &[AtomicU64]) -> Option<usize> {
    let number = usize::try_from(load(place, operation::NUMBER)).ok()?.checked_sub(1)?;
    (number < MOST_NUMBERS).then_some(number)
}

/// An operation; none where the place is free, or not yet whole.
fn read(spool: &impl Spool, place: &[AtomicU64], clock: &ClockScale) -> Option<Operation> {
    let length = load(place, operation::LENGTH).checked_sub(1)?;
    Some(Operation {
        name: name_of(&place[operation::NAME..], length),
        started: load(place, operation::STARTED),
        finished: load(place, operation::FINISHED),
        failed: load(place, operation::FAILED),
        cancelled: load(place, operation::CANCELLED),
        first_ns: clock.nanos(load(place, operation::FIRST)),
        last_ns: clock.nanos(load(place, operation::LAST)),
        total_bytes: load(place, operation::TOTAL_BYTES),
        total_blocks: load(place, operation::TOTAL_BLOCKS),
        peak_bytes: load(place, operation::PEAK_BYTES),
        duration_ns: clock.nanos(load(place, operation::TICKS)),
        longest_ns: clock.nanos(load(place, operation::LONGEST)),
        latencies: latencies(spool, number(place)?, clock),
    })
}

/// What a histogram holds.
fn latencies(spool: &impl Spool, number: usize, clock: &ClockScale) -> Vec<(u64, u64)> {
    let histograms = spool.words(Section::LATENCIES);
    let from = number * latency::WORDS;
    let words = histograms.get(from..).unwrap_or_default().iter().take(latency::WORDS);
    let counts = words.map(|word| word.load(std::sync::atomic::Ordering::Relaxed)).enumerate();
    let mut latencies: Vec<(u64, u64)> = Vec::new();
    for (bucket, count) in counts.filter(|(_, count)| *count > 0) {
        let ns = clock.nanos(latency::middle(bucket));
        match latencies.last_mut() {
            // Buckets of a few ticks can be the same nanosecond.
            Some(last) if last.0 == ns => last.1 = last.1.wrapping_add(count),
            _ => latencies.push((ns, count)),
        }
    }
    latencies
}

/// Adds what threads that are in an operation now allocated since they last flushed.
fn add_unflushed(spool: &impl Spool, numbers: &[Option<usize>], operations: &mut [Operation]) {
    let threads = spool.words(Section::THREADS).chunks_exact(thread::WORDS);
    for (record, inside) in threads.zip(spool.words(Section::OPERATING).chunks_exact(operating::WORDS)) {
        let place = usize::try_from(load(inside, operating::OPERATION)).ok();
        let number = place.and_then(|place| *numbers.get(place.checked_sub(1)?)?);
        let Some(operation) = number.map(|number| &mut operations[number]) else { continue };
        let since = |total, before| load(record, total).saturating_sub(load(inside, before));
        operation.total_bytes =
            operation.total_bytes.wrapping_add(since(thread::TOTAL_BYTES, operating::BYTES));
        operation.total_blocks =
            operation.total_blocks.wrapping_add(since(thread::TOTAL_BLOCKS, operating::BLOCKS));
    }
}

/// What is to be said of operations that there was no room for.
pub(super) fn lost(spool: &impl Spool) -> Option<String> {
    match spool.header(header::LOST_OPERATIONS) {
        0 => None,
        lost => Some(format!(
            "operations were begun {lost} times that there was no room for: there is for {OPERATIONS} names"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering::Relaxed;

    struct Sections([Vec<AtomicU64>; Section::LIMIT]);

    impl Spool for Sections {
        fn words(&self, section: Section) -> &[AtomicU64] {
            &self.0[section.0]
        }
    }

    /// One operation, with everything that was ever counted as high as can be, and a thread in it.
    #[test]
    fn figures_that_can_not_be_are_read_all_the_same() {
        let words = |count, value| (0..count).map(|_| AtomicU64::new(value)).collect::<Vec<_>>();
        let mut spool = Sections([const { Vec::new() }; Section::LIMIT]);
        spool.0[Section::OPERATIONS.0] = words(operation::WORDS, u64::MAX);
        spool.0[Section::OPERATIONS.0][operation::NUMBER].store(1, Relaxed);
        spool.0[Section::OPERATIONS.0][operation::LENGTH].store(3, Relaxed);
        spool.0[Section::LATENCIES.0] = words(latency::WORDS, u64::MAX);
        spool.0[Section::THREADS.0] = words(thread::WORDS, u64::MAX);
        spool.0[Section::OPERATING.0] = words(operating::WORDS, 0);
        spool.0[Section::OPERATING.0][operating::OPERATION].store(1, Relaxed);
        // Many buckets are one nanosecond.
        let clock = ClockScale { start_ticks: 0, now_ticks: 0, tick_ns: 0.01 };
        let found = operations(&spool, &clock);
        assert_eq!((found.len(), found[0].started), (1, u64::MAX));
        // What has a number that none can have is left out.
        spool.0[Section::OPERATIONS.0][operation::NUMBER].store(1 << 40, Relaxed);
        assert_eq!(operations(&spool, &clock), []);
    }
}

//! What the program says it does, by name: how often, how long, and how much it allocates meanwhile.
//!
//! An operation is a place in a table of the spool, which all threads add to; and a node at the root of the tree of stacks,
//! so that whatever is allocated in it has it as its outermost frame. A thread is in one operation at a time. What it
//! allocates is added to the operation's place when it enters or leaves one; until then, its record in
//! [`Section::OPERATING`] says since when.

use crate::mode;
use crate::os::clock;
use crate::profile::names::{self, Place, Places};
use crate::profile::{marks, peak, tree};
use crate::spool;
use crate::thread::{Thread, recording};
use alloc_probe_format::spool::{OPERATIONS, Section, header, latency, operating, operation as word};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};

/// One doing of an operation, by a guard or a future.
#[derive(Debug)]
pub(crate) struct Instance {
    /// The number of its place, and its own.
    place: u32,
    number: u32,
    began: u64,
    /// How much it made live bytes grow so far, and the most there were of these, as of when a thread last left it.
    growth: i64,
    peak: i64,
    failed: bool,
}

/// Where a thread was before it entered an operation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outer {
    operation: u32,
    root: u32,
    high: i64,
    failed: bool,
    /// Its live bytes as it entered.
    live: i64,
}

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Done,
    Failed,
    Cancelled,
}

/// The histogram of one operation.
type Histogram = [AtomicU64; latency::WORDS];

/// Begins an operation. None where nothing is recorded, and where there is no room for its name.
pub(crate) fn begin(name: &str) -> Option<Instance> {
    if !marks::records() || mode::is_forked() {
        return None;
    }
    let began = clock::ticks();
    let first = |place: &Place<{ word::WORDS }>| {
        place[word::FIRST].store(since_start(began), Relaxed);
        names::write(place, word::NAME..word::WORDS, word::LENGTH, name);
    };
    let found = places().and_then(|places| names::find(places, name, first));
    let Some((at, (place, number))) = found.and_then(|(at, place)| Some((at, (place, number(place)?))))
    else {
        spool::header()[header::LOST_OPERATIONS].fetch_add(1, Relaxed);
        return None;
    };
    place[word::STARTED].fetch_add(1, Relaxed);
    Some(Instance { place: at as u32, number, began, growth: 0, peak: 0, failed: false })
}

/// The number of an operation, which is that of its histogram; made when it is first needed. None where there is no room.
fn number(place: &Place<{ word::WORDS }>) -> Option<u32> {
    // Whoever sees the number sees where the section is, too.
    let mut number = place[word::NUMBER].load(Acquire);
    if number == 0 {
        number = spool::add_entry(Section::LATENCIES, size_of::<Histogram>())? + 1;
        if let Err(faster) = place[word::NUMBER].compare_exchange(0, number, AcqRel, Acquire) {
            number = faster;
        }
    }
    Some(number as u32 - 1)
}

fn places() -> Option<&'static Places<{ word::WORDS }>> {
    names::places(Section::OPERATIONS, OPERATIONS)
}

fn since_start(ticks: u64) -> u64 {
    ticks.wrapping_sub(spool::header()[header::START_TICKS].load(Relaxed))
}

impl Instance {
    /// The thread does it from now on, inward of whatever it does.
    pub(crate) fn enter(&self, thread: &'static Thread) -> Outer {
        recording(thread, || {
            let live = thread.record.figures.live_bytes();
            let outer = Outer {
                operation: thread.operation.get(),
                root: thread.root.get(),
                high: thread.operation_high.get(),
                failed: thread.operation_failed.replace(false),
                live,
            };
            let root = if tree::exists() { tree::operation(outer.root, self.number) } else { 0 };
            switch(thread, self.place + 1, root);
            thread.operation_high.set(live);
            peak::set_mark(thread);
            outer
        })
    }

    /// The thread goes on with what it did before.
    pub(crate) fn leave(&mut self, thread: &'static Thread, outer: Outer) {
        recording(thread, || {
            let live = thread.record.figures.live_bytes();
            let high = thread.operation_high.get().max(live);
            self.peak = self.peak.max(self.growth + high - outer.live);
            self.growth += live - outer.live;
            self.failed |= thread.operation_failed.replace(outer.failed);
            switch(thread, outer.operation, outer.root);
            thread.operation_high.set(match outer.operation {
                0 => i64::MAX,
                _ => outer.high.max(high),
            });
            peak::set_mark(thread);
        });
    }

    /// It ends.
    pub(crate) fn end(self, end: End) {
        let Some(place) = places().and_then(|places| places.get(self.place as usize)) else { return };
        let now = clock::ticks();
        place[word::LAST].fetch_max(since_start(now), Relaxed);
        place[word::PEAK_BYTES].fetch_max(self.peak.max(0) as u64, Relaxed);
        if end == End::Cancelled {
            place[word::CANCELLED].fetch_add(1, Relaxed);
            return;
        }
        // Another processor's counter may be a little behind.
        let took = Some(now.wrapping_sub(self.began)).filter(|took| *took <= i64::MAX as u64).unwrap_or(0);
        place[word::TICKS].fetch_add(took, Relaxed);
        place[word::LONGEST].fetch_max(took, Relaxed);
        histogram(self.number)[latency::bucket(took)].fetch_add(1, Relaxed);
        if end == End::Failed || self.failed {
            place[word::FAILED].fetch_add(1, Relaxed);
        }
        place[word::FINISHED].fetch_add(1, Relaxed);
    }
}

/// What an operation's place says now, without what threads that are in it have allocated since they entered.
#[cfg(feature = "metrics")]
pub(crate) struct Reading {
    place: &'static Place<{ word::WORDS }>,
    name: [u8; word::NAME_BYTES],
    length: usize,
}

/// All operations that have a name by now, and how many there may be at most. Makes no table.
#[cfg(feature = "metrics")]
pub(crate) fn readings() -> impl Iterator<Item = Reading> + Clone {
    let has_any = !spool::base(Section::OPERATIONS).is_null();
    has_any.then(places).flatten().unwrap_or_default().iter().filter_map(Reading::of)
}

#[cfg(feature = "metrics")]
impl Reading {
    /// None where the place is free, or not yet whole.
    fn of(place: &'static Place<{ word::WORDS }>) -> Option<Reading> {
        let length = place[word::LENGTH].load(std::sync::atomic::Ordering::Acquire).checked_sub(1)? as usize;
        let mut name = [0; word::NAME_BYTES];
        for (to, from) in name.chunks_exact_mut(8).zip(&place[word::NAME..]) {
            to.copy_from_slice(&from.load(Relaxed).to_le_bytes());
        }
        (place[word::NUMBER].load(Relaxed) > 0).then_some(Reading { place, name, length })
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        let kept = self.name.get(..self.length).unwrap_or(&self.name);
        std::str::from_utf8(kept).unwrap_or_default()
    }

    /// A word of its place.
    pub(crate) fn word(&self, word: usize) -> u64 {
        self.place[word].load(Relaxed)
    }

    /// How many took at most so many ticks, as far as buckets tell them apart.
    pub(crate) fn within(&self, ticks: u64) -> u64 {
        let counts = histogram((self.word(word::NUMBER) - 1) as u32);
        let within = counts.iter().enumerate().take_while(|(bucket, _)| latency::middle(*bucket) <= ticks);
        within.map(|(_, count)| count.load(Relaxed)).sum()
    }
}

fn histogram(number: u32) -> &'static Histogram {
    // SAFETY: whoever has a number made room for the entry, at an address that stays, and zero is a valid value of every word.
    unsafe { &*spool::base(Section::LATENCIES).cast::<Histogram>().add(number as usize) }
}

/// Flushes what the thread allocated in its operation, and puts it into another one. The thread is marked as recording.
fn switch(thread: &Thread, operation: u32, root: u32) {
    flush(thread);
    thread.operation.set(operation);
    if thread.root.replace(root) != root {
        // SAFETY: null or the thread's own, which is marked as recording, so that no other reference to it exists.
        if let Some(cached) = unsafe { thread.cached_stack.get().as_mut() } {
            cached.set_root(root);
        }
    }
    let Some(record) = record(thread) else { return };
    let (bytes, blocks) = thread.record.figures.total();
    record[operating::BYTES].store(bytes, Relaxed);
    record[operating::BLOCKS].store(blocks, Relaxed);
    // Last: whoever reads it after a kill counts nothing twice.
    record[operating::OPERATION].store(u64::from(operation), Relaxed);
}

/// Adds what the thread allocated since it entered its operation to that one's place.
fn flush(thread: &Thread) {
    let Some(record) = record(thread) else { return };
    let Some(number) = record[operating::OPERATION].swap(0, Relaxed).checked_sub(1) else { return };
    let Some(place) = places().and_then(|places| places.get(number as usize)) else { return };
    let (bytes, blocks) = thread.record.figures.total();
    let since = |total: u64, before: usize| total.wrapping_sub(record[before].load(Relaxed));
    place[word::TOTAL_BYTES].fetch_add(since(bytes, operating::BYTES), Relaxed);
    place[word::TOTAL_BLOCKS].fetch_add(since(blocks, operating::BLOCKS), Relaxed);
}

/// The thread ends, perhaps with an operation that it never left. The thread is marked as recording.
pub(crate) fn flush_last(thread: &Thread) {
    if thread.operation.get() != 0 {
        switch(thread, 0, 0);
    }
}

/// What the spool says of the operation that a thread is in. None where there is no room.
fn record(thread: &Thread) -> Option<&'static [AtomicU64; operating::WORDS]> {
    let size = size_of::<[AtomicU64; operating::WORDS]>();
    let slot = thread.slot as usize;
    let made = spool::ensure(Section::OPERATING, (slot + 1) * size);
    // SAFETY: the section has room for as many records, at addresses that stay, and zero is a valid value of every word.
    made.then(|| unsafe {
        &*spool::base(Section::OPERATING).cast::<[AtomicU64; operating::WORDS]>().add(slot)
    })
}

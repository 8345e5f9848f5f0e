//! From a spool to a dump: the one path behind the dump at a normal end, a look at a running process and
//! what is read after a kill.
//!
//! Writers are never stopped. A snapshot of a process whose threads are running is therefore exact but for
//! the events under way while it is taken; of one that stands still, or has ended, it is exact.

mod facts;
mod marks;
mod part;
mod peak_memory;
mod tally;
mod tree;

use self::facts::Facts;
pub use self::part::part;
use self::tally::{LiveBlocks, SiteTally, Sums, load};
use self::tree::Rows;
use crate::dump::*;
use crate::spool::block::{self, Block};
use crate::spool::{
    BLOCK_TABLES, FAILURE_WORDS, FAILURES, PAGE_RECORDS, SAMPLE_BLOCK, Section, Spool, TIMELINE_LIMIT,
    counter, header, sample, thread,
};
use std::sync::atomic::AtomicU64;

/// What the spool does not know of itself at the moment of a snapshot.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// The recording clock.
    pub ticks: u64,
    /// The monotonic clock at the same instant, in nanoseconds.
    pub mono_ns: u64,
    /// Why the dump is taken.
    pub ended: Ended,
    /// The signal that ends the process.
    pub signal: Option<i32>,
    /// Whether another program reads the spool.
    pub from_spool: bool,
}

/// The dump that a spool holds. What only the system knows (`memory`, but for the peak; `probe`) is left empty. `pages` is
/// what each site's live blocks mean for resident memory, by the site's number in the spool, where that is known.
pub fn snapshot(spool: &impl Spool, now: Now, pages: &[SitePages]) -> Dump {
    let clock = ClockScale::of(spool, now);
    let long_lived_ns = spool.header(header::LONG_LIVED_NS);
    let mode = match spool.header(header::MODE) {
        2 => Mode::Count,
        3 => Mode::Sample,
        4 => Mode::Full,
        _ => Mode::Off,
    };
    let mut facts = Facts::read(spool);
    if spool.header(header::IN_PART) != 0 && now.from_spool {
        facts.notes.push(IN_PART.to_owned());
    }
    facts.notes.extend(marks::lost(spool));
    let (mut threads, mut counted) = threads(spool);
    // A peak is noted when it is over. If more is live than at the last one, then this one is now.
    let epoch = spool.header(header::EPOCH);
    let scope = Scope { epoch, peak_is_now: counted.live_bytes > counted.peak_bytes };
    if scope.peak_is_now {
        counted.peak_is_now();
    }
    let counted = Figures {
        realloc_calls: threads.iter().map(|thread| thread.realloc_calls).sum(),
        ..counted.figures()
    };
    let deepest = threads.iter().map(|thread| thread.deepest_stack as usize);
    let (rows, mut sites) = match mode {
        Mode::Off | Mode::Count => (Rows::of(spool, &facts, deepest), Vec::new()),
        Mode::Sample | Mode::Full => sites(spool, &facts, &clock, &scope, pages, deepest),
    };
    for thread in &mut threads {
        thread.deepest_stack = rows.row(thread.deepest_stack as usize);
    }
    let failures = failures(spool, &rows, &clock);
    let stacks = rows.rows;
    if mode == Mode::Full {
        add_unattributed(&mut sites, &counted, pages.first().copied().unwrap_or_default());
    }
    let mut totals = Figures::default();
    for site in &sites {
        totals.add(&site.figures);
    }
    if mode != Mode::Full || spool.header(header::SAMPLED) != 0 {
        // What the threads counted is exact; sites are estimates, if there are any.
        totals = Figures {
            temporary_blocks: totals.temporary_blocks,
            // An estimate, beside a figure that was counted: never more than that.
            realloc_moves: totals.realloc_moves.min(counted.realloc_calls),
            moved_bytes: totals.moved_bytes,
            long_lived_bytes: totals.long_lived_bytes,
            long_lived_blocks: totals.long_lived_blocks,
            lifetime_sum_ns: totals.lifetime_sum_ns,
            ..counted
        };
    }
    let peak_time_ns = match spool.header(header::PEAK_TICKS) {
        0 => 0,
        ticks => clock.nanos(ticks.wrapping_sub(clock.start_ticks)),
    };
    let marks = marks::marks(spool, &clock);
    let at_peak = peak_memory::read(spool, &clock, counted.peak_bytes);
    // A killed process may have noted any of these after it last noted the time.
    let times = marks.iter().map(|mark| mark.last_ns).chain(at_peak.map(|peak| peak.time_ns));
    let last_ns = times.fold(peak_time_ns, u64::max);
    Dump {
        format: FORMAT.to_owned(),
        version: VERSION,
        recorded_by: None,
        mode,
        sample_bytes: (mode == Mode::Sample).then(|| spool.header(header::SAMPLE_BYTES)),
        process: process(spool, &clock, now, facts.executable, facts.command, last_ns),
        build: facts.build,
        clock: Clock::of(spool, &clock),
        totals,
        peak_time_ns,
        long_lived_threshold_ns: long_lived_ns,
        images: facts.images,
        stacks,
        sites,
        threads,
        failures,
        timeline: timeline(spool, &clock),
        marks,
        memory: Memory { at_peak, ..Memory::default() },
        lost: Lost {
            blocks: spool.header(header::LOST_BLOCKS),
            bytes: spool.header(header::LOST_BYTES),
            unattributed_blocks: spool.header(header::UNATTRIBUTED),
            truncated_stacks: spool.header(header::TRUNCATED),
            unknown_frees: spool.header(header::UNKNOWN_FREES),
            notes: facts.notes,
        },
        probe: ProbeUse::default(),
        symbols: None,
    }
}

/// Said of a spool that another process reads.
const IN_PART: &str =
    "a part of the profile is in the process's own memory, where it can't be read from outside";
/// What the spool's header says of the process, which has run for no less than until a given time.
fn process(
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

impl Clock {
    fn of(spool: &impl Spool, clock: &ClockScale) -> Clock {
        Clock {
            source: if spool.header(header::CLOCK) == 1 { "counter" } else { "monotonic" }.to_owned(),
            unit_ns: clock.unit_ns(),
        }
    }
}

/// What holds for all sites alike.
struct Scope {
    epoch: u64,
    peak_is_now: bool,
}

impl Scope {
    /// Whether a counter's figures at the peak are those that it keeps, rather than what it has live. Where the program
    /// goes on, a counter may know of later peaks than the header that was read first: then what it keeps is of the
    /// peak that was not over, or of one that was higher still.
    fn has_kept_peak(&self, epoch: u32) -> bool {
        /// More peaks than there are while a snapshot is taken; fewer than would be met by chance in an old counter.
        const SOON: u32 = 1 << 16;
        match epoch.wrapping_sub(self.epoch as u32) {
            0 => !self.peak_is_now,
            ahead => ahead < SOON,
        }
    }
}

/// The length of a tick, from two instants on both clocks.
struct ClockScale {
    start_ticks: u64,
    now_ticks: u64,
    tick_ns: f64,
}

impl ClockScale {
    fn of(spool: &impl Spool, now: Now) -> ClockScale {
        let start_ticks = spool.header(header::START_TICKS);
        let ticks = now.ticks.wrapping_sub(start_ticks);
        let nanos = now.mono_ns.wrapping_sub(spool.header(header::START_MONO_NS));
        let tick_ns =
            if spool.header(header::CLOCK) == 2 || ticks == 0 { 1.0 } else { nanos as f64 / ticks as f64 };
        ClockScale { start_ticks, now_ticks: now.ticks, tick_ns }
    }

    fn nanos(&self, ticks: u64) -> u64 {
        // A tick from another processor may lie just before the start.
        if ticks > i64::MAX as u64 { 0 } else { (ticks as f64 * self.tick_ns) as u64 }
    }

    fn unit_ns(&self) -> f64 {
        self.tick_ns * (1u64 << block::UNIT_SHIFT) as f64
    }
}

/// The sites, in the order in which they were first seen, and the tree of their stacks, and of those of other nodes.
fn sites(
    spool: &impl Spool,
    facts: &Facts,
    clock: &ClockScale,
    scope: &Scope,
    pages: &[SitePages],
    others: impl Iterator<Item = usize>,
) -> (Rows, Vec<Site>) {
    let site_nodes = spool.words(Section::SITES);
    let count = (spool.count(Section::SITES) as usize).min(site_nodes.len());
    let nodes = (0..count).map(|site| load(site_nodes, site) as usize);
    let rows = Rows::of(spool, facts, nodes.chain(others));
    let live = live_blocks(spool, count, clock);
    let mut sites: Vec<Site> = Vec::with_capacity(count);
    for_each_site(spool, count, scope, |site, tally| {
        let stack = rows.row(load(site_nodes, site) as usize);
        let row = tally.site(stack, live.get(site).and_then(Option::as_deref), clock);
        sites.extend(row.map(|row| Site { pages: pages.get(site).copied().unwrap_or_default(), ..row }));
    });
    merge_twins(&mut sites);
    (rows, sites)
}

/// Calls `f` with the number and the tally of each site that any thread has a counter for, by ascending number.
fn for_each_site(spool: &impl Spool, count: usize, scope: &Scope, mut f: impl FnMut(usize, &mut SiteTally)) {
    let (owners, counters) = (spool.words(Section::PAGES), spool.words(Section::COUNTERS));
    let tallies = spool.words(Section::TALLIES);
    // Page 0 is never used: as a page's number, 0 means none.
    let page_count = (spool.count(Section::PAGES) as usize).min(owners.len());
    let mut pages: Vec<(u32, u32)> = Vec::with_capacity(page_count);
    pages.extend((1..page_count as u32).map(|page| (load(owners, page as usize) as u32, page)));
    pages.sort_unstable();
    for same_sites in pages.chunk_by(|a, b| a.0 == b.0) {
        let first_site = same_sites[0].0 as usize;
        for record in 0..PAGE_RECORDS {
            let site = first_site + record;
            if site >= count {
                break;
            }
            let mut tally = SiteTally::EMPTY;
            for &(_, page) in same_sites {
                let start = (page as usize * PAGE_RECORDS + record) * counter::WORDS;
                let words = counters.get(start..start + counter::WORDS).unwrap_or_default();
                tally.add_counter(words, tallies, scope);
            }
            f(site, &mut tally);
        }
    }
}

/// Sites of twin nodes become one: all blocks of a stack are one site.
fn merge_twins(sites: &mut Vec<Site>) {
    let mut by_stack: Vec<(u32, u32)> = Vec::with_capacity(sites.len());
    by_stack.extend((0u32..).zip(sites.iter()).map(|(index, site)| (site.stack, index)));
    by_stack.sort_unstable();
    let mut merged = false;
    for twins in by_stack.chunk_by(|a, b| a.0 == b.0).filter(|same| same.len() > 1) {
        merged = true;
        let first = twins[0].1 as usize;
        for &(_, other) in &twins[1..] {
            let other = std::mem::take(&mut sites[other as usize]);
            sites[first].absorb(&other);
        }
    }
    if merged {
        sites.retain(|site| site.figures != Figures::default());
    }
}

/// Ages of the blocks that are live, from the tables, by site.
fn live_blocks(spool: &impl Spool, sites: usize, clock: &ClockScale) -> Vec<Option<Box<LiveBlocks>>> {
    let now = clock.now_ticks >> block::UNIT_SHIFT;
    let long_lived_units = (spool.header(header::LONG_LIVED_NS) as f64 / clock.unit_ns()) as u64;
    let sample_bytes = spool.header(header::SAMPLE_BYTES);
    let mut live = vec![None; sites];
    for_each_live_block(spool, |block| {
        let size = block.size;
        let Some(site) = live.get_mut(block.site as usize) else { return };
        let site = site.get_or_insert_with(|| Box::new(LiveBlocks::NONE));
        let mut age = now.wrapping_sub(block.birth) & block::BIRTH_MASK;
        if age > block::BIRTH_MASK / 2 {
            age = 0; // Born after `now` was read.
        }
        let (bytes, parts) =
            if block.sampled { sample_weight(size, sample_bytes) } else { (size, SAMPLE_BLOCK) };
        site.add_age(age, parts);
        if age >= long_lived_units {
            site.long_lived_parts = site.long_lived_parts.wrapping_add(parts);
            site.long_lived_bytes = site.long_lived_bytes.wrapping_add(bytes);
        }
    });
    live
}

/// Calls `f` with each block that is live, in no order.
pub fn for_each_live_block(spool: &impl Spool, mut f: impl FnMut(Block)) {
    for index in 0..BLOCK_TABLES {
        for (section, words) in [(Section::narrow_blocks(index), 2), (Section::wide_blocks(index), 4)] {
            for entry in spool.words(section).chunks_exact(words) {
                let (first, second) = (load(entry, 0), load(entry, 1));
                if first > block::REMOVED && second != 0 {
                    let block = Block::unpack(first, second);
                    f(Block { size: if words == 4 { load(entry, 2) } else { block.size }, ..block });
                }
            }
        }
    }
}

/// What the threads counted and no site has goes to the site without a stack: blocks from before stacks were
/// recorded, and those for whose stack there was no space. So the sites always add up to the process.
fn add_unattributed(sites: &mut Vec<Site>, process: &Figures, pages: SitePages) {
    let mut sum = Figures::default();
    for site in sites.iter() {
        sum.add(&site.figures);
    }
    let rest = Figures {
        total_bytes: process.total_bytes.saturating_sub(sum.total_bytes),
        total_blocks: process.total_blocks.saturating_sub(sum.total_blocks),
        peak_bytes: process.peak_bytes.saturating_sub(sum.peak_bytes),
        peak_blocks: process.peak_blocks.saturating_sub(sum.peak_blocks),
        end_bytes: process.end_bytes.saturating_sub(sum.end_bytes),
        end_blocks: process.end_blocks.saturating_sub(sum.end_blocks),
        realloc_calls: process.realloc_calls.saturating_sub(sum.realloc_calls),
        ..Figures::default()
    };
    if rest == Figures::default() {
        return;
    }
    match sites.iter_mut().find(|site| site.stack == 0) {
        Some(none) => {
            none.figures.add(&rest);
            none.pages.add(&pages);
        }
        None => sites.push(Site { stack: 0, figures: rest, pages, ..Site::default() }),
    }
}

/// What a block of a size stands for that was drawn by chance: bytes, and parts of blocks. It was drawn with
/// probability 1 − e^(−size/mean), and weighs the reciprocal.
pub fn sample_weight(size: u64, mean: u64) -> (u64, u64) {
    let ratio = size.max(1) as f64 / mean.max(1) as f64;
    let weight = 1.0 / -(-ratio).exp_m1();
    ((size as f64 * weight) as u64, (weight * SAMPLE_BLOCK as f64) as u64)
}

/// The allocations that failed: how many, and the last few of them, oldest first.
fn failures(spool: &impl Spool, rows: &Rows, clock: &ClockScale) -> Failures {
    let count = spool.header(header::FAILED);
    let sites = spool.words(Section::SITES);
    let last = (count.saturating_sub(FAILURES)..count).map(|number| {
        let start = header::FAILURES + (number % FAILURES) as usize * FAILURE_WORDS;
        let [bytes, site, ticks] = [0, 1, 2].map(|word| spool.header(start + word));
        let stack = if site == 0 { 0 } else { rows.row(load(sites, site as usize) as usize) };
        Failure { bytes, stack, time_ns: clock.nanos(ticks) }
    });
    Failures { count, last: last.collect() }
}

/// The threads as the dump lists them, but with nodes as their deepest stacks, and their sum.
fn threads(spool: &impl Spool) -> (Vec<Thread>, Sums) {
    let epoch = spool.header(header::EPOCH);
    let mut sum = Sums::default();
    let mut rows = Vec::new();
    let slots =
        |section| spool.words(section).chunks_exact(thread::WORDS).take(spool.count(section) as usize);
    for (section, alive) in [(Section::THREADS, true), (Section::ENDED, false)] {
        for (index, slot) in slots(section).enumerate() {
            let retiring = |from: &&[AtomicU64]| {
                load(from, thread::THREADS) != 0 && load(from, thread::RETIRING) == index as u64 + 1
            };
            let earlier = if alive { None } else { slots(Section::THREADS).find(retiring) };
            let earlier = earlier.map(|from| before_retirement(slot, from));
            let slot = earlier.as_deref().unwrap_or(slot);
            let tid = load(slot, thread::TID) as u32;
            let threads = load(slot, thread::THREADS);
            if threads == 0 {
                continue;
            }
            sum.add(Sums::of_thread(slot, epoch));
            let (total_bytes, total_blocks) =
                (load(slot, thread::TOTAL_BYTES), load(slot, thread::TOTAL_BLOCKS));
            let (freed_bytes, freed_blocks) =
                (load(slot, thread::FREED_BYTES), load(slot, thread::FREED_BLOCKS));
            // A peak is noted when it's over.
            let own_peak = (load(slot, thread::OWN_PEAK_BYTES), load(slot, thread::OWN_PEAK_BLOCKS));
            let live = (total_bytes.saturating_sub(freed_bytes), total_blocks.saturating_sub(freed_blocks));
            let (peak_bytes, peak_blocks) = if alive && live.0 > own_peak.0 { live } else { own_peak };
            rows.push(Thread {
                name: thread_name(slot),
                tid: alive.then_some(tid),
                threads,
                total_bytes,
                total_blocks,
                freed_bytes,
                freed_blocks,
                realloc_calls: load(slot, thread::REALLOCS),
                peak_bytes,
                peak_blocks,
                stack_bytes: load(slot, thread::STACK_BYTES),
                stack_limit_bytes: load(slot, thread::STACK_LIMIT),
                deepest_bytes: load(slot, thread::DEEPEST) >> 32,
                deepest_stack: load(slot, thread::DEEPEST) as u32,
            });
        }
    }
    (rows, sum)
}

/// A record of ended threads as it was before a thread began to add its figures, which it has not done to the end.
fn before_retirement(ended: &[AtomicU64], thread: &[AtomicU64]) -> Vec<AtomicU64> {
    let words = (0..thread::WORDS).map(|word| match word {
        thread::THREADS => load(thread, thread::EARLIER + thread::KEPT),
        0..thread::KEPT => load(thread, thread::EARLIER + word),
        _ => load(ended, word),
    });
    words.map(AtomicU64::new).collect()
}

fn thread_name(slot: &[AtomicU64]) -> String {
    let mut bytes = Vec::with_capacity(16);
    for word in 0..2 {
        bytes.extend(load(slot, thread::NAME + word).to_le_bytes());
    }
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

fn timeline(spool: &impl Spool, clock: &ClockScale) -> Timeline {
    let count = (spool.count(Section::TIMELINE) as usize).min(TIMELINE_LIMIT);
    let samples = spool.words(Section::TIMELINE).chunks_exact(sample::WORDS).take(count);
    let samples = samples.map(|words| timeline_sample(words, clock)).collect();
    Timeline { interval_ns: clock.nanos(spool.header(header::TIMELINE_TICKS)), samples }
}

/// A sample from its words.
fn timeline_sample(words: &[AtomicU64], clock: &ClockScale) -> TimelineSample {
    TimelineSample {
        time_ns: clock.nanos(load(words, sample::TICKS)),
        live_bytes: load(words, sample::LIVE_BYTES),
        live_blocks: load(words, sample::LIVE_BLOCKS),
        total_bytes: load(words, sample::TOTAL_BYTES),
        total_blocks: load(words, sample::TOTAL_BLOCKS),
        resident_bytes: load(words, sample::RESIDENT),
    }
}

#[cfg(test)]
mod tests {
    use super::Scope;

    #[test]
    fn a_counter_that_knows_of_a_later_peak_has_kept_it() {
        for epoch in [7, u64::from(u32::MAX), (1 << 32) + 7] {
            let counter = |ahead: i32| (epoch as u32).wrapping_add_signed(ahead);
            for peak_is_now in [false, true] {
                let scope = Scope { epoch, peak_is_now };
                assert_eq!(scope.has_kept_peak(counter(0)), !peak_is_now);
                assert!(scope.has_kept_peak(counter(1)) && scope.has_kept_peak(counter(100)));
                assert!(!scope.has_kept_peak(counter(-1)) && !scope.has_kept_peak(counter(-7)));
            }
        }
    }
}

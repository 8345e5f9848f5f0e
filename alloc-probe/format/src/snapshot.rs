//! From a spool to a dump: the one path behind the dump at a normal end, a look at a running process and
//! what is read after a kill.
//!
//! Writers are never stopped. A snapshot of a process whose threads are running is therefore exact but for
//! the events under way while it is taken; of one that stands still, or has ended, it is exact.

use crate::dump::*;
use crate::spool::block::{self, Block};
use crate::spool::{
    BLOCK_TABLES, LINE_CELLS, NODE_WORDS, PAGE_RECORDS, SAMPLE_BLOCK, Section, Spool, TIMELINE_LIMIT, counter, fact, frame_key,
    header, sample, tally, thread,
};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What the spool does not know of itself at the moment of a snapshot.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// The recording clock.
    pub ticks: u64,
    /// The monotonic clock at the same instant, in nanoseconds.
    pub mono_ns: u64,
    /// Why the dump is taken.
    pub ended: Ended,
}

/// The dump that a spool holds. Figures that only the system knows (`memory`, `probe`) are left empty.
pub fn snapshot(spool: &impl Spool, now: Now) -> Dump {
    let clock = ClockScale::of(spool, now);
    let long_lived_ns = spool.header(header::LONG_LIVED_NS);
    let mode = match spool.header(header::MODE) {
        2 => Mode::Count,
        3 => Mode::Sample,
        4 => Mode::Full,
        _ => Mode::Off,
    };
    let facts = Facts::read(spool);
    let mut tallies = site_tallies(spool);
    add_live_blocks(spool, &mut tallies, &clock, long_lived_ns);
    let mut tallies: Vec<Tally> = tallies.into_iter().map(Tally::whole_blocks).collect();
    let (threads, mut exact) = threads(spool);
    if exact.live_bytes > exact.peak_bytes {
        // A peak is noted when it's over. This one isn't: it is now.
        for tally in tallies.iter_mut().chain([&mut exact]) {
            (tally.peak_bytes, tally.peak_blocks) = (tally.live_bytes, tally.live_blocks);
        }
    }
    if mode != Mode::Sample {
        add_unattributed(&mut tallies, &exact);
    }
    let (stacks, sites) = tree_and_sites(spool, &facts.images, tallies, &clock);

    let mut totals = Figures::default();
    for site in &sites {
        totals.add(&site.figures);
    }
    if matches!(mode, Mode::Count | Mode::Sample) {
        // What the threads counted is exact; only the sites' figures are estimates.
        let counted = exact.into_site(0, &clock).figures;
        totals = Figures {
            temporary_blocks: totals.temporary_blocks,
            realloc_calls: threads.iter().map(|thread| thread.realloc_calls).sum(),
            realloc_moves: totals.realloc_moves,
            moved_bytes: totals.moved_bytes,
            long_lived_bytes: totals.long_lived_bytes,
            long_lived_blocks: totals.long_lived_blocks,
            lifetime_sum_ns: totals.lifetime_sum_ns,
            ..counted
        };
    }
    let duration_ns = clock.nanos(now.ticks.wrapping_sub(clock.start_ticks));
    let start_unix_ns = spool.header(header::START_UNIX_NS);
    Dump {
        format: FORMAT.to_owned(),
        version: VERSION,
        mode,
        sample_bytes: (mode == Mode::Sample).then(|| spool.header(header::SAMPLE_BYTES)),
        process: Process {
            pid: spool.header(header::PID) as u32,
            executable: facts.executable,
            command: facts.command,
            start_unix_ns,
            end_unix_ns: start_unix_ns.saturating_add(duration_ns),
            duration_ns,
            ended: now.ended,
        },
        build: facts.build,
        clock: Clock {
            source: if spool.header(header::CLOCK) == 1 { "counter" } else { "monotonic" }.to_owned(),
            unit_ns: clock.unit_ns(),
        },
        totals,
        peak_time_ns: match spool.header(header::PEAK_TICKS) {
            0 => 0,
            ticks => clock.nanos(ticks.wrapping_sub(clock.start_ticks)),
        },
        long_lived_threshold_ns: long_lived_ns,
        images: facts.images,
        stacks,
        sites: if mode == Mode::Count { Vec::new() } else { sites },
        threads,
        timeline: timeline(spool, &clock),
        memory: Memory::default(),
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
        let tick_ns = if spool.header(header::CLOCK) == 2 || ticks == 0 { 1.0 } else { nanos as f64 / ticks as f64 };
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

fn load(words: &[AtomicU64], index: usize) -> u64 {
    words.get(index).map_or(0, |word| word.load(Relaxed))
}

/// What is known of a site while the threads' counters are added up. Live figures are signed until then.
#[derive(Clone, Default)]
struct Tally {
    total_bytes: u64,
    total_blocks: u64,
    live_bytes: i64,
    live_blocks: i64,
    peak_bytes: i64,
    peak_blocks: i64,
    lifetime_units: u64,
    long_lived_bytes: u64,
    long_lived_blocks: u64,
    reallocs: u64,
    moves: u64,
    moved_bytes: u64,
    temporary: u64,
    sizes: Histogram,
    lifetimes: Histogram,
    ages: Histogram,
}

fn add_to_bucket(histogram: &mut Histogram, bucket: u64, count: u64) {
    let bucket = bucket as u8;
    match histogram.iter_mut().find(|(existing, _)| *existing == bucket) {
        Some((_, sum)) => *sum += count,
        None => histogram.push((bucket, count)),
    }
}

impl Tally {
    /// Adds what one thread counted.
    fn add_counter(&mut self, words: &[AtomicU64], tallies: &[AtomicU64], epoch: u64) {
        let live = |total: usize, freed: usize| load(words, total).wrapping_sub(load(words, freed)) as i64;
        let live_bytes = live(counter::TOTAL_BYTES, counter::FREED_BYTES);
        let live_blocks = live(counter::TOTAL_BLOCKS, counter::FREED_BLOCKS);
        let at_peak = load(words, counter::EPOCH) == epoch;
        self.total_bytes += load(words, counter::TOTAL_BYTES);
        self.total_blocks += load(words, counter::TOTAL_BLOCKS);
        self.live_bytes += live_bytes;
        self.live_blocks += live_blocks;
        self.peak_bytes += if at_peak { load(words, counter::PEAK_BYTES) as i64 } else { live_bytes };
        self.peak_blocks += if at_peak { load(words, counter::PEAK_BLOCKS) as i64 } else { live_blocks };
        self.lifetime_units += load(words, counter::LIFETIME_SUM);

        let mut line = words.get(counter::CELLS..).unwrap_or_default();
        // A line is never in a chain twice; the bound holds for damaged files too.
        for _ in 0..64 {
            for cell in line.iter().take(LINE_CELLS) {
                self.add_cell(cell.load(Relaxed));
            }
            let next = load(line, LINE_CELLS) as usize;
            if next == 0 {
                break;
            }
            line = tallies.get(next * (LINE_CELLS + 1)..).unwrap_or_default();
        }
    }

    fn add_cell(&mut self, cell: u64) {
        let count = cell >> tally::COUNT_SHIFT;
        match cell & 0xff {
            0 => {}
            key @ tally::SIZE..tally::LIFETIME => add_to_bucket(&mut self.sizes, key - tally::SIZE, count),
            key @ tally::LIFETIME..tally::REALLOC => add_to_bucket(&mut self.lifetimes, key - tally::LIFETIME, count),
            tally::REALLOC => self.reallocs += count,
            tally::MOVED => self.moves += count,
            tally::MOVED_BYTES => self.moved_bytes += count,
            tally::TEMPORARY => self.temporary += count,
            _ => {}
        }
    }

    /// From parts of blocks to blocks: what a site has counted, with the blocks that samples stand for.
    fn whole_blocks(mut self) -> Tally {
        let half = SAMPLE_BLOCK / 2;
        self.total_blocks = (self.total_blocks + half) / SAMPLE_BLOCK;
        self.long_lived_blocks = (self.long_lived_blocks + half) / SAMPLE_BLOCK;
        for (_, parts) in &mut self.ages {
            *parts = (*parts + half) / SAMPLE_BLOCK;
        }
        for blocks in [&mut self.live_blocks, &mut self.peak_blocks] {
            *blocks = (*blocks + half as i64).div_euclid(SAMPLE_BLOCK as i64);
        }
        self
    }

    fn is_empty(&self) -> bool {
        self.total_blocks == 0 && self.live_blocks == 0 && self.peak_blocks == 0
    }

    fn merge(&mut self, other: &Tally) {
        self.total_bytes += other.total_bytes;
        self.total_blocks += other.total_blocks;
        self.live_bytes += other.live_bytes;
        self.live_blocks += other.live_blocks;
        self.peak_bytes += other.peak_bytes;
        self.peak_blocks += other.peak_blocks;
        self.lifetime_units += other.lifetime_units;
        self.long_lived_bytes += other.long_lived_bytes;
        self.long_lived_blocks += other.long_lived_blocks;
        self.reallocs += other.reallocs;
        self.moves += other.moves;
        self.moved_bytes += other.moved_bytes;
        self.temporary += other.temporary;
        for (mine, theirs) in [
            (&mut self.sizes, &other.sizes),
            (&mut self.lifetimes, &other.lifetimes),
            (&mut self.ages, &other.ages),
        ] {
            for &(bucket, count) in theirs {
                add_to_bucket(mine, bucket.into(), count);
            }
        }
    }

    fn into_site(mut self, stack: u32, clock: &ClockScale) -> Site {
        for histogram in [&mut self.sizes, &mut self.lifetimes, &mut self.ages] {
            histogram.sort_unstable();
        }
        Site {
            stack,
            figures: Figures {
                total_bytes: self.total_bytes,
                total_blocks: self.total_blocks,
                // Below zero only for an instant: a free seen before the allocation of another thread.
                peak_bytes: self.peak_bytes.max(0) as u64,
                peak_blocks: self.peak_blocks.max(0) as u64,
                end_bytes: self.live_bytes.max(0) as u64,
                end_blocks: self.live_blocks.max(0) as u64,
                long_lived_bytes: self.long_lived_bytes,
                long_lived_blocks: self.long_lived_blocks,
                temporary_blocks: self.temporary,
                realloc_calls: self.reallocs,
                realloc_moves: self.moves,
                moved_bytes: self.moved_bytes,
                lifetime_sum_ns: (self.lifetime_units as f64 * clock.unit_ns()) as u64,
            },
            sizes: self.sizes,
            lifetimes: self.lifetimes,
            ages: self.ages,
        }
    }
}

/// Adds up the threads' counters, by site.
fn site_tallies(spool: &impl Spool) -> Vec<Tally> {
    let (pages, counters) = (spool.words(Section::PAGES), spool.words(Section::COUNTERS));
    let tally_lines = spool.words(Section::TALLIES);
    let site_words = spool.words(Section::SITES);
    let sites = (spool.count(Section::SITES) as usize).min(site_words.len()).max(1);
    let epoch = spool.header(header::EPOCH);
    let mut tallies = vec![Tally::default(); sites];
    let page_words = PAGE_RECORDS * counter::WORDS;
    // Page 0 is never used: a page number of 0 means none.
    for page in 1..(spool.count(Section::PAGES) as usize).min(pages.len()) {
        let first_site = (load(pages, page) & 0xffff_ffff) as usize;
        let Some(records) = counters.get(page * page_words..(page + 1) * page_words) else { break };
        for (record, words) in records.chunks_exact(counter::WORDS).enumerate() {
            let Some(tally) = tallies.get_mut(first_site + record) else { break };
            let untouched = load(words, counter::TOTAL_BLOCKS) == 0 && load(words, counter::FREED_BLOCKS) == 0;
            if !untouched || load(words, counter::CELLS) != 0 {
                tally.add_counter(words, tally_lines, epoch);
            }
        }
    }
    tallies
}

/// Ages of the blocks that are live, from the tables.
fn add_live_blocks(spool: &impl Spool, tallies: &mut [Tally], clock: &ClockScale, long_lived_ns: u64) {
    let now = clock.now_ticks >> block::UNIT_SHIFT;
    let long_lived_units = (long_lived_ns as f64 / clock.unit_ns()) as u64;
    let sample_bytes = spool.header(header::SAMPLE_BYTES);
    let mut add = |block: Block, size: u64| {
        let Some(tally) = tallies.get_mut(block.site as usize) else { return };
        let mut age = now.wrapping_sub(block.birth) & block::BIRTH_MASK;
        if age > block::BIRTH_MASK / 2 {
            age = 0; // Born after `now` was read.
        }
        let (bytes, parts) = if block.sampled { sample_weight(size, sample_bytes) } else { (size, SAMPLE_BLOCK) };
        add_to_bucket(&mut tally.ages, tally::time_bucket(age), parts);
        if age >= long_lived_units {
            tally.long_lived_blocks += parts;
            tally.long_lived_bytes += bytes;
        }
    };
    for index in 0..BLOCK_TABLES {
        for entry in spool.words(Section::narrow_blocks(index)).chunks_exact(2) {
            let (first, second) = (load(entry, 0), load(entry, 1));
            if first > block::REMOVED && second != 0 {
                let block = Block::unpack(first, second);
                add(block, block.size);
            }
        }
        for entry in spool.words(Section::wide_blocks(index)).chunks_exact(4) {
            let (first, second) = (load(entry, 0), load(entry, 1));
            if first > block::REMOVED && second != 0 {
                let block = Block::unpack(first, second);
                add(block, load(entry, 2));
            }
        }
    }
}

/// What a block of a size stands for that was drawn by chance: bytes, and parts of blocks. It was drawn with
/// probability 1 − e^(−size/mean), and weighs the reciprocal.
pub fn sample_weight(size: u64, mean: u64) -> (u64, u64) {
    let ratio = size.max(1) as f64 / mean.max(1) as f64;
    let weight = 1.0 / -(-ratio).exp_m1();
    ((size as f64 * weight) as u64, (weight * SAMPLE_BLOCK as f64) as u64)
}

/// The threads as the dump lists them, and their sum.
fn threads(spool: &impl Spool) -> (Vec<Thread>, Tally) {
    let epoch = spool.header(header::EPOCH);
    let mut sum = Tally::default();
    let mut rows = Vec::new();
    for (section, alive) in [(Section::THREADS, true), (Section::ENDED, false)] {
        let slots = spool.words(section).chunks_exact(thread::WORDS).take(spool.count(section) as usize);
        for slot in slots {
            let tid = load(slot, thread::TID) as u32;
            let threads = load(slot, thread::THREADS);
            if threads == 0 {
                continue;
            }
            sum.add_counter(slot.get(..counter::LIFETIME_SUM).unwrap_or_default(), &[], epoch);
            let (total_bytes, total_blocks) = (load(slot, thread::TOTAL_BYTES), load(slot, thread::TOTAL_BLOCKS));
            let (freed_bytes, freed_blocks) = (load(slot, thread::FREED_BYTES), load(slot, thread::FREED_BLOCKS));
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
            });
        }
    }
    (rows, sum)
}

fn thread_name(slot: &[AtomicU64]) -> String {
    let mut bytes = Vec::with_capacity(16);
    for word in 0..2 {
        bytes.extend(load(slot, thread::NAME + word).to_le_bytes());
    }
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

/// What the threads counted and no site has goes to site 0, which has no stack: blocks from before stacks were
/// recorded, and those for whose stack there was no space. So the sites always add up to the process.
fn add_unattributed(tallies: &mut [Tally], process: &Tally) {
    let mut sites = Tally::default();
    for tally in tallies.iter() {
        sites.merge(&Tally { sizes: Vec::new(), lifetimes: Vec::new(), ages: Vec::new(), ..tally.clone() });
    }
    let Some(none) = tallies.first_mut() else { return };
    none.total_bytes += process.total_bytes.saturating_sub(sites.total_bytes);
    none.total_blocks += process.total_blocks.saturating_sub(sites.total_blocks);
    none.live_bytes += (process.live_bytes - sites.live_bytes).max(0);
    none.live_blocks += (process.live_blocks - sites.live_blocks).max(0);
    none.peak_bytes += (process.peak_bytes - sites.peak_bytes).max(0);
    none.peak_blocks += (process.peak_blocks - sites.peak_blocks).max(0);
}

/// The tree as far as sites need it, and the sites. Two threads may have added the same frame at once, so equal
/// children of one parent become one row here, and their sites one site.
fn tree_and_sites(
    spool: &impl Spool,
    images: &[Image],
    tallies: Vec<Tally>,
    clock: &ClockScale,
) -> (Vec<StackNode>, Vec<Site>) {
    let nodes = spool.words(Section::NODES);
    let node_count = (nodes.len() / NODE_WORDS).min(spool.count(Section::NODES) as usize);
    let site_nodes = spool.words(Section::SITES);
    let parent = |node: usize| (load(nodes, node * NODE_WORDS + 1) >> 32) as usize;

    let mut needed = vec![false; node_count];
    for (site, tally) in tallies.iter().enumerate() {
        let mut node = load(site_nodes, site) as usize;
        if tally.is_empty() {
            continue;
        }
        while node != 0 && node < node_count && !needed[node] {
            needed[node] = true;
            let up = parent(node);
            if up >= node {
                break; // Not a tree: a damaged file.
            }
            node = up;
        }
    }

    let resolve = ImageRanges::new(images);
    let mut rows = vec![StackNode { kind: FrameKind::Root, ..StackNode::default() }];
    let mut row_of = vec![0u32; node_count.max(1)];
    let mut children: HashMap<(u32, u64), u32> = HashMap::new();
    for node in 1..node_count {
        let (key, up) = (load(nodes, node * NODE_WORDS), parent(node));
        if !needed[node] || up >= node {
            continue;
        }
        let parent = row_of[up];
        row_of[node] = *children.entry((parent, key)).or_insert_with(|| {
            rows.push(resolve.row(parent, key));
            (rows.len() - 1) as u32
        });
    }
    drop(children);

    let mut by_row: HashMap<u32, Tally> = HashMap::new();
    let mut order = Vec::new();
    for (site, tally) in tallies.into_iter().enumerate() {
        if tally.is_empty() {
            continue;
        }
        let node = load(site_nodes, site) as usize;
        let row = row_of.get(node).copied().unwrap_or(0);
        match by_row.entry(row) {
            std::collections::hash_map::Entry::Occupied(mut entry) => entry.get_mut().merge(&tally),
            std::collections::hash_map::Entry::Vacant(entry) => {
                order.push(row);
                entry.insert(tally);
            }
        }
    }
    let sites =
        order.into_iter().filter_map(|row| by_row.remove(&row).map(|tally| tally.into_site(row, clock))).collect();
    (rows, sites)
}

/// Which image an address lies in.
struct ImageRanges<'a> {
    images: &'a [Image],
    by_start: Vec<u32>,
}

impl<'a> ImageRanges<'a> {
    fn new(images: &'a [Image]) -> ImageRanges<'a> {
        let mut by_start: Vec<u32> = (0..images.len() as u32).collect();
        by_start.sort_by_key(|&index| images[index as usize].load_address);
        ImageRanges { images, by_start }
    }

    fn row(&self, parent: u32, key: u64) -> StackNode {
        let (kind, address) = (frame_key::kind(key), frame_key::address(key));
        if kind == FrameKind::Cut {
            return StackNode { parent, image: None, address: 0, kind };
        }
        let after = self.by_start.partition_point(|&index| self.images[index as usize].load_address <= address);
        let found = self.by_start[..after].iter().rev().copied().find(|&index| {
            let image = &self.images[index as usize];
            address - image.load_address < image.size
        });
        match found {
            Some(index) => {
                let address = address - self.images[index as usize].load_address;
                StackNode { parent, image: Some(index), address, kind }
            }
            None => StackNode { parent, image: None, address, kind },
        }
    }
}

fn timeline(spool: &impl Spool, clock: &ClockScale) -> Timeline {
    let count = (spool.count(Section::TIMELINE) as usize).min(TIMELINE_LIMIT);
    let samples = spool.words(Section::TIMELINE).chunks_exact(sample::WORDS).take(count).map(|words| TimelineSample {
        time_ns: clock.nanos(load(words, sample::TICKS)),
        live_bytes: load(words, sample::LIVE_BYTES),
        live_blocks: load(words, sample::LIVE_BLOCKS),
        total_bytes: load(words, sample::TOTAL_BYTES),
        total_blocks: load(words, sample::TOTAL_BLOCKS),
        resident_bytes: load(words, sample::RESIDENT),
    });
    Timeline { interval_ns: clock.nanos(spool.header(header::TIMELINE_TICKS)), samples: samples.collect() }
}

/// The records of [`Section::FACTS`].
#[derive(Default)]
struct Facts {
    executable: String,
    command: Vec<String>,
    build: Build,
    images: Vec<Image>,
    notes: Vec<String>,
}

impl Facts {
    fn read(spool: &impl Spool) -> Facts {
        let mut facts = Facts::default();
        let words = spool.words(Section::FACTS);
        let mut rest = &words[..words.len().min(spool.count(Section::FACTS) as usize)];
        while let [head, after @ ..] = rest {
            let head = head.load(Relaxed);
            let (tag, length) = (head >> 32, (head & 0xffff_ffff) as usize);
            let Some(payload) = after.get(..length.div_ceil(8)) else { break };
            let mut bytes: Vec<u8> = payload.iter().flat_map(|word| word.load(Relaxed).to_le_bytes()).collect();
            bytes.truncate(length);
            facts.add(tag, &bytes);
            rest = &after[payload.len()..];
        }
        facts
    }

    fn add(&mut self, tag: u64, bytes: &[u8]) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match tag {
            fact::EXECUTABLE => self.executable = text(bytes),
            fact::ARGUMENT => self.command.push(text(bytes)),
            fact::BUILD => self.add_build(&text(bytes)),
            fact::IMAGE => self.images.extend(image(bytes)),
            fact::NOTE => self.notes.push(text(bytes)),
            _ => {}
        }
    }

    fn add_build(&mut self, fact: &str) {
        let Some((name, value)) = fact.split_once('=') else { return };
        let build = &mut self.build;
        let field = match name {
            "crate_name" => &mut build.crate_name,
            "crate_version" => &mut build.crate_version,
            "opt_level" => &mut build.opt_level,
            "panic" => &mut build.panic,
            "rustc" => &mut build.rustc,
            "target" => &mut build.target,
            "allocator" => &mut build.allocator,
            "alloc_probe" => &mut build.alloc_probe,
            "debug_assertions" => {
                build.debug_assertions = value == "true";
                return;
            }
            _ => return,
        };
        value.clone_into(field);
    }
}

fn image(bytes: &[u8]) -> Option<Image> {
    let word = |index: usize| Some(u64::from_le_bytes(bytes.get(index * 8..index * 8 + 8)?.try_into().ok()?));
    let (load_address, size, id_length) = (word(0)?, word(1)?, word(2)? as usize);
    let rest = bytes.get(24..)?;
    let (id, path) = (rest.get(..id_length)?, rest.get(id_length..)?);
    let build_id = id.iter().map(|byte| format!("{byte:02x}")).collect();
    Some(Image { path: String::from_utf8_lossy(path).into_owned(), build_id, load_address, size })
}

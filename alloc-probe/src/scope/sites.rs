//! What each scope that asks for call sites counts at each stack.

use super::slot::{Number, ScopeFigures, add, slot};
use super::table::{Entry, MIX, Table};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// A quarter of a million places; only what is used becomes memory.
const BITS: u32 = 18;

/// Stacks have fewer than 2^25 nodes, and there are fewer than 2^14 scopes.
const NODE_BITS: u32 = 32;

static SITES: Table<Site> = Table::new();

/// A scope's figures of one stack. The key is `scope << 32 | node`.
#[repr(C)]
pub(crate) struct Site {
    word: AtomicU64,
    /// The next of the scope's sites: its place plus one, so that 0 ends the chain.
    next: AtomicU64,
    total_bytes: AtomicU64,
    total_blocks: AtomicU64,
    reallocs: AtomicU64,
    temporary_blocks: AtomicU64,
    live_bytes: AtomicU64,
    live_blocks: AtomicU64,
    peak_bytes: AtomicU64,
    peak_blocks: AtomicU64,
    /// The number of peaks that there had been when it last changed.
    epoch: AtomicU64,
}

// SAFETY: atomic integers, and the first is the table's.
unsafe impl Entry for Site {
    fn word(&self) -> &AtomicU64 {
        &self.word
    }

    fn home(key: u64) -> u64 {
        key.wrapping_mul(MIX) >> 32
    }
}

/// A scope's figures of one stack, as they are now.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SiteFigures {
    /// The node of the stack.
    pub(crate) node: u32,
    pub(crate) total: (u64, u64),
    pub(crate) peak: (u64, u64),
    pub(crate) live: (u64, u64),
    pub(crate) reallocs: u64,
    pub(crate) temporary_blocks: u64,
}

impl SiteFigures {
    /// Adds another's, whose stack is the same.
    pub(crate) fn absorb(&mut self, other: &SiteFigures) {
        let add = |mine: (u64, u64), theirs: (u64, u64)| (mine.0 + theirs.0, mine.1 + theirs.1);
        self.total = add(self.total, other.total);
        self.peak = add(self.peak, other.peak);
        self.live = add(self.live, other.live);
        self.reallocs += other.reallocs;
        self.temporary_blocks += other.temporary_blocks;
    }
}

/// Makes the table. Called once.
pub(crate) fn create() -> bool {
    SITES.create(BITS)
}

/// The scope's site of a stack, found or made. None where there is no room. The tree's lock is held.
fn site(number: Number, node: u32) -> Option<&'static Site> {
    let key = u64::from(number) << NODE_BITS | u64::from(node);
    if let Some(place) = SITES.find(key) {
        return Some(SITES.at(place));
    }
    let place = SITES.insert(key)?;
    let site = SITES.at(place);
    site.words().iter().for_each(|word| word.store(0, Relaxed));
    let first = &slot(number).sites;
    site.next.store(first.swap(place + 1, Relaxed).into(), Relaxed);
    Some(site)
}

/// A block begins at a site. The tree's lock is held, and the scope's figures don't have the block yet.
pub(crate) fn begin(number: Number, figures: &ScopeFigures, node: u32, size: u64, realloc: bool) {
    let Some(site) = site(number, node) else { return add(&figures.lost, 1) };
    site.settle(figures);
    add(&site.total_bytes, size);
    add(&site.total_blocks, 1);
    add(&site.reallocs, realloc.into());
    add(&site.live_bytes, size);
    add(&site.live_blocks, 1);
}

/// A block ends that began at a site. The tree's lock is held.
pub(crate) fn end(number: Number, figures: &ScopeFigures, node: u32, size: u64, temporary: bool) {
    let Some(site) = site(number, node) else { return };
    site.settle(figures);
    add(&site.live_bytes, size.wrapping_neg());
    add(&site.live_blocks, 1u64.wrapping_neg());
    add(&site.temporary_blocks, temporary.into());
}

/// Calls `f` for each site of a scope. The tree's lock is held.
pub(crate) fn each(number: Number, mut f: impl FnMut(SiteFigures)) {
    let epoch = slot(number).figures.epoch.load(Relaxed);
    let mut place = slot(number).sites.load(Relaxed);
    while place != 0 {
        let site = SITES.at(place - 1);
        f(site.now(epoch));
        place = site.next.load(Relaxed) as u32;
    }
}

/// Forgets all sites of a scope. The tree's lock is held.
pub(crate) fn clear(number: Number) {
    let mut place = slot(number).sites.swap(0, Relaxed);
    while place != 0 {
        let next = SITES.at(place - 1).next.load(Relaxed) as u32;
        SITES.remove(place - 1);
        place = next;
    }
}

impl Site {
    /// All but the key.
    fn words(&self) -> [&AtomicU64; 10] {
        [
            &self.next,
            &self.total_bytes,
            &self.total_blocks,
            &self.reallocs,
            &self.temporary_blocks,
            &self.live_bytes,
            &self.live_blocks,
            &self.peak_bytes,
            &self.peak_blocks,
            &self.epoch,
        ]
    }

    /// Settles what was live at the peak, if there was a new one since the last change.
    fn settle(&self, figures: &ScopeFigures) {
        let epoch = figures.epoch.load(Relaxed);
        if self.epoch.load(Relaxed) != epoch {
            self.peak_bytes.store(self.live_bytes.load(Relaxed), Relaxed);
            self.peak_blocks.store(self.live_blocks.load(Relaxed), Relaxed);
            self.epoch.store(epoch, Relaxed);
        }
    }

    fn now(&self, epoch: u64) -> SiteFigures {
        let pair = |bytes: &AtomicU64, blocks: &AtomicU64| (bytes.load(Relaxed), blocks.load(Relaxed));
        let live = pair(&self.live_bytes, &self.live_blocks);
        let settled = self.epoch.load(Relaxed) == epoch;
        SiteFigures {
            node: (self.word.load(Relaxed) >> 16) as u32,
            total: pair(&self.total_bytes, &self.total_blocks),
            peak: if settled { pair(&self.peak_bytes, &self.peak_blocks) } else { live },
            live,
            reallocs: self.reallocs.load(Relaxed),
            temporary_blocks: self.temporary_blocks.load(Relaxed),
        }
    }
}

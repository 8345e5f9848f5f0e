//! What the operating system and the allocator say of the process's memory, and what its resident pages hold. Library
//! code: it runs as the probe's own, when a dump is written.

use super::allocators::{self, Allocator, Report, Unknown};
use super::heap::{self, Basis, Later};
use super::pages::Pages;
use super::{malloc as c_malloc, thread_stacks};
use crate::os::{self, arena};
use crate::profile::blocks;
use crate::profile::totals::Sum;
use crate::spool::{self, LiveSpool};
use alloc_probe_format::cgroup;
use alloc_probe_format::dump::{HeapBasis, Memory, Mode, ProbeUse, sum_of_fields};
use alloc_probe_format::mappings::{self, Known, Mapping, Own};
use alloc_probe_format::snapshot::{PagesOfSites, mode_number, sites_at_a_time};
use alloc_probe_format::spool::{Section, Spool as _, header};
use once_cell::race::OnceRef;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// What a dump says of resident memory.
pub(crate) struct Facts {
    pub(crate) memory: Memory,
    pub(crate) probe: ProbeUse,
    /// Who knows what the live blocks of each site mean for it.
    pub(crate) sites: Box<dyn PagesOfSites>,
}

impl Facts {
    /// The process's memory now. What the system does not tell is zero, or not there. `may_lock` is whether the
    /// allocator's locks may be waited for: not in the name of a thread that a signal has stopped, maybe inside it.
    pub(crate) fn now(may_lock: bool) -> Facts {
        let mut memory = status();
        let mut mappings = own_mappings();
        let mut sites: Box<dyn PagesOfSites> = Box::new(());
        memory.cgroup = cgroup::read("self");
        if mappings.is_empty() {
            memory.unknown.push("the system does not tell the process's mappings".to_owned());
        } else {
            sites = account(&mut memory, &mut mappings, may_lock);
            let (part, alone) = mappings::shares(&mappings);
            (memory.pss_bytes, memory.uss_bytes) = (Some(part), Some(alone));
            memory.rss_bytes = mappings.iter().map(|mapping| mapping.resident).sum();
            memory.huge_bytes = mappings.iter().map(|mapping| mapping.huge).sum();
            memory.categories = mappings::categories(&mappings);
            memory.code = Some(mappings::code(&mappings));
        }
        if may_lock {
            if let (Some(allocator), Some(bytes)) = (&mut memory.allocator, trim()) {
                allocator.trimmed_bytes = Some(bytes);
            }
        }
        Facts { memory, probe: probe_use(&mappings), sites }
    }
}

/// The process's mappings; none where the system does not tell them.
fn own_mappings() -> Vec<Mapping> {
    let mut buffer = vec![0; 8192];
    let mut own = Vec::new();
    os::for_each_own_range(|start, end| own.push(start..end));
    own.sort_unstable_by_key(|range| range.start);
    let known = Known {
        executable: String::from_utf8_lossy(os::executable(&mut buffer)).into_owned(),
        stacks: thread_stacks::addresses(),
        own: Own::Ranges(own),
    };
    mappings::all("self", &known).unwrap_or_default()
}

fn status() -> Memory {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.and_then(|value| value.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0)
    };
    Memory {
        rss_bytes: field("VmRSS") << 10,
        peak_rss_bytes: field("VmHWM") << 10,
        virtual_bytes: field("VmSize") << 10,
        swap_bytes: field("VmSwap") << 10,
        shmem_bytes: sum_of_fields(&status, &["RssShmem"]),
        page_table_bytes: field("VmPTE") << 10,
        threads: field("Threads"),
        ..Memory::default()
    }
}

/// The probe's own memory.
fn probe_use(mappings: &[Mapping]) -> ProbeUse {
    let resident = |of: fn(&Mapping) -> bool| {
        mappings.iter().filter(|mapping| of(mapping)).map(|mapping| mapping.resident).sum()
    };
    ProbeUse {
        spool_bytes: spool::file_bytes(),
        private_bytes: resident(Mapping::is_private_to_probe),
        resident_bytes: resident(Mapping::is_probe),
    }
}

/// What the allocator has, and, where every block is recorded, the account of the heap, and its parts by site.
///
/// Memory that the program took since the mappings were read is added to theirs, so that all figures are of one look.
fn account(memory: &mut Memory, mappings: &mut [Mapping], may_lock: bool) -> Box<dyn PagesOfSites> {
    let heap: Vec<Mapping> = mappings.iter().copied().filter(Mapping::may_hold_blocks).collect();
    // What has no room would come from the allocator that this is about. Half is for the rest of the dump.
    let needs: u64 = heap.iter().map(Pages::needs).sum();
    if needs > arena::room() / 2 {
        memory.unknown.push("there was no memory to take account of the heap".to_owned());
        return Box::new(());
    }
    let Some(mut pages) = Pages::of(&heap) else {
        memory.unknown.push("the system does not tell which pages are resident".to_owned());
        return Box::new(());
    };
    for mapping in mappings.iter_mut().filter(|mapping| mapping.may_hold_blocks()) {
        mapping.resident = pages.resident_bytes(mapping.start as u64, mapping.end as u64);
    }
    let records_blocks = LiveSpool.header(header::MODE) == mode_number(Mode::Full);
    let mut inner = inner();
    if let Some(why) = inner.why_not_asked().filter(|_| !may_lock) {
        memory.unknown.push(why.to_owned());
        inner = Box::new(Unknown);
    }
    let malloc = if cfg!(all(target_env = "gnu", target_pointer_width = "64")) {
        let find = |address| if records_blocks { blocks::find(address) } else { None };
        c_malloc::find(&heap, &mut pages, &find, records_blocks).map(Box::new)
    } else {
        None
    };
    match &malloc {
        Some(malloc) if !malloc.not_followed.is_empty() => {
            let heaps = malloc.not_followed.len();
            memory.unknown.push(format!("the chunks of {heaps} of malloc's heaps could not be followed"));
        }
        None if inner.is_malloc() => {
            memory.unknown.push("the system does not let the process read its own memory".to_owned());
        }
        _ => {}
    }
    let Report { facts, metadata_bytes, between_bytes, unknown } = inner.report();
    memory.unknown.extend(unknown.map(str::to_owned));
    let in_use_bytes = facts.as_ref().map(|facts| facts.in_use_bytes);
    let mut basis =
        Basis { inner, malloc, metadata_bytes, in_use_and_between: in_use_bytes.zip(between_bytes) };
    // Where there are more of them than one range, they are told of as they are written.
    let is_by_site = LiveSpool.count(Section::SITES) as usize <= sites_at_a_time(&LiveSpool);
    let account = if records_blocks {
        Some(heap::account(&mut basis, &heap, mappings, &mut pages, is_by_site))
    } else if LiveSpool.header(header::MODE) == mode_number(Mode::Sample) {
        let live_bytes = Sum::of_process().live.0.max(0) as u64;
        heap::estimate(&mut basis, &heap, &mut pages, live_bytes)
    } else {
        None
    };
    let account = account.map(|mut account| {
        account.heap.give_up(given_up_in_heap(&heap, &mut pages));
        note_changes(basis.malloc.is_some(), &mut pages);
        for mapping in mappings.iter_mut().filter(|mapping| mapping.may_hold_blocks()) {
            mapping.changed = pages.changed_bytes(mapping.start as u64, mapping.end as u64);
        }
        if account.elsewhere_bytes > 0 {
            let bytes = account.elsewhere_bytes;
            account.heap.elsewhere_bytes = bytes;
            memory.unknown.push(format!("{bytes} bytes of live blocks lie in memory of another kind"));
        }
        memory.heap = Some(account.heap.clone());
        account
    });
    let is_malloc =
        basis.inner.is_malloc() || memory.heap.as_ref().is_some_and(|heap| heap.basis == HeapBasis::Chunks);
    memory.allocator = match basis.malloc.as_mut().filter(|_| is_malloc) {
        Some(malloc) => {
            malloc.free_cached();
            Some(malloc.facts())
        }
        None => facts,
    };
    match account {
        Some(account) if records_blocks && !is_by_site => Box::new(Later::of(&account, basis, pages)),
        Some(account) if records_blocks => Box::new(account.sites),
        Some(account) => Box::new(account.of_drawn),
        None => Box::new(()),
    }
}

/// How often is looked at most for what has changed, as long as anything has since the last time.
const LOOKS: u32 = 8;

/// How many pages are looked at each time for whether they are `malloc`'s by now.
const LOOKED_AT: u32 = 1 << 15;

/// Notes which pages outside the heap are no longer there, or have become `malloc`'s.
fn note_changes(has_malloc: bool, pages: &mut Pages) {
    // With one thread, nothing changes.
    let has_malloc = has_malloc && LiveSpool.header(header::THREADS_ALIVE) > 1;
    for _ in 0..LOOKS {
        let mut look = c_malloc::Look::at(if has_malloc { LOOKED_AT } else { 0 });
        if !pages.look_again(|page| look.mapped_chunk_over(page)) {
            break;
        }
    }
}

/// What of the heap's mappings was given up, and is resident only as long as the system has no need of it.
fn given_up_in_heap(mappings: &[Mapping], pages: &mut Pages) -> u64 {
    let in_heap = mappings.iter().filter(|mapping| {
        mapping.given_up > 0 && pages.any_in_heap(mapping.start as u64, mapping.end as u64)
    });
    in_heap.map(|mapping| mapping.given_up).sum()
}

/// The type of the wrapped allocator. It is set within an allocation, where nobody may wait.
static INNER: OnceRef<'static, &'static str> = OnceRef::new();

/// Whether the allocator is told to give back what it can.
static TRIM: AtomicBool = AtomicBool::new(false);

/// Tells what the facts depend on. Called once.
pub(crate) fn prepare(inner: &'static str, trim: bool) {
    if let Some(inner) = os::keep(inner) {
        let _ = INNER.set(inner);
    }
    TRIM.store(trim, Relaxed);
}

fn inner() -> Box<dyn Allocator> {
    allocators::of_type(INNER.get().copied().unwrap_or_default())
}

/// Has the allocator give back what it can, if that was asked for. Returns by how much the memory that it may have
/// shrank.
fn trim() -> Option<u64> {
    if !TRIM.load(Relaxed) {
        return None;
    }
    let resident = || {
        let mappings = own_mappings();
        let heap = mappings.iter().filter(|mapping| mapping.may_hold_blocks());
        heap.map(|mapping| mapping.resident).sum::<u64>()
    };
    let before = resident();
    inner().trim();
    Some(before.saturating_sub(resident()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn categories_add_up_to_the_resident_memory() {
        let Facts { memory, .. } = Facts::now(true);
        let sum: u64 = memory.categories.iter().map(|category| category.bytes).sum();
        assert_eq!(sum, memory.rss_bytes);
        assert!(memory.uss_bytes <= memory.pss_bytes && memory.pss_bytes <= Some(memory.rss_bytes));
        assert!(memory.unknown.is_empty(), "{:?}", memory.unknown);
    }
}

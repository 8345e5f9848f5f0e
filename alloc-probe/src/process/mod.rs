//! What the operating system and the allocator say of the process's memory, and what its resident pages hold. Library
//! code: it runs as the probe's own, when a dump is written.

mod cgroup;
mod chunks;
mod glibc;
mod heap;
mod inner;
mod mappings;
mod own;
mod pages;
mod stacks;

use self::heap::{Account, Basis};
use self::inner::Inner;
use self::mappings::Mapping;
use self::pages::Pages;
use crate::memory::spool::{self, LiveSpool};
use crate::mode::Mode;
use crate::start::mode_number;
use alloc_probe_format::dump::{Memory, ProbeUse, SitePages};
use alloc_probe_format::spool::{Section, Spool as _, header};
use std::fs;

/// What a dump says of resident memory.
pub(crate) struct Facts {
    pub(crate) memory: Memory,
    pub(crate) probe: ProbeUse,
    /// What the live blocks of each site mean for it, by the site's number in the spool.
    pub(crate) sites: Vec<SitePages>,
}

impl Facts {
    /// The process's memory now. What the system does not tell is zero, or not there.
    pub(crate) fn now() -> Facts {
        let mut memory = status();
        let mappings = mappings::all().unwrap_or_default();
        let mut sites = Vec::new();
        memory.cgroup = cgroup::read();
        if mappings.is_empty() {
            memory.unknown.push("the system does not tell the process's mappings".to_owned());
        } else {
            memory.rss_bytes = mappings.iter().map(|mapping| mapping.resident).sum();
            memory.categories = mappings::categories(&mappings);
            memory.code = Some(mappings::code(&mappings));
            sites = account(&mut memory, &mappings);
        }
        Facts { memory, probe: probe_use(&mappings), sites }
    }
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
fn account(memory: &mut Memory, mappings: &[Mapping]) -> Vec<SitePages> {
    let heap: Vec<Mapping> = mappings.iter().copied().filter(Mapping::may_hold_blocks).collect();
    let Some(mut pages) = Pages::of(&heap) else {
        memory.unknown.push("the system does not tell which pages are resident".to_owned());
        return Vec::new();
    };
    let inner = Inner::of_process();
    let mut basis = inner.basis(&heap, &mut pages, &mut memory.unknown);
    let mut sites = Vec::new();
    if LiveSpool.header(header::MODE) == mode_number(Mode::Full) {
        let count = LiveSpool.count(Section::SITES) as usize;
        let account: Account = heap::account(&mut basis, &mut pages, count);
        if account.elsewhere_bytes > 0 {
            let bytes = account.elsewhere_bytes;
            memory.unknown.push(format!("{bytes} bytes of live blocks lie in memory of another kind"));
        }
        memory.heap = Some(account.heap);
        sites = account.sites;
    } else if let Basis::Chunks(malloc) = &mut basis {
        malloc.free_cached();
    }
    memory.allocator = inner.facts(&basis);
    sites
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn categories_add_up_to_the_resident_memory() {
        let Facts { memory, .. } = Facts::now();
        let sum: u64 = memory.categories.iter().map(|category| category.bytes).sum();
        assert_eq!(sum, memory.rss_bytes);
        assert!(memory.unknown.is_empty(), "{:?}", memory.unknown);
    }
}

//! mimalloc, where the program has it: what it says of itself.

use super::allocator::{Allocator, Report};
use crate::dump::memory::pages::Pages;
use crate::dump::memory::weak_symbol::function;
use alloc_probe_format::dump::{AllocatorFacts, HeapBasis};
use alloc_probe_format::mappings::Mapping;
use std::ffi::{c_int, c_void};
use std::ptr::null_mut;

type GoodSize = unsafe extern "C" fn(usize) -> usize;
type Version = unsafe extern "C" fn() -> c_int;
type IsInHeapRegion = unsafe extern "C" fn(*const c_void) -> bool;
type ProcessInfo = unsafe extern "C" fn(
    *mut usize,
    *mut usize,
    *mut usize,
    *mut usize,
    *mut usize,
    *mut usize,
    *mut usize,
    *mut usize,
);
type Collect = unsafe extern "C" fn(bool);

pub(super) fn recognise(name: &str) -> Option<Box<dyn Allocator>> {
    let mimalloc = if name.contains("mimalloc") { Mimalloc::find() } else { None };
    Some(Box::new(mimalloc?))
}

/// Its functions.
#[derive(Clone, Copy)]
struct Mimalloc {
    good_size: GoodSize,
    version: Version,
    is_in_heap_region: Option<IsInHeapRegion>,
    process_info: Option<ProcessInfo>,
    collect: Option<Collect>,
}

impl Mimalloc {
    fn find() -> Option<Mimalloc> {
        Some(Mimalloc {
            good_size: function!("mi_good_size" as GoodSize)?,
            version: function!("mi_version" as Version)?,
            is_in_heap_region: function!("mi_is_in_heap_region" as IsInHeapRegion),
            process_info: function!("mi_process_info" as ProcessInfo),
            collect: function!("mi_collect" as Collect),
        })
    }

    /// Whether an address is one at which it has memory.
    fn has(self, address: u64) -> bool {
        // SAFETY: it looks the address up, and not at what is there.
        self.is_in_heap_region.is_some_and(|is| unsafe { is(address as *const c_void) })
    }

    /// What it says of itself: not how much is in use.
    fn facts(self) -> AllocatorFacts {
        let mut committed = 0;
        if let Some(info) = self.process_info {
            let none = null_mut();
            // SAFETY: it fills in what is not null. The sixth is how much memory it has.
            unsafe { info(none, none, none, none, none, &mut committed, none, none) };
        }
        AllocatorFacts { name: self.name(), system_bytes: committed as u64, ..AllocatorFacts::default() }
    }

    fn name(self) -> String {
        // SAFETY: it has no preconditions.
        name_of(unsafe { (self.version)() })
    }
}

impl Allocator for Mimalloc {
    fn rounded(&self, bytes: u64) -> u64 {
        // SAFETY: it takes any size.
        unsafe { (self.good_size)(bytes as usize) as u64 }
    }

    fn claim(&self, _mappings: &[Mapping], pages: &mut Pages) {
        pages.claim_where(|address| self.has(address));
    }

    fn report(&self) -> Report {
        Report { facts: Some(self.facts()), ..Report::default() }
    }

    fn basis(&self) -> Option<HeapBasis> {
        Some(HeapBasis::Classes)
    }

    fn trim(&self) {
        if let Some(collect) = self.collect {
            // SAFETY: it has no preconditions.
            unsafe { collect(true) };
        }
    }
}

/// `20302` is 2.3.2; versions before 2.3 are written with a digit each.
fn name_of(version: c_int) -> String {
    let unit = if version < 10_000 { 10 } else { 100 };
    format!("mimalloc {}.{}.{}", version / unit / unit, version / unit % unit, version % unit)
}

#[cfg(test)]
mod tests {
    use super::name_of;

    #[test]
    fn versions_are_of_two_kinds() {
        assert_eq!([212, 20302, 30310].map(name_of), ["mimalloc 2.1.2", "mimalloc 2.3.2", "mimalloc 3.3.10"]);
    }
}

//! jemalloc, where the program has it: what it says of itself, by `mallctl`.
//!
//! What it says takes locks of its own, so it is not asked in the name of a thread that may hold them.

use super::allocator::{Allocator, Report, is_system};
use crate::dump::memory::pages::Pages;
use crate::dump::memory::weak_symbol::function;
use alloc_probe_format::dump::{AllocatorFacts, HeapBasis};
use alloc_probe_format::mappings::Mapping;
use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::ptr::{from_mut, from_ref, null, null_mut};

type Mallctl = unsafe extern "C" fn(*const c_char, *mut c_void, *mut usize, *const c_void, usize) -> c_int;
type Nallocx = unsafe extern "C" fn(usize, c_int) -> usize;

pub(super) fn recognise(name: &str) -> Option<Box<dyn Allocator>> {
    let jemalloc = if name.contains("jemalloc") {
        Jemalloc::find()
    } else if is_system(name) {
        Jemalloc::in_place_of_malloc()
    } else {
        None
    };
    Some(Box::new(jemalloc?))
}

/// Its functions.
#[derive(Clone, Copy)]
struct Jemalloc {
    mallctl: Mallctl,
    nallocx: Nallocx,
}

/// Stands for all arenas.
const ALL_ARENAS: usize = 4096;

impl Jemalloc {
    /// Under the names that it has in Rust programs.
    fn find() -> Option<Jemalloc> {
        Some(Jemalloc {
            mallctl: function!("_rjem_mallctl" | "mallctl" as Mallctl)?,
            nallocx: function!("_rjem_nallocx" | "nallocx" as Nallocx)?,
        })
    }

    /// The same where it is in the place of the C library's `malloc`.
    fn in_place_of_malloc() -> Option<Jemalloc> {
        Some(Jemalloc {
            mallctl: function!("mallctl" as Mallctl)?,
            nallocx: function!("nallocx" as Nallocx)?,
        })
    }

    /// The value of a name. None where it has no such value.
    fn get<T: Default>(self, name: &CStr) -> Option<T> {
        let mut value = T::default();
        let mut length = size_of::<T>();
        // SAFETY: it writes no more than so many bytes, and nothing if its value has another length. Any bytes are
        // valid for the types that this is called with.
        let status =
            unsafe { (self.mallctl)(name.as_ptr(), from_mut(&mut value).cast(), &mut length, null(), 0) };
        (status == 0 && length == size_of::<T>()).then_some(value)
    }

    /// What it says of itself.
    fn facts(self) -> AllocatorFacts {
        let epoch = 1u64;
        // SAFETY: it takes any number, and counts anew.
        unsafe {
            (self.mallctl)(c"epoch".as_ptr(), null_mut(), null_mut(), from_ref(&epoch).cast(), 8);
        }
        let bytes = |name: &CStr| self.get::<usize>(name).map(|bytes| bytes as u64);
        let [in_use, metadata, mapped] = [c"stats.allocated", c"stats.metadata", c"stats.mapped"].map(bytes);
        let own = in_use.unwrap_or(0) + metadata.unwrap_or(0);
        AllocatorFacts {
            name: self.name(),
            arenas: self.arenas(),
            system_bytes: mapped.unwrap_or(0),
            in_use_bytes: in_use.unwrap_or(0),
            free_bytes: mapped.unwrap_or(0).saturating_sub(own),
            mapped_bytes: 0,
            trimmed_bytes: None,
        }
    }

    fn name(self) -> String {
        let version = self.get::<usize>(c"version").filter(|&address| address != 0);
        // SAFETY: the version is a C string that lives as long as the program.
        let version = version.map(|address| unsafe { CStr::from_ptr(address as *const c_char) });
        let version = version.map(CStr::to_string_lossy).unwrap_or_default();
        // `5.3.0-1-ge13ca993...`: what comes after the number is of the build.
        format!("jemalloc {}", version.split('-').next().unwrap_or_default())
    }

    /// How many arenas are in use of those that it may have.
    fn arenas(self) -> u64 {
        let most: c_uint = self.get(c"arenas.narenas").unwrap_or(0);
        let is_in_use = |arena: &c_uint| {
            let name = format!("arena.{arena}.initialized\0");
            CStr::from_bytes_with_nul(name.as_bytes()).is_ok_and(|name| self.get::<u8>(name) == Some(1))
        };
        (0..most).filter(is_in_use).count() as u64
    }
}

impl Allocator for Jemalloc {
    fn rounded(&self, bytes: u64) -> u64 {
        // SAFETY: sizes above 0 are allowed, and those that it can't have are 0 for an answer.
        unsafe { (self.nallocx)(bytes.max(1) as usize, 0) as u64 }
    }

    /// It can't be asked: `arenas.lookup` crashes for an address that is not its own. But hardly anyone else maps memory
    /// without reserving it.
    fn claim(&self, mappings: &[Mapping], pages: &mut Pages) {
        for mapping in mappings.iter().filter(|mapping| mapping.is_not_reserved) {
            pages.claim(mapping.start as u64, mapping.end as u64);
        }
    }

    fn report(&self) -> Report {
        let facts = self.facts();
        let active = self.get::<usize>(c"stats.active").map(|bytes| bytes as u64);
        let in_use_bytes = facts.in_use_bytes;
        Report {
            facts: Some(facts),
            // `stats.metadata` is what it has set aside for them, most of which may never have been touched.
            metadata_bytes: 0,
            between_bytes: active.map(|active| active.saturating_sub(in_use_bytes)),
            unknown: Some(
                "jemalloc doesn't say how much of its own tables is resident: they count as retained",
            ),
        }
    }

    fn basis(&self) -> Option<HeapBasis> {
        Some(HeapBasis::Classes)
    }

    fn why_not_asked(&self) -> Option<&'static str> {
        Some("jemalloc was not asked, as a signal has stopped a thread that may have been inside it")
    }

    fn trim(&self) {
        let name = format!("arena.{ALL_ARENAS}.purge\0");
        for name in [c"thread.tcache.flush".to_bytes_with_nul(), name.as_bytes()] {
            // SAFETY: both take nothing and give nothing.
            unsafe { (self.mallctl)(name.as_ptr().cast(), null_mut(), null_mut(), null(), 0) };
        }
    }
}

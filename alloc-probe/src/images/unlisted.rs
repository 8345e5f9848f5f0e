//! Noticing images that were loaded after the list was last brought up to date.

use super::list::{GENERATION, Image, PASS, UNLISTED, add_met, build_id_of, iter, next_generation};
use super::record::record;
use libc::{Elf64_Ehdr, Elf64_Phdr};
use std::ffi::CStr;
use std::sync::atomic::Ordering::{AcqRel, Relaxed};

/// What is known of an address holds within one generation only. Never 0.
#[inline(always)]
pub(crate) fn generation() -> u32 {
    GENERATION.load(Relaxed)
}

/// An image that isn't listed, though its code is on a stack.
pub(crate) struct Unlisted<'a> {
    header: Option<(&'static [Elf64_Phdr], u64)>,
    path: &'a [u8],
}

/// Looks whether the image that starts in the page of `start`, and has code on the stack, is listed. If it is not, another
/// image may have been unloaded: what is known of addresses is void, and the caller must forget it before it
/// [lists](Unlisted::list) the image.
pub(crate) fn find_unlisted(start: u64, path: &CStr) -> Option<Unlisted<'_>> {
    let start = start & !0xfff;
    let header = header_at(start);
    let build_id = header.and_then(|(headers, bias)| build_id_of(headers, bias)).unwrap_or_default();
    let path = path.to_bytes();
    let same = |image: &Image| {
        let named = !build_id.is_empty() || path.is_empty() || image.path == path;
        image.start & !0xfff == start && image.build_id == build_id && named
    };
    let listed = PASS.load(Relaxed) == 0 || iter().any(|image| same(image) && image.loaded.load(Relaxed));
    let which =
        build_id.iter().fold(start | 1, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    if listed || UNLISTED.swap(which, AcqRel) == which {
        return None;
    }
    next_generation();
    Some(Unlisted { header, path })
}

impl Unlisted<'_> {
    /// Adds the image to the list and to the spool. The rest of the list is left alone: bringing it up to date takes the
    /// dynamic linker's lock.
    pub(crate) fn list(self) {
        if let Some((headers, bias)) = self.header {
            add_met(headers, bias, self.path);
            record();
        }
    }
}

/// The program headers of an image and its bias, from what stands at its start.
fn header_at(start: u64) -> Option<(&'static [Elf64_Phdr], u64)> {
    if start == 0 {
        return None;
    }
    // SAFETY: the first page of an image is readable.
    let header = unsafe { &*(start as *const Elf64_Ehdr) };
    let (offset, count) = (header.e_phoff, usize::from(header.e_phnum));
    if !header.e_ident.starts_with(b"\x7fELF") || offset as usize + count * size_of::<Elf64_Phdr>() > 4096 {
        return None;
    }
    // SAFETY: likewise.
    let headers = unsafe { std::slice::from_raw_parts((start + offset) as *const Elf64_Phdr, count) };
    let first = headers.iter().find(|header| header.p_type == libc::PT_LOAD)?;
    Some((headers, start.wrapping_sub(first.p_vaddr & !0xfff)))
}

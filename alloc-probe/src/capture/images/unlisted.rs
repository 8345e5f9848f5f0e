//! Noticing images that came after the list was last brought up to date.

use super::list::{GENERATION, Image, PASS, UNLISTED, add_met, build_id_of, iter, next_generation};
use crate::loaded;
use libc::{Elf64_Ehdr, Elf64_Phdr};
use std::ffi::CStr;
use std::sync::atomic::Ordering::{AcqRel, Relaxed};

/// What is known of an address holds within one generation only. Never 0.
#[inline(always)]
pub(in super::super) fn generation() -> u32 {
    GENERATION.load(Relaxed)
}

/// Says that code of the image that starts in the page of `start` is on the stack. If it isn't listed, it is added, and
/// another may have gone, so what is known of addresses becomes void. The rest of the list is left alone: to bring it up
/// to date takes the dynamic linker's lock.
pub(in super::super) fn met(start: u64, path: &CStr) {
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
    if !listed && UNLISTED.swap(which, AcqRel) != which {
        next_generation();
        super::super::forget_rules();
        if let Some((headers, bias)) = header {
            add_met(headers, bias, path);
            loaded::record();
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

//! The hash of an image's instructions, for one that has no build id: read from its file, so that no page of the program's
//! becomes resident for it.

use super::image::ImageInfo;
use crate::os;
use alloc_probe_format::text_hash::TextHash;
use libc::{Elf64_Ehdr, Elf64_Phdr};
use std::mem::MaybeUninit;

/// How many program headers are read at the most.
const HEADERS: usize = 32;

/// The hash of what the executable segments of an image's file have. None where the file is no longer the one that was
/// loaded, or can't be read.
pub(super) fn hash(image: &ImageInfo<'_>) -> Option<[u8; 16]> {
    let mut path = [0u8; 4097];
    let name = os::without_mark(image.path);
    path.get_mut(..name.len())?.copy_from_slice(name);
    let path = std::ffi::CStr::from_bytes_until_nul(&path).ok().filter(|_| name.starts_with(b"/"))?;
    let file = File::open(path)?;
    let mut header = MaybeUninit::<Elf64_Ehdr>::zeroed();
    // SAFETY: any bytes are a valid header.
    let header = unsafe {
        file.read(header.as_mut_ptr().cast(), size_of::<Elf64_Ehdr>(), 0)?;
        header.assume_init()
    };
    let count = usize::from(header.e_phnum);
    if !header.e_ident.starts_with(b"\x7fELF") || count > HEADERS {
        return None;
    }
    let mut headers = [const { MaybeUninit::<Elf64_Phdr>::zeroed() }; HEADERS];
    // SAFETY: the array has room for as many, and any bytes are valid ones.
    let headers: &[Elf64_Phdr] = unsafe {
        file.read(headers.as_mut_ptr().cast(), count * size_of::<Elf64_Phdr>(), header.e_phoff)?;
        std::slice::from_raw_parts(headers.as_ptr().cast(), count)
    };
    let loaded = || headers.iter().filter(|header| header.p_type == libc::PT_LOAD);
    let end = loaded().map(|header| header.p_vaddr.wrapping_add(header.p_memsz)).max()?;
    if image.bias.wrapping_add(end) != image.end {
        return None; // Another file has the path by now.
    }
    let mut hash = TextHash::new();
    for header in loaded().filter(|header| header.p_flags & libc::PF_X != 0) {
        let mut buffer = [0u8; 4096];
        let (mut at, mut left) = (header.p_offset, header.p_filesz as usize);
        let address = image.bias.wrapping_add(header.p_vaddr);
        while left > 0 {
            let bytes = left.min(buffer.len());
            // SAFETY: the buffer is writable for so many bytes.
            unsafe { file.read(buffer.as_mut_ptr(), bytes, at)? };
            if at == header.p_offset {
                // The first of its bytes are in memory anyway, or will be.
                // SAFETY: the segment is loaded there, and nobody writes to what is executed.
                let here = unsafe { std::slice::from_raw_parts(address as *const u8, bytes.min(64)) };
                if here != &buffer[..bytes.min(64)] {
                    return None;
                }
            }
            hash.add(&buffer[..bytes]);
            (at, left) = (at + bytes as u64, left - bytes);
        }
    }
    Some(hash.finish())
}

struct File(libc::c_int);

impl File {
    fn open(path: &std::ffi::CStr) -> Option<File> {
        // SAFETY: the path is a C string.
        let file = unsafe { libc::open(path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC | libc::O_NONBLOCK) };
        (file >= 0).then_some(File(file))
    }

    /// Reads so many bytes from a place of the file. None where there are fewer.
    ///
    /// # Safety
    ///
    /// `to` is writable for so many bytes.
    unsafe fn read(&self, to: *mut u8, bytes: usize, at: u64) -> Option<()> {
        // SAFETY: by the contract; the descriptor is our own.
        let got = unsafe { libc::pread(self.0, to.cast(), bytes, at as libc::off_t) };
        (got == bytes as isize).then_some(())
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // SAFETY: the descriptor is our own.
        unsafe { libc::close(self.0) };
    }
}

//! The file that the main program was loaded from, as the process's mappings tell it. `/proc/self/exe` is the dynamic
//! linker's own file where that was started with the program as its argument.

use super::proc::for_each_line;
use std::ffi::CStr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The path of the program's file, as much as fits. Without `/proc`, the path that it was started by, if that is told.
pub(crate) fn executable(buffer: &mut [u8]) -> &[u8] {
    let Some(address) = main_address() else { return started_by(buffer) };
    let mut length = None;
    let told = for_each_line(c"/proc/self/maps", |line| {
        let found = path_of(line, address);
        if let Some(path) = found {
            let bytes = path.len().min(buffer.len());
            buffer[..bytes].copy_from_slice(&path[..bytes]);
            length = Some(bytes);
        }
        found.is_none()
    });
    match length {
        Some(length) if told => &buffer[..length],
        _ => started_by(buffer),
    }
}

/// The name of the program's file.
pub(crate) fn program_name(buffer: &mut [u8]) -> &[u8] {
    let path = without_mark(executable(buffer));
    path.iter().rposition(|&byte| byte == b'/').map_or(path, |slash| &path[slash + 1..])
}

/// A thread's name, as the kernel has it.
pub(crate) type ThreadName = [u8; 16];

/// What threads are called that have no name of their own, where the kernel calls them after the dynamic linker.
static INSTEAD: [AtomicU64; 2] = [AtomicU64::new(0), AtomicU64::new(0)];

/// Finds out what such threads are called. Called once.
pub(crate) fn name_threads() {
    if main_program().is_none_or(|program| !program.is_loaded_by_another()) {
        return;
    }
    let (mut buffer, mut instead) = ([0u8; 1024], ThreadName::default());
    let name = program_name(&mut buffer);
    let length = name.len().min(instead.len() - 1);
    instead[..length].copy_from_slice(&name[..length]);
    INSTEAD.iter().zip(instead.chunks_exact(8)).for_each(|(word, bytes)| {
        word.store(u64::from_le_bytes(bytes.try_into().unwrap_or_default()), Relaxed);
    });
}

/// A thread's name as words: the program's where the kernel has the dynamic linker's for it.
pub(crate) fn words_of_name(name: ThreadName) -> [u64; 2] {
    let instead = [INSTEAD[0].load(Relaxed), INSTEAD[1].load(Relaxed)];
    let of_linker = [&b"ld-linux"[..], b"ld-musl", b"ld-2.", b"ld.so", b"ld64.so"];
    if instead[0] != 0 && of_linker.iter().any(|linker| name.starts_with(linker)) {
        return instead;
    }
    let (low, high) = name.split_at(8);
    [low, high].map(|bytes| u64::from_le_bytes(bytes.try_into().unwrap_or_default()))
}

/// The path without what the kernel adds to that of a file which has gone.
pub(crate) fn without_mark(path: &[u8]) -> &[u8] {
    path.strip_suffix(b" (deleted)").unwrap_or(path)
}

/// The path of a line of the mappings, if an address lies there: `start-end permissions offset device inode   path`.
fn path_of(line: &[u8], address: u64) -> Option<&[u8]> {
    let dash = line.iter().position(|&byte| byte == b'-')?;
    let space = line.iter().position(|&byte| byte == b' ')?;
    let number = |digits: &[u8]| u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok();
    let (start, end) = (number(&line[..dash])?, number(line.get(dash + 1..space)?)?);
    let slash = line.iter().position(|&byte| byte == b'/')?;
    (start..end).contains(&address).then(|| &line[slash..])
}

/// The main program, as the linker knows it.
#[derive(Default)]
struct Main {
    /// Where its program headers are.
    headers: u64,
    /// Whether it asks for a dynamic linker.
    asks_for_linker: bool,
}

impl Main {
    /// Whether the dynamic linker was started, with the program as its argument: the kernel has loaded no linker for it.
    fn is_loaded_by_another(&self) -> bool {
        // SAFETY: it has no preconditions.
        self.asks_for_linker && unsafe { libc::getauxval(libc::AT_BASE) } == 0
    }
}

fn main_program() -> Option<Main> {
    let mut first = Main::default();
    // SAFETY: `note_first` has the type that is asked for, and `first` outlives the call.
    unsafe { libc::dl_iterate_phdr(Some(note_first), (&raw mut first).cast()) };
    Some(first).filter(|first| first.headers != 0)
}

/// An address in the main program: that of its program headers.
fn main_address() -> Option<u64> {
    // SAFETY: it has no preconditions.
    let (headers, linker) = unsafe { (libc::getauxval(libc::AT_PHDR), libc::getauxval(libc::AT_BASE)) };
    if linker != 0 {
        return Some(headers); // The kernel has loaded the program, and the linker for it.
    }
    main_program().map(|program| program.headers)
}

/// Notes what the first image is, which is the main program.
///
/// # Safety
///
/// As `dl_iterate_phdr` calls it, with the address of a `Main`.
unsafe extern "C" fn note_first(
    info: *mut libc::dl_phdr_info,
    _size: libc::size_t,
    first: *mut libc::c_void,
) -> libc::c_int {
    // SAFETY: by the contract, both are valid, and so many headers are where the first says.
    unsafe {
        let headers = std::slice::from_raw_parts((*info).dlpi_phdr, (*info).dlpi_phnum.into());
        let asks_for_linker = headers.iter().any(|header| header.p_type == libc::PT_INTERP);
        *first.cast::<Main>() = Main { headers: headers.as_ptr() as u64, asks_for_linker };
    }
    1
}

/// What the program was started by, if it was the program itself.
fn started_by(buffer: &mut [u8]) -> &[u8] {
    if main_program().is_some_and(|program| program.is_loaded_by_another()) {
        return &[];
    }
    // SAFETY: it has no preconditions; the kernel's string lives as long as the process.
    let path = unsafe {
        match libc::getauxval(libc::AT_EXECFN) {
            0 => return &[],
            path => CStr::from_ptr(path as *const libc::c_char).to_bytes(),
        }
    };
    let length = path.len().min(buffer.len());
    buffer[..length].copy_from_slice(&path[..length]);
    &buffer[..length]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_an_address_has_the_path() {
        let line = b"55d0-55e0 r-xp 00002000 08:01 1234   /srv/my app (deleted)";
        assert_eq!(path_of(line, 0x55d0), Some(&b"/srv/my app (deleted)"[..]));
        assert_eq!((path_of(line, 0x55e0), path_of(b"55d0-55e0 rw-p 0 00:00 0 ", 0x55d0)), (None, None));
        assert_eq!(without_mark(b"/srv/my app (deleted)"), b"/srv/my app");
    }

    #[test]
    fn a_thread_is_called_what_the_kernel_calls_it() {
        let mut name = ThreadName::default();
        name[..9].copy_from_slice(b"ld-linux-");
        // This program was not started by the linker.
        assert_eq!(words_of_name(name), [u64::from_le_bytes(*b"ld-linux"), u64::from(b'-')]);
    }

    #[test]
    fn the_program_is_known() {
        let mut buffer = [0; 1024];
        let expected = std::fs::read_link("/proc/self/exe").unwrap();
        assert_eq!(executable(&mut buffer), expected.as_os_str().as_encoded_bytes());
    }
}

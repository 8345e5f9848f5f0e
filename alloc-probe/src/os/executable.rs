//! The file that the main program was loaded from, as the process's mappings tell it. `/proc/self/exe` is the dynamic
//! linker's own file where that was started with the program as its argument.

use super::proc::for_each_line;
use std::ffi::CStr;

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

/// An address in the main program: that of its program headers.
fn main_address() -> Option<u64> {
    // SAFETY: it has no preconditions.
    let (headers, linker) = unsafe { (libc::getauxval(libc::AT_PHDR), libc::getauxval(libc::AT_BASE)) };
    if linker != 0 {
        return Some(headers); // The kernel has loaded the program, and the linker for it.
    }
    let mut first = 0u64;
    // SAFETY: `note_first` has the type that is asked for, and `first` outlives the call.
    unsafe { libc::dl_iterate_phdr(Some(note_first), (&raw mut first).cast()) };
    (first != 0).then_some(first)
}

/// Notes where the first image, which is the main program, has its program headers.
///
/// # Safety
///
/// As `dl_iterate_phdr` calls it, with the address of a word.
unsafe extern "C" fn note_first(
    info: *mut libc::dl_phdr_info,
    _size: libc::size_t,
    first: *mut libc::c_void,
) -> libc::c_int {
    // SAFETY: by the contract, both are valid.
    unsafe { *first.cast::<u64>() = (*info).dlpi_phdr as u64 };
    1
}

/// What the program was started by, if it was the program itself.
fn started_by(buffer: &mut [u8]) -> &[u8] {
    // SAFETY: it has no preconditions; the kernel's string lives as long as the process.
    let path = unsafe {
        match libc::getauxval(libc::AT_EXECFN) {
            path if path == 0 || libc::getauxval(libc::AT_BASE) == 0 => return &[],
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
    fn the_program_is_known() {
        let mut buffer = [0; 1024];
        let expected = std::fs::read_link("/proc/self/exe").unwrap();
        assert_eq!(executable(&mut buffer), expected.as_os_str().as_encoded_bytes());
    }
}

//! What the system tells in `/proc`, read without an allocation.

/// Calls `f` with the id of each thread of the process, as long as the system tells them. `std` and the C library would
/// take memory from `malloc` for this.
pub(crate) fn for_each_task(mut f: impl FnMut(u64)) {
    // As the system fills it: entries of 19 bytes and a name, at multiples of 8. The length is at byte 16.
    const LENGTH: usize = 16;
    const NAME: usize = 19;
    let mut buffer = [0u64; 512];
    let bytes = buffer.as_mut_ptr().cast::<u8>();
    // SAFETY: the path is a C string.
    let folder = unsafe {
        libc::open(c"/proc/self/task".as_ptr(), libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC)
    };
    loop {
        // SAFETY: the buffer is writable for its length; an invalid descriptor is refused.
        let got = unsafe { libc::syscall(libc::SYS_getdents64, folder, bytes, size_of_val(&buffer)) };
        if got <= 0 {
            break;
        }
        // SAFETY: the system filled so many bytes of the buffer.
        let mut rest = unsafe { std::slice::from_raw_parts(bytes, got as usize) };
        while let Some(&[low, high]) = rest.get(LENGTH..NAME - 1) {
            let length = usize::from(u16::from_ne_bytes([low, high]));
            let Some(name) = rest.get(NAME..length) else { break };
            let digits = name.iter().take_while(|byte| byte.is_ascii_digit());
            match digits.fold(0, |id: u64, digit| id.wrapping_mul(10) + u64::from(digit - b'0')) {
                0 => {} // The folder itself, and the one above.
                id => f(id),
            }
            rest = &rest[length..];
        }
    }
    if folder >= 0 {
        // SAFETY: the descriptor is our own.
        unsafe { libc::close(folder) };
    }
}

/// What the system says of the process's pages.
pub(crate) struct PageMap {
    file: libc::c_int,
    page_bytes: u64,
}

impl PageMap {
    /// None where the system does not tell, as without `/proc`.
    pub(crate) fn open() -> Option<PageMap> {
        // SAFETY: the path is a C string; `sysconf` has no preconditions.
        let (file, page) = unsafe {
            (
                libc::open(c"/proc/self/pagemap".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC),
                libc::sysconf(libc::_SC_PAGESIZE),
            )
        };
        (file >= 0).then_some(PageMap { file, page_bytes: page.max(1) as u64 })
    }

    /// The bytes of the pages between two addresses that are resident or swapped out: those that were ever touched, and
    /// not given back since.
    pub(crate) fn touched_bytes(&self, low: u64, high: u64) -> u64 {
        const RESIDENT_OR_SWAPPED: u64 = 3 << 62;
        let mut entries = [0u64; 256];
        let (mut page, end) = (low / self.page_bytes, high.div_ceil(self.page_bytes));
        let mut touched = 0;
        while page < end {
            let wanted = (end - page).min(entries.len() as u64) as usize;
            let at = (page * 8) as libc::off_t;
            // SAFETY: the buffer is writable for so many bytes, and the descriptor is our own.
            let got = unsafe { libc::pread(self.file, entries.as_mut_ptr().cast(), wanted * 8, at) };
            let got = got.max(0) as usize / 8;
            if got == 0 {
                break;
            }
            touched += entries[..got].iter().filter(|&entry| entry & RESIDENT_OR_SWAPPED != 0).count();
            page += got as u64;
        }
        touched as u64 * self.page_bytes
    }
}

impl Drop for PageMap {
    fn drop(&mut self) {
        // SAFETY: the descriptor is our own.
        unsafe { libc::close(self.file) };
    }
}

/// Calls `f` with each line of a file of the system's, until it says no. Lines that are longer than a path may be are cut.
/// False where the file can't be opened.
pub(crate) fn for_each_line(path: &std::ffi::CStr, mut f: impl FnMut(&[u8]) -> bool) -> bool {
    // SAFETY: the path is a C string.
    let file = unsafe { libc::open(path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
    if file < 0 {
        return false;
    }
    let mut buffer = [0u8; 4096];
    let mut filled = 0;
    let mut more = true;
    while more {
        let rest = &mut buffer[filled..];
        // SAFETY: the rest is writable for its length, and the descriptor is our own.
        let got = unsafe { libc::read(file, rest.as_mut_ptr().cast(), rest.len()) };
        if got <= 0 {
            break;
        }
        filled += got as usize;
        let mut start = 0;
        while let Some(length) = buffer[start..filled].iter().position(|&byte| byte == b'\n') {
            more = more && f(&buffer[start..start + length]);
            start += length + 1;
        }
        if start == 0 && filled == buffer.len() {
            start = filled;
        }
        buffer.copy_within(start..filled, 0);
        filled -= start;
    }
    // SAFETY: the descriptor is our own.
    unsafe { libc::close(file) };
    true
}

/// Reads a small file of the system's into a buffer; the part that fits. None where it can't be opened.
pub(crate) fn read_small<'a>(path: &std::ffi::CStr, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
    // SAFETY: the path is a C string, the buffer is writable for its length, and the descriptor is our own.
    let length = unsafe {
        let file = libc::open(path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC);
        if file < 0 {
            return None;
        }
        let mut length = 0;
        while length < buffer.len() {
            let got = libc::read(file, buffer[length..].as_mut_ptr().cast(), buffer.len() - length);
            if got <= 0 {
                break;
            }
            length += got as usize;
        }
        libc::close(file);
        length
    };
    Some(&buffer[..length])
}

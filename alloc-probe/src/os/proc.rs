//! What the system tells in `/proc`, read without an allocation.

/// Calls `f` with the id of each thread of the process, as far as the system tells them: it leaves some out where others
/// end meanwhile. `std` and the C library would take memory from `malloc` for this.
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
    /// Whether the system is asked for touched pages first.
    scans: bool,
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
        (file >= 0).then_some(PageMap { file, page_bytes: page.max(1) as u64, scans: true })
    }

    /// The bytes of the pages between two addresses that are resident or swapped out: those that were ever touched, and
    /// not given back since.
    pub(crate) fn touched_bytes(&self, low: u64, high: u64) -> u64 {
        let mut touched = 0;
        self.for_each_touched(low, high, |start, end| touched += end - start);
        touched
    }

    /// Calls `f` with the ranges of such pages between two addresses, in order. Neighbouring ones may come apart. Where the
    /// system can't tell them from others, those that were only read are among them: they are all one page of zeros.
    pub(crate) fn for_each_touched(&self, low: u64, high: u64, mut f: impl FnMut(u64, u64)) {
        self.for_each_part(low, high, |part| match part {
            Part::Touched(start, end) => {
                f(start, end);
                true
            }
            Part::Entries(start, entries) => {
                for (page, entry) in (start / self.page_bytes..).zip(entries) {
                    if entry & (entry::PRESENT | entry::SWAPPED) != 0 {
                        f(page * self.page_bytes, (page + 1) * self.page_bytes);
                    }
                }
                true
            }
        });
    }

    /// Calls `f` with the entries of the pages between two addresses, a part at a time: its first address, its entries, and
    /// whether all pages before it that have none were left out, until it says no. What was never touched is left out where the
    /// system tells: a reserved terabyte takes no longer than what is in it. False where an entry can't be read.
    pub(crate) fn for_each_entries(
        &self,
        low: u64,
        high: u64,
        mut f: impl FnMut(u64, &[u64], bool) -> bool,
    ) -> bool {
        let mut read = true;
        self.for_each_part(low, high, |part| match part {
            Part::Touched(start, end) => {
                read = read && self.entries(start, end, |at, entries| f(at, entries, true));
                read
            }
            Part::Entries(start, entries) => f(start, entries, false),
        }) && read
    }

    /// Calls `f` with each range of touched pages; or, where the system does not tell these, with all entries.
    fn for_each_part(&self, low: u64, high: u64, mut f: impl FnMut(Part<'_>) -> bool) -> bool {
        let low = low / self.page_bytes * self.page_bytes;
        let high = high.next_multiple_of(self.page_bytes);
        let mut at = low;
        let mut more = true;
        while more && at < high {
            let mut found = [scan::Found::default(); scan::FOUND];
            let scanned = if self.scans { scan::scan(self.file, at, high, &mut found) } else { None };
            let Some((count, end)) = scanned else {
                return self.entries(at, high, |start, entries| f(Part::Entries(start, entries)));
            };
            more = found[..count].iter().all(|found| f(Part::Touched(found.start, found.end)));
            at = end;
        }
        true
    }

    /// Calls `f` with the entries of all pages between two addresses, until it says no. False where they can't be read.
    fn entries(&self, low: u64, high: u64, mut f: impl FnMut(u64, &[u64]) -> bool) -> bool {
        let mut entries = [0u64; 256];
        let (mut page, end) = (low / self.page_bytes, high / self.page_bytes);
        while page < end {
            let wanted = (end - page).min(entries.len() as u64) as usize;
            let at = (page * 8) as libc::off_t;
            // SAFETY: the buffer is writable for so many bytes, and the descriptor is our own.
            let got = unsafe { libc::pread(self.file, entries.as_mut_ptr().cast(), wanted * 8, at) };
            let got = got.max(0) as usize / 8;
            if got == 0 {
                return false;
            }
            if !f(page * self.page_bytes, &entries[..got]) {
                break;
            }
            page += got as u64;
        }
        true
    }
}

/// What the system tells of some pages.
enum Part<'a> {
    /// From where to where they were touched.
    Touched(u64, u64),
    /// The entries of all of them, from an address on.
    Entries(u64, &'a [u64]),
}

/// Bits of an entry of `/proc/self/pagemap`.
pub(crate) mod entry {
    pub(crate) const PRESENT: u64 = 1 << 63;
    pub(crate) const SWAPPED: u64 = 1 << 62;
    pub(crate) const EXCLUSIVE: u64 = 1 << 56;
}

/// The system call that finds touched pages, as Linux has it since 6.7.
mod scan {
    /// How many ranges are asked for at a time.
    pub(super) const FOUND: usize = 64;

    /// `struct page_region`.
    #[repr(C)]
    #[derive(Clone, Copy, Default)]
    pub(super) struct Found {
        pub(super) start: u64,
        pub(super) end: u64,
        categories: u64,
    }

    /// `struct pm_scan_arg`.
    #[repr(C)]
    struct Arguments {
        size: u64,
        flags: u64,
        start: u64,
        end: u64,
        walk_end: u64,
        found: u64,
        found_length: u64,
        most_pages: u64,
        inverted: u64,
        all_of: u64,
        any_of: u64,
        told: u64,
    }

    const PRESENT: u64 = 1 << 3;
    const SWAPPED: u64 = 1 << 4;
    const ZERO: u64 = 1 << 5;
    /// `_IOWR('f', 16, struct pm_scan_arg)`.
    const PAGEMAP_SCAN: u64 = 3 << 30 | (size_of::<Arguments>() as u64) << 16 | (b'f' as u64) << 8 | 16;

    /// The next ranges of pages that are there or swapped out, but for the page of zeros; how many, and up to where that is
    /// all. None where the system has no such call.
    pub(super) fn scan(
        pagemap: libc::c_int,
        start: u64,
        end: u64,
        found: &mut [Found; FOUND],
    ) -> Option<(usize, u64)> {
        let mut arguments = Arguments {
            size: size_of::<Arguments>() as u64,
            flags: 0,
            start,
            end,
            walk_end: 0,
            found: found.as_mut_ptr() as u64,
            found_length: FOUND as u64,
            most_pages: 0,
            inverted: ZERO,
            all_of: ZERO,
            any_of: PRESENT | SWAPPED,
            told: PRESENT | SWAPPED,
        };
        // SAFETY: the system reads and writes the arguments, and writes as many ranges as they say there is room for.
        let count = unsafe {
            libc::syscall(libc::SYS_ioctl, pagemap, PAGEMAP_SCAN as libc::c_ulong, &raw mut arguments)
        };
        let count = usize::try_from(count).ok().filter(|&count| count <= FOUND)?;
        (arguments.walk_end > start).then_some((count, arguments.walk_end))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::reserve;

    #[test]
    fn touched_pages_are_the_same_in_both_ways() {
        const PAGES: u64 = 2000;
        const TOUCHED: [u64; 7] = [0, 1, 2, 700, 702, 1500, 1999];
        let scanning = PageMap::open().expect("a page map");
        let mut reading = PageMap::open().expect("a page map");
        reading.scans = false;
        let page = scanning.page_bytes;
        let start = reserve((PAGES * page) as usize).expect("memory").as_ptr() as u64;
        for number in TOUCHED {
            // SAFETY: the memory is this test's own.
            unsafe { ((start + number * page) as *mut u8).write_volatile(1) };
        }
        for map in [&scanning, &reading] {
            let mut touched = Vec::new();
            map.for_each_touched(start, start + PAGES * page, |from, to| {
                touched.extend((from..to).step_by(page as usize).map(|at| (at - start) / page));
            });
            assert_eq!(touched, TOUCHED);
            assert_eq!(map.touched_bytes(start + page, start + 702 * page), 3 * page);
            let mut entries = 0;
            assert!(map.for_each_entries(start, start + PAGES * page, |at, part, _| {
                let numbers = (at - start) / page..;
                let there = numbers.zip(part).filter(|(_, part)| *part & entry::PRESENT != 0);
                entries += there.inspect(|(number, _)| assert!(TOUCHED.contains(number))).count();
                true
            }));
            assert_eq!(entries, TOUCHED.len());
        }
    }
}

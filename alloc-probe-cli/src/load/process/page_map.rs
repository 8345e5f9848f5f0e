//! Which pages of a process are there, as the system tells it from outside.

use rustix::ioctl;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;

/// A process's pages.
pub(super) struct PageMap {
    file: File,
    page_bytes: u64,
}

/// How many ranges are asked for at a time.
const FOUND: usize = 512;

/// `struct page_region`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Found {
    start: u64,
    end: u64,
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

impl PageMap {
    /// # Errors
    ///
    /// Where the system does not tell.
    pub(super) fn open(pid: &str) -> io::Result<PageMap> {
        let file = File::open(format!("/proc/{pid}/pagemap"))?;
        Ok(PageMap { file, page_bytes: rustix::param::page_size() as u64 })
    }

    /// The ranges of the pages between two addresses that are resident or swapped out, in order, but for the page of zeros. A
    /// mapped terabyte takes no longer than what is in it. None where the system has no call for this: before Linux 6.7.
    pub(super) fn touched(&self, addresses: &Range<u64>) -> Option<Vec<Range<u64>>> {
        let mut at = addresses.start / self.page_bytes * self.page_bytes;
        let end = addresses.end.checked_next_multiple_of(self.page_bytes)?;
        let mut touched: Vec<Range<u64>> = Vec::new();
        while at < end {
            let (found, reached) = self.scan(at, end)?;
            for found in found.iter().take_while(|found| found.end > found.start) {
                match touched.last_mut() {
                    Some(last) if last.end == found.start => last.end = found.end,
                    _ => touched.push(found.start..found.end),
                }
            }
            at = reached;
        }
        Some(touched)
    }

    /// The next such ranges, behind which the others are zeros, and up to where these are all.
    fn scan(&self, start: u64, end: u64) -> Option<([Found; FOUND], u64)> {
        const PRESENT: u64 = 1 << 3;
        const SWAPPED: u64 = 1 << 4;
        const ZERO: u64 = 1 << 5;
        const PAGEMAP_SCAN: ioctl::Opcode = ioctl::opcode::read_write::<Arguments>(b'f', 16);
        let mut found = [Found::default(); FOUND];
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
        #[expect(unsafe_code, reason = "what the call reads and writes, only its number tells")]
        // SAFETY: this number has the system read and write the arguments, and write as many ranges as these say there is room
        // for. A system that does not know it refuses.
        let scanned = unsafe {
            ioctl::ioctl(&self.file, ioctl::Updater::<PAGEMAP_SCAN, Arguments>::new(&mut arguments))
        };
        scanned.ok().filter(|()| arguments.walk_end > start).map(|()| (found, arguments.walk_end))
    }

    /// Calls `f` with the entries of the pages between two addresses, a part at a time, and the number of its first page, until
    /// it says no. None where they can't be read.
    pub(super) fn entries(
        &self,
        addresses: &Range<u64>,
        mut f: impl FnMut(u64, &mut dyn Iterator<Item = u64>) -> bool,
    ) -> Option<()> {
        let mut page = addresses.start / self.page_bytes;
        let end = addresses.end.div_ceil(self.page_bytes);
        let mut buffer = [0; 1 << 15];
        while page < end {
            let wanted = buffer.len().min((end - page) as usize * 8);
            let got = self.file.read_at(&mut buffer[..wanted], page * 8).ok().filter(|got| *got >= 8)?;
            let entries = buffer[..got].chunks_exact(8);
            let mut entries = entries.map(|entry| u64::from_ne_bytes(entry.try_into().unwrap_or_default()));
            if !f(page, &mut entries) {
                break;
            }
            page += got as u64 / 8;
        }
        Some(())
    }

    /// The bytes of the pages between two addresses that are resident or swapped out.
    pub(super) fn touched_bytes(&self, addresses: &Range<u64>) -> u64 {
        const RESIDENT_OR_SWAPPED: u64 = 3 << 62;
        if let Some(touched) = self.touched(addresses) {
            return touched.iter().map(|range| range.end - range.start).sum();
        }
        let mut touched = 0;
        // What can't be read is not known to be touched.
        let _ = self.entries(addresses, |_, entries| {
            touched += entries.filter(|entry| entry & RESIDENT_OR_SWAPPED != 0).count() as u64;
            true
        });
        touched * self.page_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use memmap2::MmapOptions;

    /// Pages that were written to are found in a mapped terabyte, at its end too, and no others.
    #[test]
    fn touched_pages_of_a_terabyte_are_found() {
        let map = PageMap::open("self").unwrap();
        let page = map.page_bytes;
        let mut memory = MmapOptions::new().len(1 << 40).no_reserve_swap().map_anon().unwrap();
        let bytes = memory.len() as u64;
        let start = memory.as_ptr() as u64;
        let expected: Vec<u64> = [0, 1, 7, 1 << 20, bytes / page - 1].into();
        expected.iter().for_each(|number| memory[(number * page) as usize] = 1);
        let Some(touched) = map.touched(&(start..start + bytes)) else { return };
        let pages = |range: &Range<u64>| (range.start..range.end).step_by(page as usize);
        let mut numbers: Vec<u64> = touched.iter().flat_map(pages).map(|at| (at - start) / page).collect();
        // Where the system has large pages, others come with these.
        numbers.retain(|number| expected.contains(number));
        assert_eq!(numbers, expected);
        assert!(touched.iter().map(|range| range.end - range.start).sum::<u64>() < 64 << 20, "{touched:?}");
    }

    #[test]
    fn entries_say_the_same() {
        const PAGES: u64 = 10_000;
        let map = PageMap::open("self").unwrap();
        let page = map.page_bytes;
        let mut memory = vec![0u8; (PAGES * page) as usize];
        // More ranges than are told at a time.
        for number in (1..PAGES).step_by(3) {
            memory[(number * page) as usize] = 1;
        }
        let start = (memory.as_ptr() as u64).next_multiple_of(page);
        let addresses = start..start + (PAGES - 1) * page;
        let Some(touched) = map.touched(&addresses) else { return };
        let mut read = Vec::new();
        map.entries(&addresses, |first, entries| {
            let there = (first..).zip(entries).filter(|(_, entry)| entry >> 62 != 0);
            read.extend(there.map(|(number, _)| number * page));
            true
        })
        .unwrap();
        let pages = |range: &Range<u64>| (range.start..range.end).step_by(page as usize);
        assert_eq!(touched.iter().flat_map(pages).collect::<Vec<_>>(), read);
        assert!(read.len() as u64 >= PAGES / 3);
        assert_eq!(map.touched_bytes(&addresses), read.len() as u64 * page);
        assert_eq!(map.touched_bytes(&(0..page)), 0, "nothing is mapped at the beginning");
    }
}

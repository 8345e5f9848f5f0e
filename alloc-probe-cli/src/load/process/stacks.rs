//! How much of their stacks the threads of a running process have touched.

use alloc_probe_format::dump::Dump;
use alloc_probe_format::spool_file::SpoolFile;
use std::collections::HashMap;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;

/// The largest stack that is looked at: in larger ranges, a damaged spool has no thread's.
const LARGEST: u64 = 1 << 32;

/// Fills in what the process would have measured itself, had it written the dump. What the system does not tell stays
/// unknown.
pub(super) fn measure(pid: u32, spool: &SpoolFile, dump: &mut Dump) {
    let Ok(pages) = File::open(format!("/proc/{pid}/pagemap")) else { return };
    let stacks: HashMap<u32, Range<u64>> = spool.live_stacks().collect();
    for thread in &mut dump.threads {
        if let Some(stack) = thread.tid.and_then(|tid| stacks.get(&tid)) {
            thread.stack_bytes = touched_bytes(&pages, stack);
        }
    }
}

/// The bytes of the pages in a range that are resident or swapped out.
fn touched_bytes(pages: &File, range: &Range<u64>) -> u64 {
    const RESIDENT_OR_SWAPPED: u64 = 3 << 62;
    if range.end - range.start > LARGEST {
        return 0;
    }
    let page_bytes = rustix::param::page_size() as u64;
    let (mut page, end) = (range.start / page_bytes, range.end.div_ceil(page_bytes));
    let mut touched = 0;
    let mut buffer = [0; 4096];
    while page < end {
        let wanted = buffer.len().min((end - page) as usize * 8);
        let Ok(got @ 8..) = pages.read_at(&mut buffer[..wanted], page * 8) else { break };
        let entries = buffer[..got]
            .chunks_exact(8)
            .filter_map(|entry| Some(u64::from_ne_bytes(entry.try_into().ok()?)));
        touched += entries.filter(|entry| entry & RESIDENT_OR_SWAPPED != 0).count() as u64;
        page += got as u64 / 8;
    }
    touched * page_bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_this_process_are_counted() {
        let pages = File::open("/proc/self/pagemap").unwrap();
        let page = rustix::param::page_size();
        // Whole pages within, all of which are written to.
        let block = vec![1u8; 10 * page];
        let first = (block.as_ptr() as usize).next_multiple_of(page) as u64;
        let bytes = 9 * page as u64;
        assert_eq!(touched_bytes(&pages, &(first..first + bytes)), bytes);
        assert_eq!(touched_bytes(&pages, &(0..bytes)), 0, "nothing is mapped at the beginning");
        assert_eq!(touched_bytes(&pages, &(0..u64::MAX)), 0);
    }
}

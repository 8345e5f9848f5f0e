//! How much of their stacks the threads of a running process have touched.

use super::page_map::PageMap;
use alloc_probe_format::dump::Dump;
use alloc_probe_format::spool_file::SpoolFile;
use std::collections::HashMap;
use std::ops::Range;

/// The largest stack that is looked at: in larger ranges, a damaged spool has no thread's.
const LARGEST: u64 = 1 << 32;

/// Fills in what the process would have measured itself, had it written the dump. What the system does not tell stays
/// unknown.
pub(super) fn measure(pid: u32, spool: &SpoolFile, dump: &mut Dump) {
    let Ok(pages) = PageMap::open(&pid.to_string()) else { return };
    let stacks: HashMap<u32, Range<u64>> = spool.live_stacks().collect();
    for thread in &mut dump.threads {
        if let Some(stack) = thread.tid.and_then(|tid| stacks.get(&tid)) {
            if stack.end - stack.start <= LARGEST {
                thread.stack_bytes = pages.touched_bytes(stack);
            }
        }
    }
}

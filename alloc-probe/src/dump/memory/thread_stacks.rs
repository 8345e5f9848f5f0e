//! Where the threads' stacks are.

use crate::os;
use crate::spool::LiveSpool;
use alloc_probe_format::spool::{Section, Spool as _, thread as word};
use std::fs;
use std::sync::atomic::Ordering::Relaxed;

/// An address within each thread's stack, or in the same mapping, in order: of this one, of all that have ever allocated,
/// and of others that are blocked in a system call. Of a running thread that never allocated, nobody tells.
pub(super) fn addresses() -> Vec<usize> {
    let here = 0u8;
    let mut addresses = vec![&raw const here as usize];
    let slots = LiveSpool.words(Section::THREADS).chunks_exact(word::WORDS);
    let slots = slots.take(LiveSpool.count(Section::THREADS) as usize);
    let known = slots.map(|slot| slot[word::STACK_AT].load(Relaxed) as usize);
    addresses.extend(known.filter(|&address| address != 0));
    os::for_each_task(|task| {
        let text = fs::read_to_string(format!("/proc/self/task/{task}/syscall")).unwrap_or_default();
        let stack_pointer = text.split_whitespace().rev().nth(1).unwrap_or_default();
        addresses.extend(usize::from_str_radix(stack_pointer.trim_start_matches("0x"), 16).ok());
    });
    addresses.sort_unstable();
    addresses
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_told_by_the_system() {
        // SAFETY: it has no preconditions.
        let own = u64::from(unsafe { libc::gettid() }.unsigned_abs());
        // The system leaves some out while others end, as other tests' threads do.
        let told = (0..10_000).any(|_| {
            let mut tasks = Vec::new();
            os::for_each_task(|task| tasks.push(task));
            let times = |id: u64| tasks.iter().filter(|task| **task == id).count();
            assert!(times(own) <= 1, "{tasks:?}");
            times(own) == 1 && times(u64::from(std::process::id())) == 1
        });
        assert!(told);
    }
}

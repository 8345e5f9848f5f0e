//! Where the threads' stacks are.

use crate::os;
use std::fs;
use std::ops::Range;

/// The stack pointers of the threads by address, as far as the system tells: that of this one, and of those that are
/// blocked in a system call.
pub(super) fn addresses() -> Vec<usize> {
    let here = 0u8;
    let mut addresses = vec![&raw const here as usize];
    os::for_each_task(|task| {
        let text = fs::read_to_string(format!("/proc/self/task/{task}/syscall")).unwrap_or_default();
        let stack_pointer = text.split_whitespace().rev().nth(1).unwrap_or_default();
        addresses.extend(usize::from_str_radix(stack_pointer.trim_start_matches("0x"), 16).ok());
    });
    addresses.sort_unstable();
    addresses
}

/// Whether any of the addresses, which are in order, lies within a range.
pub(super) fn any_within(addresses: &[usize], range: Range<usize>) -> bool {
    let first = addresses.partition_point(|&address| address < range.start);
    addresses.get(first).is_some_and(|&address| address < range.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_in_ranges() {
        let addresses = [10, 20, 30];
        for (range, found) in
            [(0..10, false), (0..11, true), (10..11, true), (21..30, false), (31..99, false)]
        {
            assert_eq!(any_within(&addresses, range.clone()), found, "{range:?}");
        }
    }

    #[test]
    fn threads_are_told_by_the_system() {
        let mut tasks = Vec::new();
        os::for_each_task(|task| tasks.push(task));
        // SAFETY: it has no preconditions.
        let own = unsafe { libc::gettid() } as u64;
        assert_eq!(tasks.iter().filter(|task| **task == own).count(), 1);
        assert!(tasks.contains(&u64::from(std::process::id())));
    }
}

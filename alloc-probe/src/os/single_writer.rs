//! Changes to words that only one thread writes, each by a single instruction: a signal handler that interrupts the
//! thread and changes the same word loses nothing, and undoes nothing. On x86-64 none of them locks the bus, which
//! is what an atomic read-modify-write would cost.

use std::sync::atomic::AtomicU64;
#[cfg(any(test, not(target_arch = "x86_64")))]
use std::sync::atomic::Ordering::Relaxed;

/// Adds to a word.
#[inline(always)]
pub(crate) fn bump(word: &AtomicU64, by: u64) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the word may be written, and other threads only read it.
    unsafe {
        std::arch::asm!("add qword ptr [{}], {}", in(reg) word.as_ptr(), in(reg) by, options(nostack));
    }
    #[cfg(not(target_arch = "x86_64"))]
    word.fetch_add(by, Relaxed);
}

/// Adds to the first of two words, and one to the second.
#[inline(always)]
pub(crate) fn bump_both(words: &[AtomicU64; 2], by: u64) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: as for `bump`; the second word is behind the first.
    unsafe {
        std::arch::asm!(
            "add qword ptr [{0}], {1}", "inc qword ptr [{0} + 8]",
            in(reg) words.as_ptr(), in(reg) by, options(nostack),
        );
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        words[0].fetch_add(by, Relaxed);
        words[1].fetch_add(1, Relaxed);
    }
}

/// The value of a word that the calling thread alone writes.
///
/// PERF: the compiler compares and subtracts such a value where it lies; an atomic one it loads first.
#[inline(always)]
pub(crate) fn own(word: &AtomicU64) -> u64 {
    // SAFETY: no other thread writes to it, so there's no race.
    unsafe { *word.as_ptr() }
}

/// Adds to one of the eight bytes of a word, the lowest being the first. Returns whether it wrapped around.
#[inline(always)]
pub(crate) fn bump_byte(word: &AtomicU64, index: usize, by: u8) -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        let wrapped: u8;
        // SAFETY: as for `bump`; the index is masked, so that the byte is one of the word's.
        unsafe {
            std::arch::asm!(
                "add byte ptr [{} + {}], {}", "setc {}",
                in(reg) word.as_ptr(), in(reg) index & 7, in(reg_byte) by, lateout(reg_byte) wrapped,
                options(nostack),
            );
        }
        wrapped != 0
    }
    #[cfg(not(target_arch = "x86_64"))]
    bump_byte_portably(word, index, by)
}

#[cfg(any(test, not(target_arch = "x86_64")))]
fn bump_byte_portably(word: &AtomicU64, index: usize, by: u8) -> bool {
    let shift = (index & 7) * 8;
    let before = word.fetch_add(u64::from(by) << shift, Relaxed);
    let wrapped = (before >> shift & 0xff) + u64::from(by) > 0xff;
    if wrapped && shift < 56 {
        word.fetch_sub(1 << (shift + 8), Relaxed); // What it carried to its neighbour.
    }
    wrapped
}

/// Sets the lower half of a word.
#[inline(always)]
pub(crate) fn set_lower(word: &AtomicU64, value: u32) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: as for `bump`.
    unsafe {
        std::arch::asm!("mov dword ptr [{}], {:e}", in(reg) word.as_ptr(), in(reg) value, options(nostack, preserves_flags));
    }
    #[cfg(not(target_arch = "x86_64"))]
    set_lower_portably(word, value);
}

#[cfg(any(test, not(target_arch = "x86_64")))]
fn set_lower_portably(word: &AtomicU64, value: u32) {
    let mut before = word.load(Relaxed);
    while let Err(now) =
        word.compare_exchange_weak(before, before >> 32 << 32 | u64::from(value), Relaxed, Relaxed)
    {
        before = now;
    }
}

/// The index of the lowest byte of a word that has a value; 8 if none has.
#[inline(always)]
pub(crate) fn find_byte(word: u64, value: u8) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    // A byte becomes zero where it has the value. The lowest zero is exact: borrows only come from zeros below.
    let differing = word ^ ONES.wrapping_mul(value.into());
    let zeros = differing.wrapping_sub(ONES) & !differing & (ONES << 7);
    (zeros.trailing_zeros() / 8) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_wraps_alone() {
        for bump in [bump_byte, bump_byte_portably] {
            for index in 0..8 {
                let word = AtomicU64::new(u64::MAX);
                assert!(bump(&word, index, 1));
                assert_eq!(word.load(Relaxed), !(0xff << (8 * index)));
                assert!(!bump(&word, index, 255));
                assert_eq!(word.load(Relaxed), u64::MAX);
                assert!(bump(&word, index, 3));
                assert_eq!(word.load(Relaxed).to_le_bytes()[index], 2);
            }
        }
    }

    #[test]
    fn the_upper_half_stays() {
        for set in [set_lower, set_lower_portably] {
            let word = AtomicU64::new(0x1234_5678_9abc_def0);
            set(&word, 7);
            assert_eq!(word.load(Relaxed), 0x1234_5678_0000_0007);
        }
    }

    #[test]
    fn the_lowest_of_equal_bytes_is_found() {
        let word = u64::from_le_bytes([5, 4, 0, 4, 1, 255, 0, 3]);
        let found = [5, 4, 0, 1, 255, 3, 9].map(|value| find_byte(word, value));
        assert_eq!(found, [0, 1, 2, 4, 5, 7, 8]);
    }
}

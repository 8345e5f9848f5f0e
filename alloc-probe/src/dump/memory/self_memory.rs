//! Reading the process's own memory, which other threads may unmap at any moment: through the kernel, which says so.

use super::pages::{Pages, Place};
use crate::os::PAGE;

/// A copy of some pages.
pub(super) struct Window {
    words: Vec<u64>,
    /// The first address, and the first behind.
    start: u64,
    end: u64,
}

/// Pages that are copied at a time.
const PAGES: usize = 16;

impl Window {
    pub(super) fn new() -> Window {
        Window { words: vec![0; PAGES * PAGE / 8], start: 0, end: 0 }
    }

    /// Has everything be read anew.
    pub(super) fn clear(&mut self) {
        (self.start, self.end) = (0, 0);
    }

    /// The word at an address. None where it can't be read, or only by bringing a page in that was swapped out.
    #[inline]
    pub(super) fn word(&mut self, address: u64, pages: &mut Pages) -> Option<u64> {
        if !(self.start..self.end).contains(&address) {
            self.fill(address, pages)?;
        }
        Some(self.words[((address - self.start) / 8) as usize])
    }

    #[inline(never)]
    fn fill(&mut self, address: u64, pages: &mut Pages) -> Option<()> {
        self.clear();
        let start = address & !(PAGE as u64 - 1);
        let length = match pages.place(start) {
            Place::Resident(_) => pages.resident_from(start, PAGES) * PAGE,
            Place::Swapped => return None,
            // It may be there by now.
            Place::Untouched | Place::Elsewhere => PAGE,
        };
        let copied = copy(start, &mut self.words[..length / 8]) & !(PAGE - 1);
        if copied == 0 {
            return None;
        }
        (self.start, self.end) = (start, start + copied as u64);
        Some(())
    }
}

/// Copies words from an address. Returns how many bytes it could.
pub(super) fn copy(address: u64, words: &mut [u64]) -> usize {
    let length = size_of_val(words);
    let to = libc::iovec { iov_base: words.as_mut_ptr().cast(), iov_len: length };
    let from = libc::iovec { iov_base: address as *mut libc::c_void, iov_len: length };
    // SAFETY: the kernel writes at most so many bytes to the words, for which any bytes are valid, and checks the
    // addresses that it reads from.
    let copied = unsafe { libc::process_vm_readv(libc::getpid(), &to, 1, &from, 1, 0) };
    copied.max(0) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_copied_and_what_is_not_there_refused() {
        let words = [1u64, 2, 3];
        let mut to = [0u64; 3];
        assert_eq!(copy(words.as_ptr() as u64, &mut to), 24);
        assert_eq!(to, words);
        assert_eq!(copy(8, &mut to), 0);
    }
}

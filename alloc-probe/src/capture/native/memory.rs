//! Reading stacks: the thread's own directly, others through the kernel, which says so if there is nothing to read.

/// A copy of one page of a stack that isn't the thread's own.
#[repr(C)]
pub(super) struct Window {
    /// The page's address plus one; 0 if there is none.
    tag: u64,
    page: [u64; PAGE / 8],
}

const PAGE: usize = 4096;

#[cfg(test)]
impl Default for Window {
    fn default() -> Window {
        Window { tag: 0, page: [0; PAGE / 8] }
    }
}

/// What can be read while one stack is taken.
pub(super) struct Memory<'a> {
    low: u64,
    high: u64,
    window: &'a mut Window,
}

impl<'a> Memory<'a> {
    /// Reads from `low` to `high` directly, and elsewhere by way of `window`.
    ///
    /// # Safety
    ///
    /// What lies between `low` and `high` must be readable as long as this lives.
    pub(super) unsafe fn new(low: u64, high: u64, window: &'a mut Window) -> Memory<'a> {
        // Its page was copied for another stack, at another time.
        window.tag = 0;
        Memory { low, high, window }
    }

    /// Where what is read directly ends: with the thread's own stack. 0 on another.
    pub(super) fn high(&self) -> u64 {
        self.high
    }

    /// The word at `address`. `None` where it isn't aligned, there's nothing, or the kernel won't tell.
    pub(super) fn read(&mut self, address: u64) -> Option<u64> {
        if address % 8 != 0 {
            return None;
        }
        if address >= self.low && address.checked_add(8)? <= self.high {
            // SAFETY: aligned, and within what the caller of `new` said is readable. Volatile, as it's the stack of
            // functions that know nothing of this.
            return Some(unsafe { std::ptr::read_volatile(address as *const u64) });
        }
        let page = address & !(PAGE as u64 - 1);
        if self.window.tag != page + 1 {
            self.window.tag = 0;
            if !copy_page(page, &mut self.window.page) {
                return None;
            }
            self.window.tag = page + 1;
        }
        Some(self.window.page[(address - page) as usize / 8])
    }
}

/// Copies a page of this process's memory, and fails where another way of reading would fault.
fn copy_page(address: u64, page: &mut [u64; PAGE / 8]) -> bool {
    let to = libc::iovec { iov_base: page.as_mut_ptr().cast(), iov_len: PAGE };
    let from = libc::iovec { iov_base: address as *mut libc::c_void, iov_len: PAGE };
    // SAFETY: the kernel writes at most a page to `page`, and checks the address it reads from.
    let copied = unsafe { libc::process_vm_readv(libc::getpid(), &to, 1, &from, 1, 0) };
    copied == PAGE as isize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_mapped_is_refused() {
        let words = [1, 2, 3, 4_u64];
        let start = words.as_ptr() as u64;
        let mut window = Window::default();
        // SAFETY: these two words are in `words`.
        let mut memory = unsafe { Memory::new(start, start + 16, &mut window) };
        assert_eq!(
            (memory.read(start + 8), memory.read(start + 24)),
            (Some(2), Some(4)),
            "directly, and not"
        );
        for address in [0, 8, 4096, start + 1, u64::MAX - 7, 0xffff_8000_0000_0000] {
            assert_eq!(memory.read(address), None, "{address:x}");
        }
        assert_eq!(memory.read(start + 24), Some(4), "after a refusal");
    }
}

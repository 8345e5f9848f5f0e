//! Leaving `errno` as it was.

/// Runs something that makes system calls and leaves `errno` as it was: a program may look at it after a call
/// that freed or allocated in between.
pub(crate) fn keeping_errno<T>(f: impl FnOnce() -> T) -> T {
    // SAFETY: `__errno_location` returns the calling thread's own `errno`, which lives as long as the thread.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: likewise; and nothing else of this thread runs meanwhile.
    let before = unsafe { errno.read() };
    let value = f();
    // SAFETY: likewise.
    unsafe { errno.write(before) };
    value
}

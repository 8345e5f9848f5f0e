//! From where to where the calling thread's stack reaches.

use crate::os::SignalsBlocked;
use std::cell::Cell;
use std::mem::MaybeUninit;

/// From where to where the calling thread's stack reaches, on which `sp` points to something in use, or else to
/// another stack. `None` where it wasn't asked for yet.
///
/// For the main thread, whose stack grows, the lower end is how far it may grow.
pub(crate) fn own_stack(sp: u64) -> Option<(u64, u64)> {
    let main = main_stack();
    if (main.0..main.1).contains(&sp) { Some(main) } else { THREAD_STACK.get() }
}

/// The main thread's stack. glibc would find it in `/proc/self/maps`, which takes memory from `malloc`, and a `/proc`.
fn main_stack() -> (u64, u64) {
    /// The kernel keeps as much space free below the stack, or more if more may be needed.
    const GAP: u64 = 128 << 20;
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the limit is a valid place for the result. What the kernel passes to a program, such as these random
    // bytes, lies at the end of the stack, beyond all frames.
    let high = unsafe {
        libc::getrlimit(libc::RLIMIT_STACK, &mut limit);
        libc::getauxval(libc::AT_RANDOM) & !7
    };
    (high.saturating_sub(limit.rlim_cur.min(GAP)), high)
}

thread_local! {
    // No destructor and a constant value: using it can't allocate.
    static THREAD_STACK: Cell<Option<(u64, u64)>> = const { Cell::new(None) };
}

/// Asks for the stack of a thread that isn't the main one. `None` where that can't be told.
///
/// Not to be called in a signal handler: glibc takes a lock of the thread's, and some bytes from C's `malloc`, both of
/// which the handler may have interrupted. Every thread of Rust's asks the same when it starts.
pub(crate) fn ask_for_thread_stack() -> Option<(u64, u64)> {
    let _blocked = SignalsBlocked::new();
    let mut attributes = MaybeUninit::<libc::pthread_attr_t>::uninit();
    let (mut start, mut size) = (std::ptr::null_mut(), 0);
    // SAFETY: the attributes are initialised by the first call, read and destroyed only if it succeeded.
    let result = unsafe {
        let result = libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr());
        if result == 0 {
            libc::pthread_attr_getstack(attributes.as_ptr(), &mut start, &mut size);
            libc::pthread_attr_destroy(attributes.as_mut_ptr());
        }
        result
    };
    let (low, size) = (start as u64, size as u64);
    let found = (result == 0 && low != 0).then(|| (low, low.saturating_add(size) & !7));
    THREAD_STACK.set(found);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_stack_contains_a_local() {
        let local = 0_u8;
        let outer = &raw const local as u64;
        std::thread::scope(|scope| {
            let body = || {
                let local = 0_u8;
                let inner = &raw const local as u64;
                assert_eq!(own_stack(inner), None);
                let (low, high) = ask_for_thread_stack().unwrap();
                assert_eq!(own_stack(inner), Some((low, high)));
                assert!((low..high).contains(&inner) && !(low..high).contains(&outer));
            };
            scope.spawn(body).join().unwrap();
        });
        let (low, high) = own_stack(outer).or_else(ask_for_thread_stack).unwrap();
        assert!((low..high).contains(&outer));
    }

    #[test]
    fn the_main_stack_is_the_one_in_the_maps() {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let line = maps.lines().find(|line| line.ends_with("[stack]")).unwrap();
        let (start, rest) = line.split_once('-').unwrap();
        let [start, end] =
            [start, rest.split(' ').next().unwrap()].map(|text| u64::from_str_radix(text, 16).unwrap());
        let (low, high) = main_stack();
        assert!(low <= start && start < high && high <= end, "{low:x} {high:x} {line}");
        assert!(end - high < 1 << 20, "as much as arguments and environment take: {line}");
    }
}

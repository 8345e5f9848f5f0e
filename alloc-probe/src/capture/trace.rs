//! Walking a stack by the `backtrace` crate: right wherever that is, at some microseconds a stack.
//!
//! A frame that a signal interrupted is taken for a call.

use super::chain::{FRAMES_WALKED, Frames};
use super::frame::FrameKey;

/// Walks the stack outwards from the function in whose frame `mark` lies, whose own frame isn't written down, and
/// writes frames to `keys`.
#[inline(never)]
pub(super) fn walk(keys: &mut [FrameKey; FRAMES_WALKED], mark: u64) -> Frames<'_> {
    let (mut depth, mut whole, mut outside) = (0, true, false);
    trace(&mut |pc, sp| {
        outside |= sp as u64 > mark;
        if outside && pc != 0 {
            whole = depth < FRAMES_WALKED;
            if whole {
                keys[depth] = FrameKey::call(pc as u64);
                depth += 1;
            }
        }
        whole
    });
    // Where the platform doesn't tell stack pointers, no frame is known to be the program's.
    Frames { keys: &keys[..depth], whole: whole && outside }
}

/// Calls `f` with the address and the stack pointer of each frame, from the innermost outwards, while it returns true.
fn trace(f: &mut dyn FnMut(usize, usize) -> bool) {
    let mut visit = |frame: &backtrace::Frame| f(frame.ip() as usize, frame.sp() as usize);
    // SAFETY: on Unix the unwinder is safe to use by several threads at once. The other function takes a lock and may
    // allocate for that.
    #[cfg(unix)]
    unsafe {
        backtrace::trace_unsynchronized(&mut visit)
    };
    #[cfg(not(unix))]
    backtrace::trace(&mut visit);
}

//! Whether the program counts, and what is said of what this platform does not have.

use crate::shared::mode::Mode;
use std::cell::Cell;
use std::io;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU8};

pub(super) const UNSTARTED: u8 = 0;
pub(super) const STARTING: u8 = 1;
pub(super) const OFF: u8 = 2;
pub(super) const COUNTS: u8 = 3;

pub(super) static STATE: AtomicU8 = AtomicU8::new(UNSTARTED);

thread_local! {
    // No destructor and a constant value: reading it allocates nothing.
    static IN_THE_PROBE: Cell<bool> = const { Cell::new(false) };
}

/// Whether what the thread does is in no figure now.
pub(super) fn is_in_the_probe() -> bool {
    IN_THE_PROBE.with(Cell::get)
}

/// Runs something that is in no figure.
pub(super) fn in_the_probe<T>(f: impl FnOnce() -> T) -> T {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            IN_THE_PROBE.with(|inside| inside.set(self.0));
        }
    }
    let _restore = Restore(IN_THE_PROBE.with(|inside| inside.replace(true)));
    f()
}

/// Says something on standard error, in no figure.
pub(super) fn say(text: &str) {
    use io::Write as _;
    in_the_probe(|| {
        let _ = writeln!(io::stderr(), "alloc-probe: {text}");
    });
}

/// Says once that this platform does not have what was asked for.
pub(super) fn is_missing() {
    static SAID: AtomicBool = AtomicBool::new(false);
    if !SAID.swap(true, Relaxed) {
        say(
            "this platform has counters, scopes and assertions only: no stacks, dumps or marks; the program goes on",
        );
    }
}

pub(super) const NO_DUMPS: &str = "this platform has no dumps";

/// How much is recorded now.
pub fn mode() -> Mode {
    if STATE.load(Relaxed) == COUNTS { Mode::Count } else { Mode::Off }
}

/// Whether the program allocates through the probe. Asking has the first allocation made, if there was none.
pub(super) fn prepared() -> bool {
    if STATE.load(Relaxed) == UNSTARTED {
        drop(std::hint::black_box(Box::new(0u8)));
    }
    !matches!(STATE.load(Relaxed), UNSTARTED | STARTING)
}

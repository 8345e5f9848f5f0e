//! The ways in which a process can come to an end by itself: `endings return|exit|panic|thread`, and without being asked for
//! anything, `endings _exit|exec PROGRAM`.

use alloc_probe_tests::{known, subject};
use std::hint::black_box;
use std::os::unix::process::CommandExt;

pub(crate) fn main() {
    let lost = black_box(lost());
    subject::agree();
    // The figures are the same whichever way it ends: no destructor of `main`'s variables runs that frees these.
    known!(lost; total_blocks = 1, total_bytes = 70_000, peak_bytes = 70_000, end_blocks = 1, end_bytes = 70_000);
    let _lost = std::mem::ManuallyDrop::new(lost);
    match subject::arguments().next().as_deref() {
        Some("exit") => std::process::exit(3),
        // SAFETY: the process ends here, whatever state it is in.
        Some("_exit") => unsafe { libc::_exit(5) },
        Some("exec") => {
            let program = subject::arguments().nth(1).expect("a program");
            panic!("{}", std::process::Command::new(program).exec());
        }
        Some("panic") => panic!("as told"),
        // The main thread is blocked for good when another one ends the process.
        Some("thread") => {
            let ending = std::thread::spawn(|| std::process::exit(4));
            let _ = ending.join();
        }
        _ => {}
    }
}

#[inline(never)]
fn lost() -> Vec<u8> {
    black_box(Vec::with_capacity(70_000))
}

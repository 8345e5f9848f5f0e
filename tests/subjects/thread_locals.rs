//! Thread-locals whose destructors allocate, when all else of the thread has gone.

use alloc_probe_tests::known;
use std::hint::black_box;
use std::thread;

struct Farewell(Vec<u8>);

impl Drop for Farewell {
    fn drop(&mut self) {
        drop(black_box(farewell()));
        self.0 = black_box(keepsake());
    }
}

thread_local! {
    static FAREWELL: Farewell = Farewell(greeting());
}

pub(crate) fn main() {
    let threads = (0..20).map(|_| thread::spawn(greet)).collect::<Vec<_>>();
    for thread in threads {
        thread.join().expect("it ends well");
    }
    greet();

    // 20 threads and the main one, whose thread-locals are dropped when the process ends. The keepsake is
    // allocated in the destructor, and freed just after it as a field of what is dropped.
    known!(greeting; total_blocks = 21, total_bytes = 21 * 100, end_blocks = 0);
    known!(farewell; total_blocks = 21, total_bytes = 21 * 200, temporary_blocks = 21, end_blocks = 0);
    known!(keepsake; total_blocks = 21, total_bytes = 21 * 300, end_blocks = 0);
}

fn greet() {
    FAREWELL.with(|farewell| assert_eq!(farewell.0.capacity(), 100));
}

#[inline(never)]
fn greeting() -> Vec<u8> {
    black_box(Vec::with_capacity(100))
}

#[inline(never)]
fn farewell() -> Vec<u8> {
    black_box(Vec::with_capacity(200))
}

#[inline(never)]
fn keepsake() -> Vec<u8> {
    black_box(Vec::with_capacity(300))
}

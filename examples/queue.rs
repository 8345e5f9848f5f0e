//! Release uses more memory than debug: a reader, a writer, and a queue without a bound between them.
//!
//! Unoptimised, the reader is the slower one, and the queue is nearly empty. Optimised, the reader runs ahead of the
//! writer, and what is live is the queue. `cargo alloc-probe compare -p alloc-probe-examples --bin queue` names the line
//! that allocates the waiting records. The remedy is a bound: `mpsc::sync_channel(100)`.

use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

alloc_probe::install!();

const RECORDS: u64 = 8_000;

const RECORD_BYTES: usize = 1_024;

/// The writer's time for [`BATCH`] records, whatever the build.
const WRITE_TIME: Duration = Duration::from_millis(20);

const BATCH: usize = 50;

fn main() {
    let (queue, records) = mpsc::channel();
    let writer = thread::spawn(move || write_all(&records));
    for number in 0..RECORDS {
        if queue.send(read(number)).is_err() {
            break;
        }
    }
    drop(queue);
    match writer.join() {
        Ok(written) => println!("queue: wrote {written} bytes"),
        Err(_) => println!("queue: the writer panicked"),
    }
}

/// Decodes a record, which takes as long as the build is slow.
fn read(number: u64) -> Vec<u8> {
    let mut record = Vec::with_capacity(RECORD_BYTES);
    let mut state = number;
    while record.len() < RECORD_BYTES {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        record.extend((state >> 32).to_le_bytes());
    }
    for round in 0..40 {
        record.iter_mut().for_each(|byte| *byte = byte.rotate_left(3) ^ round);
    }
    record
}

/// Stands for a disk or a network: a batch of records takes a while. Returns how many bytes there were.
fn write_all(records: &Receiver<Vec<u8>>) -> usize {
    let mut written = 0;
    for (number, record) in records.iter().enumerate() {
        if number % BATCH == 0 {
            thread::sleep(WRITE_TIME);
        }
        written += record.len();
    }
    written
}

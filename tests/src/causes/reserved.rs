//! *Reserved, not used*: a queue has room for far more than it ever holds.

use super::Variant;
use crate::truth;
use std::hint::black_box;

/// The room, and what is used of it.
const ROOM: usize = 64 << 20;
const USED: usize = 64 << 10;

/// In the base there is room for what is used. In the control all of the room is used once.
pub fn run(variant: Variant) {
    let (room, used) = match variant {
        Variant::Base => (USED, USED),
        Variant::New => (ROOM, USED),
        Variant::Control => (ROOM, ROOM),
    };
    let mut queue = black_box(queue(room));
    queue.resize(used, 1);
    std::mem::forget(black_box(queue));
    // So large a block is mapped by itself, and has pages only where something was written.
    truth!(ROOM - USED, self::queue);
}

#[inline(never)]
fn queue(room: usize) -> Vec<u8> {
    Vec::with_capacity(room)
}

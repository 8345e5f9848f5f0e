//! The images in the spool: each is recorded when it is first seen, and the frames of one that went are marked as its
//! own, so that they are told from those of another that stands in its place.

use crate::capture::{self, ImageInfo};
use crate::memory::lock::Lock;
use crate::memory::spool;
use alloc_probe_format::spool::{NODE_WORDS, Section, fact, frame_key, header};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Records the images that are new. Images are numbered from 0 in the order in which they were seen.
pub(crate) fn record() {
    static LIST: Lock = Lock::new();
    static RECORDED: AtomicU64 = AtomicU64::new(0);
    if !is_ready() {
        return;
    }
    let Some(_held) = LIST.try_lock() else { return };
    let mut number = 0;
    capture::images(&mut |image: ImageInfo<'_>| {
        if number >= RECORDED.load(Relaxed) {
            let size = image.end.wrapping_sub(image.bias);
            let words = [number, image.bias, size, image.build_id.len() as u64].map(u64::to_le_bytes);
            spool::add_fact(fact::IMAGE, &[words.as_flattened(), image.build_id, image.path]);
            RECORDED.store(number + 1, Relaxed);
        }
        number += 1;
    });
}

/// Marks the frames between two addresses as those of an image that is gone, by its number. Frames of what comes there
/// next are then others, also where their addresses are the same.
pub(crate) fn forget(start: u64, end: u64, number: u64) {
    if !is_ready() {
        return;
    }
    let mark = frame_key::of_gone(number);
    let count = spool::header()[header::COUNTS + Section::NODES.0].load(Relaxed);
    for node in 1..count as usize {
        // SAFETY: nodes below the count have memory, at addresses that stay, and only their keys' marks ever change.
        let word = unsafe { &*spool::base(Section::NODES).add(node * NODE_WORDS) };
        let key = word.load(Relaxed);
        // What follows a call may be the next image's first byte.
        let within = (start..end).contains(&frame_key::address(key).wrapping_sub(1));
        if within && frame_key::image(key).is_none() {
            word.store(key | mark, Relaxed);
        }
    }
}

/// Whether there is a tree in the spool: images are listed before, and without one by tests.
fn is_ready() -> bool {
    !spool::base(Section::HEADER).is_null()
}

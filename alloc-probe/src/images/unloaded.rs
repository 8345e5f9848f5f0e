//! Marking the frames of an image that was unloaded, so that they differ from those of another image that takes its place.

use crate::spool;
use alloc_probe_format::spool::{NODE_WORDS, Section, frame_key, header};
use std::sync::atomic::Ordering::Relaxed;

/// Marks the frames between two addresses as those of the unloaded image with this number. Frames of the image that is
/// loaded there next are then others, even where their addresses are the same.
pub(super) fn mark_unloaded(start: u64, end: u64, number: u64) {
    if spool::base(Section::HEADER).is_null() {
        return; // Tests list images without a spool.
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

//! Recording images in the spool when they are first seen.

use super::image::ImageInfo;
use super::{list, text};
use crate::os::lock::Lock;
use crate::spool;
use alloc_probe_format::spool::{Section, fact};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

const NO_TABLE: &[u8] =
    b"the program was linked without .eh_frame_hdr, so stacks end at its own functions: drop \
    --no-eh-frame-hdr from the linker's arguments";

/// Records the images that are new. Images are numbered from 0 in the order in which they were seen.
pub(crate) fn record() {
    static LIST: Lock = Lock::new();
    static RECORDED: AtomicU64 = AtomicU64::new(0);
    if spool::base(Section::HEADER).is_null() {
        return; // Tests list images without a spool.
    }
    let Some(_held) = LIST.try_lock() else { return };
    let mut number = 0;
    list::each(&mut |image: ImageInfo<'_>| {
        if number >= RECORDED.load(Relaxed) {
            let size = image.end.wrapping_sub(image.bias);
            let words = [number, image.bias, size, image.build_id.len() as u64].map(u64::to_le_bytes);
            spool::add_fact(fact::IMAGE, &[words.as_flattened(), image.build_id, image.path]);
            // All of its text is read for that.
            let hash = if image.build_id.is_empty() { text::hash(&image) } else { None };
            if let Some(hash) = hash {
                spool::add_fact(fact::TEXT, &[&number.to_le_bytes(), &hash]);
            }
            if number == 0 && list::executable_has_no_table() {
                spool::add_fact(fact::NOTE, &[NO_TABLE]);
            }
            RECORDED.store(number + 1, Relaxed);
        }
        number += 1;
    });
}

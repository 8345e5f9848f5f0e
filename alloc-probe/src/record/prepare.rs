//! What recording with stacks needs before it begins.

use crate::os::lock::Lock;
use crate::profile::{blocks, tree};
use crate::{capture, images, mode};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Prepares what only modes with stacks need. False where there is no memory.
pub(crate) fn prepare_stacks() -> bool {
    static PREPARING: Lock = Lock::new();
    let _held = PREPARING.lock();
    if !mode::has_stacks() && prepare_tree() && blocks::create() {
        mode::set_has_stacks();
    }
    mode::has_stacks()
}

/// Prepares what taking a stack needs. False where there is no memory.
pub(crate) fn prepare_tree() -> bool {
    static PREPARING: Lock = Lock::new();
    static READY: AtomicBool = AtomicBool::new(false);
    let _held = PREPARING.lock();
    if !READY.load(Relaxed) {
        list_images();
        READY.store(tree::create(), Relaxed);
    }
    READY.load(Relaxed)
}

/// Brings the list of images up to date, and records those that are new.
pub(crate) fn list_images() {
    capture::refresh_images();
    images::record();
}

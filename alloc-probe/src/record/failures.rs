//! Allocations that fail, as the wrapped allocator has no memory: the last thing that many a program does. They are
//! noted with their sizes and stacks, and change no other figure.

use super::site;
use crate::capture::Registers;
use crate::mode;
use crate::os::clock;
use crate::thread::{Thread, recording};
use crate::{os, spool};
use alloc_probe_format::spool::{FAILURE_WORDS, FAILURES, header};
use std::sync::atomic::Ordering::Relaxed;

/// An allocation of `size` bytes failed, asked for by the caller of the frame with these registers; without them no
/// stack is taken, as where a signal handler has interrupted the taking of one.
#[cold]
#[inline(never)]
pub(crate) fn note(thread: &'static Thread, size: u64, registers: Option<Registers>) {
    // `malloc` has set `errno`.
    os::keeping_errno(|| {
        let header = spool::header();
        let ticks = clock::ticks().wrapping_sub(header[header::START_TICKS].load(Relaxed));
        let site = registers
            .filter(|_| mode::has_stacks())
            .map_or(0, |registers| recording(thread, || site::of_caller(thread, registers)));
        let number = header[header::FAILED].load(Relaxed) % FAILURES;
        let start = header::FAILURES + number as usize * FAILURE_WORDS;
        for (word, value) in header[start..].iter().zip([size, site.into(), ticks]) {
            word.store(value, Relaxed);
        }
        // Last, so that one that is counted is whole. Two threads at once may take one place, and one of them be known
        // by number only.
        header[header::FAILED].fetch_add(1, Relaxed);
    });
}

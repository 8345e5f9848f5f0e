//! Facts of the process and its images: records of any length, one after the other.

use super::sections::{base, ensure, header};
use crate::os::lock::Lock;
use alloc_probe_format::spool::{Section, header};
use std::sync::atomic::Ordering::{Relaxed, Release};

static FACTS: Lock = Lock::new();

/// Records a fact. The caller holds no lock but its own: facts are written where images and threads are listed.
pub(crate) fn add_fact(tag: u64, parts: &[&[u8]]) {
    let _held = FACTS.lock();
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let count = &header()[header::COUNTS + Section::FACTS.0];
    let first = count.load(Relaxed) as usize;
    let words = 1 + length.div_ceil(8);
    if !ensure(Section::FACTS, (first + words) * 8) {
        return;
    }
    let base = base(Section::FACTS);
    // SAFETY: `ensure` made the section at least `first + words` words long, and the lock is held: nobody else
    // writes behind `first`.
    let word = |index: usize| unsafe { &*base.add(first + index) };
    word(0).store(tag << 32 | length as u64, Relaxed);
    let mut bytes = parts.iter().copied().flatten();
    for index in 1..words {
        let mut value = [0u8; 8];
        value.iter_mut().zip(&mut bytes).for_each(|(to, from)| *to = *from);
        word(index).store(u64::from_le_bytes(value), Relaxed);
    }
    count.store((first + words) as u64, Release);
}

/// In the child of a fork: the thread that held the lock does not exist.
pub(super) fn reset_after_fork() {
    FACTS.reset();
}

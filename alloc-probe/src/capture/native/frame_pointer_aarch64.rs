//! Going on where no tables cover the code: returns from signal handlers, whose code the kernel has.
//!
//! Nothing else is followed. A frame pointer doesn't tell the caller's stack pointer here, as on x86-64 it does, so a
//! stack is cut at code without tables.

use super::memory::Memory;
#[cfg(any(test, feature = "checked-stacks"))]
use super::{cfi, objects};

/// What the kernel's return from a signal handler looks like: `mov x8, 139; svc 0`.
const SIGRETURN: [u32; 2] = [0xd280_1168, 0xd400_0001];

/// Whether the code at `pc` returns from a signal handler.
pub(super) fn returns_from_signal(pc: u64, memory: &mut Memory<'_>) -> bool {
    let mut instruction = |address: u64| {
        let word = memory.read(address & !7)?;
        Some(if address % 8 == 0 { word as u32 } else { (word >> 32) as u32 })
    };
    pc % 4 == 0 && [pc, pc.wrapping_add(4)].map(&mut instruction) == SIGRETURN.map(Some)
}

pub(super) fn return_address(_: u64, _: u64, _: &mut Memory<'_>) -> Option<u64> {
    None
}

pub(super) fn is_outermost(_: u64, _: &mut Memory<'_>) -> bool {
    false
}

pub(super) fn is_base(_: u64, _: u64, _: &mut Memory<'_>) -> bool {
    false
}

pub(super) fn is_stub(_: u64, _: &mut Memory<'_>) -> bool {
    false
}

/// Whether tables cover the code at `address`.
#[cfg(any(test, feature = "checked-stacks"))]
pub(in crate::capture) fn has_tables(address: u64) -> bool {
    objects::find(address).is_some_and(|object| cfi::with_row(&object, address, |_| ()).is_some())
}

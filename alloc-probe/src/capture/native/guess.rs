//! Going on where no tables cover the code: hand-written assembly, and the linker's stubs.
//!
//! A function without tables that keeps a frame pointer can be followed. One that doesn't, but leaves its caller's in
//! the register, looks the same, and would make callers vanish from the stack. So a guess counts only if the return
//! address found is that of a call which may have led to such code, and no other is between the stack pointer and it.
//! The latter may be a left-over of earlier calls: rather a stack that is marked as cut than one that is wrong.

use super::cfi;
use super::memory::Memory;
use super::objects::{self, Object};

/// As much of a frame as is searched for return addresses.
const FRAME_MAX: u64 = 4096;

/// The address that a function without tables returns to, if it keeps a frame pointer.
pub(super) fn return_address(sp: u64, bp: u64, memory: &mut Memory<'_>) -> Option<u64> {
    if sp > bp || bp - sp > FRAME_MAX {
        return None;
    }
    let pc = memory.read(bp.wrapping_add(8))?;
    for slot in (sp..bp).step_by(8) {
        let word = memory.read(slot)?;
        if calls_code_without_tables(word) {
            return None;
        }
    }
    calls_code_without_tables(pc).then_some(pc)
}

/// Whether the call before the return address `pc` may have called code without tables.
fn calls_code_without_tables(pc: u64) -> bool {
    let Some(object) = objects::find(pc.wrapping_sub(1)) else { return false };
    let Some(call) = code::<7>(&object, pc.wrapping_sub(7)) else { return false };
    let relative =
        || pc.wrapping_add_signed(i64::from(i32::from_ne_bytes([call[3], call[4], call[5], call[6]])));
    match call {
        [_, _, 0xe8, ..] => !has_tables(through_stub(relative())),
        [_, 0xff, 0x15, ..] => pointer(relative()).is_some_and(|target| !has_tables(target)),
        // By a register, or by memory at one: with an offset of one or four bytes, and a scaled index.
        [.., 0xff, 0xd0..=0xd7 | 0x10..=0x13 | 0x16 | 0x17]
        | [.., 0xff, 0x50..=0x53 | 0x55..=0x57, _]
        | [.., 0xff, 0x14, _]
        | [.., 0xff, 0x54, _, _]
        | [_, 0xff, 0x90..=0x93 | 0x95..=0x97, ..]
        | [0xff, 0x94, ..] => true,
        _ => false,
    }
}

/// Whether the instruction at `pc` is a stub that only jumps on, such as those of procedure linkage tables: the return
/// address is where the stack pointer points then. Some linkers write no tables for them.
pub(super) fn is_stub(pc: u64) -> bool {
    objects::find(pc)
        .and_then(|object| code::<11>(&object, pc))
        .is_some_and(|code| stub_offset(&code).is_some())
}

/// Where the offset of the jump stands that a stub consists of, after what else may come first: `endbr64` and `bnd`.
fn stub_offset(code: &[u8; 11]) -> Option<usize> {
    let start = if code.starts_with(&[0xf3, 0x0f, 0x1e, 0xfa]) { 4 } else { 0 };
    let start = start + usize::from(code[start] == 0xf2);
    code[start..].starts_with(&[0xff, 0x25]).then_some(start + 2)
}

/// Where `target` leads if there's a stub.
fn through_stub(target: u64) -> u64 {
    let resolve = || {
        let code = code::<11>(&objects::find(target)?, target)?;
        let at = stub_offset(&code)?;
        let offset = i32::from_ne_bytes(code.get(at..at + 4)?.try_into().ok()?);
        pointer(target.wrapping_add(at as u64 + 4).wrapping_add_signed(i64::from(offset)))
    };
    resolve().unwrap_or(target)
}

fn has_tables(address: u64) -> bool {
    objects::find(address).is_some_and(|object| cfi::with_row(&object, address, |_| ()).is_some())
}

/// The bytes of an object's code at `address`.
fn code<const N: usize>(object: &Object, address: u64) -> Option<[u8; N]> {
    let end = address.checked_add(N as u64)?;
    // SAFETY: within the object. The thread is executing, or returns to, code right there, or code jumps there; what
    // stands next to it is code too, or at least on the same page.
    (object.start <= address && end <= object.end)
        .then(|| unsafe { std::ptr::read_unaligned(address as *const [u8; N]) })
}

/// The pointer that code jumps or calls by.
fn pointer(address: u64) -> Option<u64> {
    objects::find(address)?;
    // SAFETY: code of an object that is loaded uses it.
    (address % 8 == 0).then(|| unsafe { std::ptr::read_volatile(address as *const u64) })
}

#[cfg(test)]
mod tests {
    use super::*;

    std::arch::global_asm!(
        ".type capture_guess_code, @function",
        "capture_guess_code:",
        "jmp [rip + capture_guess_pointer]",
        "endbr64",
        ".byte 0xf2",
        "jmp [rip + capture_guess_pointer]",
        "call 4f",
        "2: call capture_guess_covered",
        "3: nop",
        "4: ret",
        "nop; nop; nop; nop; nop; nop; nop; nop; nop; nop; nop",
        ".type capture_guess_covered, @function",
        "capture_guess_covered:",
        ".cfi_startproc",
        "ret",
        ".cfi_endproc",
        ".data",
        ".balign 8",
        "capture_guess_pointer:",
        ".quad capture_guess_covered",
        ".text",
    );

    unsafe extern "C" {
        fn capture_guess_code();
    }

    #[test]
    fn stubs_and_calls_are_recognised() {
        let start = capture_guess_code as *const () as u64;
        // The lengths of the instructions: 6, 4 and 7, 5, 5, 1, 1.
        let at = |offset: u64| start + offset;
        assert_eq!([0, 6, 10, 17, 22].map(|offset| is_stub(at(offset))), [true, true, true, false, false]);
        assert!(has_tables(through_stub(at(0))) && has_tables(through_stub(at(6))));
        assert!(calls_code_without_tables(at(22)), "the return without tables");
        assert!(!calls_code_without_tables(at(27)), "the return with tables");
        assert!(!calls_code_without_tables(at(28)), "not after a call");
    }
}

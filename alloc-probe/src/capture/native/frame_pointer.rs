//! Going on where no tables cover the code: hand-written assembly, the linker's stubs, returns from signal handlers.
//!
//! A function without tables that keeps a frame pointer can be followed. One that doesn't, but leaves its caller's in
//! the register, looks the same, and would make callers vanish from the stack. So a guess counts only if the return
//! address found is that of a call which may have led to such code, and no other is between the stack pointer and it.
//! The latter may be a left-over of earlier calls: rather a stack that is marked as cut than one that is wrong.
//!
//! What is looked at here may be no code at all, so code is read in the safe way, too.

use super::memory::Memory;
use super::{cfi, objects};
use crate::images;

/// As much of a frame as is searched for return addresses.
const FRAME_MAX: u64 = 4096;

/// What a C library's return from a signal handler looks like: `mov rax, 15; syscall`.
const SIGRETURN: [u8; 9] = [0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05];

/// Whether the code at `pc` is the C library's return from a signal handler. glibc's tables say more of it than there's
/// room for, and musl's don't cover it.
pub(super) fn returns_from_signal(pc: u64, memory: &mut Memory<'_>) -> bool {
    code(pc, memory) == Some(SIGRETURN)
}

/// The address that a function without tables returns to, if it keeps a frame pointer.
pub(super) fn return_address(sp: u64, bp: u64, memory: &mut Memory<'_>) -> Option<u64> {
    if sp > bp || bp - sp > FRAME_MAX {
        return None;
    }
    for slot in (sp..bp).step_by(8) {
        let word = memory.read(slot)?;
        if call_before(word, memory).is_some() {
            return None;
        }
    }
    let pc = memory.read(bp.checked_add(8)?)?;
    match call_before(pc, memory)? {
        Target::Known(target) => !has_tables(target),
        Target::Unknown => true,
    }
    .then_some(pc)
}

/// Whether the frame of a function without tables, whose frame pointer is zero, is where the stack begins. That is how
/// the ABI marks it, but in code without frame pointers the register holds zero at other times, too: there must be no
/// return address further out.
pub(super) fn is_outermost(sp: u64, memory: &mut Memory<'_>) -> bool {
    for slot in (sp..sp.saturating_add(FRAME_MAX)).step_by(8) {
        match memory.read(slot) {
            Some(word) if call_before(word, memory).is_some() => return false,
            Some(_) => {}
            None => return true,
        }
    }
    true
}

/// As much of the stack's end as is searched: what the system passes to `main` lies there, too.
const BASE_MAX: u64 = 32 << 10;

/// Whether nothing that tables cover is further out on the thread's own stack, which ends at `high`: what is left of it
/// is the C library's own way to a thread's function, or to `main`. musl's has no tables.
pub(super) fn is_base(sp: u64, high: u64, memory: &mut Memory<'_>) -> bool {
    let mut slots = (sp..high).step_by(8);
    // SAFETY: it has no preconditions.
    let entry = unsafe { libc::getauxval(libc::AT_ENTRY) };
    let covered = |word: u64, memory: &mut Memory<'_>| {
        // The system passes the program's entry; the function before it may end in a call.
        word != entry && call_before(word, memory).is_some() && has_tables(word.wrapping_sub(1))
    };
    // Without the executable's tables nothing is known of any.
    !images::executable_has_no_table()
        && (1..=BASE_MAX).contains(&high.wrapping_sub(sp))
        && slots.all(|slot| memory.read(slot).is_some_and(|word| !covered(word, memory)))
}

/// Whether the instruction at `pc` is a stub that only jumps on, such as those of procedure linkage tables: the return
/// address is where the stack pointer points then. Some linkers write no tables for them.
pub(super) fn is_stub(pc: u64, memory: &mut Memory<'_>) -> bool {
    stub_slot(pc, memory).is_some()
}

/// What a call calls.
enum Target {
    Known(u64),
    Unknown,
}

/// The call that `pc` is the return address of, if it's one.
fn call_before(pc: u64, memory: &mut Memory<'_>) -> Option<Target> {
    objects::find(pc.wrapping_sub(1))?;
    let bytes = code::<7>(pc.wrapping_sub(7), memory)?;
    let operand =
        pc.wrapping_add_signed(i64::from(i32::from_ne_bytes([bytes[3], bytes[4], bytes[5], bytes[6]])));
    match bytes {
        [_, _, 0xe8, ..] => Some(Target::Known(through_stub(operand, memory))),
        [_, 0xff, 0x15, ..] => memory.read(operand).map(Target::Known),
        // By a register, or by memory at one: with an offset of one or four bytes, and a scaled index.
        [.., 0xff, 0xd0..=0xd7 | 0x10..=0x13 | 0x16 | 0x17]
        | [.., 0xff, 0x50..=0x53 | 0x55..=0x57, _]
        | [.., 0xff, 0x14, _]
        | [.., 0xff, 0x54, _, _]
        | [_, 0xff, 0x90..=0x93 | 0x95..=0x97, ..]
        | [0xff, 0x14 | 0x94, ..] => Some(Target::Unknown),
        _ => None,
    }
}

/// Where `target` leads if there's a stub.
fn through_stub(target: u64, memory: &mut Memory<'_>) -> u64 {
    stub_slot(target, memory).and_then(|slot| memory.read(slot)).unwrap_or(target)
}

/// Where the address stands that the stub at `pc` jumps to. Before the jump there may be `endbr64` and `bnd`.
fn stub_slot(pc: u64, memory: &mut Memory<'_>) -> Option<u64> {
    let bytes = code::<11>(pc, memory)?;
    let start = if bytes.starts_with(&[0xf3, 0x0f, 0x1e, 0xfa]) { 4 } else { 0 };
    let start = start + usize::from(bytes[start] == 0xf2);
    let &[0xff, 0x25, a, b, c, d] = bytes[start..].first_chunk()? else { return None };
    let next = pc.wrapping_add(start as u64 + 6);
    Some(next.wrapping_add_signed(i64::from(i32::from_ne_bytes([a, b, c, d]))))
}

/// Whether tables cover the code at `address`.
pub(in crate::capture) fn has_tables(address: u64) -> bool {
    objects::find(address).is_some_and(|object| cfi::with_row(&object, address, |_| ()).is_some())
}

/// The bytes at `address`.
fn code<const N: usize>(address: u64, memory: &mut Memory<'_>) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    for (i, byte) in bytes.iter_mut().enumerate() {
        let at = address.checked_add(i as u64)?;
        *byte = memory.read(at & !7)?.to_ne_bytes()[(at % 8) as usize];
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::native::memory::Window;

    std::arch::global_asm!(
        ".globl capture_guess_code",
        ".hidden capture_guess_code",
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
        ".globl capture_guess_covered",
        ".hidden capture_guess_covered",
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
        fn capture_guess_covered();
    }

    #[test]
    fn stubs_and_calls_are_recognised() {
        let mut window = Window::default();
        // SAFETY: no memory at all.
        let memory = &mut unsafe { Memory::new(0, 0, &mut window) };
        // The lengths of the instructions: 6, 4 and 7, 5, 5, 1, 1.
        let at = |offset: u64| capture_guess_code as *const () as u64 + offset;
        let stubs = [0, 6, 10, 17, 22].map(|offset| is_stub(at(offset), memory));
        assert_eq!(stubs, [true, true, true, false, false]);
        let covered = capture_guess_covered as *const () as u64;
        assert_eq!([0, 6, 17].map(|offset| through_stub(at(offset), memory)), [covered, covered, at(17)]);
        let mut called = |offset: u64| match call_before(at(offset), memory)? {
            Target::Known(target) => Some((target, has_tables(target))),
            Target::Unknown => None,
        };
        assert_eq!(called(22), Some((at(28), false)));
        assert_eq!(called(27), Some((covered, true)));
        assert_eq!(called(28), None);
    }

    #[test]
    fn a_stack_begins_where_no_covered_code_is_further_out() {
        // Return addresses: of a call to code without tables, which is none itself; and of this test's own.
        let uncovered = capture_guess_code as *const () as u64 + 27;
        let mut own = 0;
        crate::os::keeping_errno(|| {
            backtrace::trace(|frame| {
                own = frame.ip() as u64;
                false
            })
        });
        let mut stack = [uncovered, 0, 0x6f77_2f6c_6c61_7061, uncovered, 1];
        let found = |stack: &[u64]| {
            let (sp, high) = (stack.as_ptr() as u64, stack.as_ptr_range().end as u64);
            let mut window = Window::default();
            // SAFETY: that is the array.
            is_base(sp, high, &mut unsafe { Memory::new(sp, high, &mut window) })
        };
        assert!(found(&stack));
        assert!(!found(&[]), "it isn't on that stack");
        stack[4] = own;
        assert!(!found(&stack), "{own:x}");
        assert!(found(&stack[..4]));
        assert!(!found(&vec![0; BASE_MAX as usize / 8 + 1]), "too much to look through");
    }
}

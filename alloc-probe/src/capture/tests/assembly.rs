//! Frames that no compiler makes, or only GCC: what assembly by hand says of itself, and what it doesn't.

use super::check::Subject;
use crate::capture::{FrameKey, FrameKind};
use std::arch::global_asm;
use std::cell::Cell;
use std::ffi::c_void;

type Callee = unsafe extern "C" fn(*const c_void);
/// Calls the callee with the argument, from a frame of its own kind.
type Caller = unsafe extern "C" fn(argument: *const c_void, f: Callee);

global_asm!(
    // Without tables, with a frame pointer: can be followed.
    ".globl capture_test_bare_with_bp",
    ".hidden capture_test_bare_with_bp",
    ".type capture_test_bare_with_bp, @function",
    "capture_test_bare_with_bp:",
    "push rbp",
    "mov rbp, rsp",
    "call rsi",
    "pop rbp",
    "ret",
    // Without tables and frame pointer: can't.
    ".globl capture_test_bare",
    ".hidden capture_test_bare",
    ".type capture_test_bare, @function",
    "capture_test_bare:",
    "push rbp",
    "mov ebp, 12345",
    "call rsi",
    "pop rbp",
    "ret",
    // As bare, but the register is still the caller's. If that keeps frame pointers, following them would leave it out.
    ".globl capture_test_untouched",
    ".hidden capture_test_untouched",
    ".type capture_test_untouched, @function",
    "capture_test_untouched:",
    "sub rsp, 8",
    "call rsi",
    "add rsp, 8",
    "ret",
    // As bare, but there seems to be a frame pointer: it points into the stack, to what isn't a frame.
    ".globl capture_test_misleading",
    ".hidden capture_test_misleading",
    ".type capture_test_misleading, @function",
    "capture_test_misleading:",
    "push rbp",
    "sub rsp, 32",
    "mov qword ptr [rsp + 24], 0x1234",
    "mov [rsp + 16], rbp",
    "lea rbp, [rsp + 16]",
    "call rsi",
    "add rsp, 32",
    "pop rbp",
    "ret",
    // As bare, but the register that would be the frame pointer says that there's no caller. There is.
    ".globl capture_test_zero_bp",
    ".hidden capture_test_zero_bp",
    ".type capture_test_zero_bp, @function",
    "capture_test_zero_bp:",
    "push rbp",
    "xor ebp, ebp",
    "call rsi",
    "pop rbp",
    "ret",
    // Calls on another stack, where it's true. The stack's end is the third argument.
    ".globl capture_test_outermost",
    ".hidden capture_test_outermost",
    ".type capture_test_outermost, @function",
    "capture_test_outermost:",
    "push rbp",
    "push rbx",
    "mov rbx, rsp",
    "mov rsp, rdx",
    "xor ebp, ebp",
    "call rsi",
    "mov rsp, rbx",
    "pop rbx",
    "pop rbp",
    "ret",
    // As GCC realigns a frame: the CFA is stored.
    ".globl capture_test_realigned",
    ".hidden capture_test_realigned",
    ".type capture_test_realigned, @function",
    "capture_test_realigned:",
    ".cfi_startproc",
    "lea r10, [rsp + 8]",
    ".cfi_def_cfa r10, 0",
    "and rsp, -64",
    "push qword ptr [r10 - 8]",
    "push rbp",
    "mov rbp, rsp",
    // DW_CFA_expression rbp: DW_OP_breg6 0
    ".cfi_escape 0x10, 6, 2, 0x76, 0",
    "push r10",
    // DW_CFA_def_cfa_expression: DW_OP_breg6 -8, DW_OP_deref
    ".cfi_escape 0x0f, 3, 0x76, 0x78, 6",
    "sub rsp, 120",
    "call rsi",
    "mov r10, [rbp - 8]",
    ".cfi_def_cfa r10, 0",
    "leave",
    "lea rsp, [r10 - 8]",
    ".cfi_def_cfa rsp, 8",
    "ret",
    ".cfi_endproc",
    // Calls that function at two places of the stack at which its realigned frame is at the same place, so that they
    // differ only in where the CFA is stored to be. The first call's return address stays where it was.
    ".globl capture_test_realigned_twice",
    ".hidden capture_test_realigned_twice",
    ".type capture_test_realigned_twice, @function",
    "capture_test_realigned_twice:",
    ".cfi_startproc",
    "push rbx",
    ".cfi_def_cfa_offset 16",
    ".cfi_offset rbx, -16",
    "push rbp",
    ".cfi_def_cfa_offset 24",
    ".cfi_offset rbp, -24",
    "mov rbp, rsp",
    ".cfi_def_cfa_register rbp",
    "push rdi",
    "push rsi",
    "and rsp, -64",
    "call capture_test_realigned",
    "mov rdi, [rbp - 8]",
    "mov rsi, [rbp - 16]",
    "sub rsp, 16",
    "call capture_test_realigned",
    "lea rsp, [rbp]",
    "pop rbp",
    ".cfi_def_cfa rsp, 16",
    "pop rbx",
    ".cfi_def_cfa_offset 8",
    "ret",
    ".cfi_endproc",
    // Calls what follows twice from the same place of the stack, first with a return address of zero.
    ".globl capture_test_zero_first",
    ".hidden capture_test_zero_first",
    ".type capture_test_zero_first, @function",
    "capture_test_zero_first:",
    ".cfi_startproc",
    "push rbx",
    ".cfi_def_cfa_offset 16",
    ".cfi_offset rbx, -16",
    "push rdi",
    ".cfi_def_cfa_offset 24",
    "push rsi",
    ".cfi_def_cfa_offset 32",
    "lea rbx, [rip + 2f]",
    "push 0",
    "jmp 4f",
    "2:",
    "mov rsi, [rsp]",
    "mov rdi, [rsp + 8]",
    "lea rbx, [rip + 3f]",
    "call 4f",
    "3:",
    "add rsp, 16",
    ".cfi_def_cfa_offset 16",
    "pop rbx",
    ".cfi_def_cfa_offset 8",
    "ret",
    ".cfi_endproc",
    "4:",
    ".cfi_startproc",
    "sub rsp, 8",
    ".cfi_def_cfa_offset 16",
    "call rsi",
    "add rsp, 16",
    "jmp rbx",
    ".cfi_endproc",
    // As OpenSSL's: the old stack pointer is stored at the new one, and the frame pointer is something else.
    ".globl capture_test_stored_sp",
    ".hidden capture_test_stored_sp",
    ".type capture_test_stored_sp, @function",
    "capture_test_stored_sp:",
    ".cfi_startproc",
    "mov rax, rsp",
    ".cfi_def_cfa_register rax",
    "push rbp",
    ".cfi_offset rbp, -16",
    "sub rsp, 64",
    "and rsp, -64",
    "mov [rsp + 40], rax",
    // DW_CFA_def_cfa_expression: DW_OP_breg7 40, DW_OP_deref, DW_OP_plus_uconst 8
    ".cfi_escape 0x0f, 5, 0x77, 40, 6, 0x23, 8",
    "mov ebp, 77",
    "call rsi",
    "mov rsi, [rsp + 40]",
    ".cfi_def_cfa rsi, 8",
    "mov rbp, [rsi - 8]",
    "lea rsp, [rsi]",
    ".cfi_def_cfa rsp, 8",
    "ret",
    ".cfi_endproc",
    // The CFA is relative to a register that ordinary rules don't follow.
    ".globl capture_test_by_rbx",
    ".hidden capture_test_by_rbx",
    ".type capture_test_by_rbx, @function",
    "capture_test_by_rbx:",
    ".cfi_startproc",
    "push rbx",
    ".cfi_def_cfa_offset 16",
    ".cfi_offset rbx, -16",
    "mov rbx, rsp",
    ".cfi_def_cfa_register rbx",
    "sub rsp, 32",
    "and rsp, -32",
    "call rsi",
    "mov rsp, rbx",
    ".cfi_def_cfa_register rsp",
    "pop rbx",
    ".cfi_def_cfa_offset 8",
    "ret",
    ".cfi_endproc",
);

unsafe extern "C" {
    fn capture_test_bare_with_bp(argument: *const c_void, f: Callee);
    fn capture_test_bare(argument: *const c_void, f: Callee);
    fn capture_test_untouched(argument: *const c_void, f: Callee);
    fn capture_test_misleading(argument: *const c_void, f: Callee);
    fn capture_test_zero_bp(argument: *const c_void, f: Callee);
    fn capture_test_outermost(argument: *const c_void, f: Callee, stack_end: *mut c_void);
    fn capture_test_realigned(argument: *const c_void, f: Callee);
    fn capture_test_realigned_twice(argument: *const c_void, f: Callee);
    fn capture_test_zero_first(argument: *const c_void, f: Callee);
    fn capture_test_stored_sp(argument: *const c_void, f: Callee);
    fn capture_test_by_rbx(argument: *const c_void, f: Callee);
}

/// Takes stacks through `caller`, and returns the frames of the last.
#[inline(never)]
fn through(subject: &Subject, caller: Caller) -> Vec<FrameKey> {
    thread_local!(static LAST: Cell<Vec<FrameKey>> = const { Cell::new(Vec::new()) });
    unsafe extern "C" fn check(subject: *const c_void) {
        // SAFETY: it's the reference that `through` has.
        let subject = unsafe { &*subject.cast::<Subject>() };
        subject.check();
        nested(subject);
    }
    #[inline(never)]
    fn nested(subject: &Subject) {
        LAST.set(subject.check());
    }
    for _ in 0..2 {
        // SAFETY: each of the functions calls its second argument with its first, by the C calling convention.
        unsafe { caller(std::ptr::from_ref(subject).cast(), check) };
    }
    LAST.take()
}

/// The stack through `caller` must go on to the test's own. Tells how often the slow unwinder was needed.
fn followed(caller: Caller) -> u32 {
    let subject = Subject::new();
    let own = subject.check();
    let frames = through(&subject, caller);
    assert!(frames.ends_with(&own[1..]), "{frames:x?} {own:x?}");
    // Ordinary stacks in between, which may join what was kept.
    subject.check();
    assert!(through(&subject, caller).ends_with(&own[1..]));
    assert_eq!(subject.check()[1..], own[1..]);
    subject.slow_walks()
}

#[test]
fn without_tables_frame_pointers_are_followed() {
    assert_ne!(followed(capture_test_bare_with_bp), 0);
}

#[test]
fn without_both_the_stack_is_cut() {
    for caller in [capture_test_bare, capture_test_untouched, capture_test_misleading, capture_test_zero_bp] {
        let subject = Subject::new();
        let own = subject.check();
        let frames = through(&subject, caller);
        // Nested, check, the assembly, and the cut.
        assert_eq!(frames.len(), 4, "{frames:x?}");
        assert_eq!(frames[3], FrameKey::CUT);
        assert!(frames[..3].iter().all(|frame| frame.kind() == FrameKind::Call));
        assert_eq!(subject.check()[1..], own[1..]);
    }
}

#[test]
fn a_frame_pointer_of_zero_ends_a_stack_where_there_is_no_more_of_it() {
    unsafe extern "C" fn on_other_stack(argument: *const c_void, f: Callee) {
        let mut stack = vec![0_u128; 64 << 10];
        // SAFETY: the callee gets a stack of a MiB, of which some is left beyond its end.
        unsafe { capture_test_outermost(argument, f, stack.as_mut_ptr().add(60 << 10).cast()) };
    }
    let subject = Subject::new();
    for _ in 0..2 {
        let frames = through(&subject, on_other_stack);
        assert_eq!(frames.len(), 3, "{frames:x?}");
        assert!(frames.iter().all(|frame| frame.kind() == FrameKind::Call));
    }
}

#[test]
fn a_return_address_of_zero_ends_the_stack_as_long_as_it_is_zero() {
    assert_eq!(followed(capture_test_zero_first), 0);
}

#[test]
fn frames_that_gcc_realigned() {
    assert_eq!(followed(capture_test_realigned), 0);
    assert_eq!(followed(capture_test_realigned_twice), 0);
}

#[test]
fn frames_that_store_the_stack_pointer() {
    assert_ne!(followed(capture_test_stored_sp), 0);
}

#[test]
fn frames_relative_to_a_register_that_is_not_kept() {
    assert_ne!(followed(capture_test_by_rbx), 0);
}

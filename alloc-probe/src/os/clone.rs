//! A second thread of control that borrows the calling thread's thread-locals, which no C library's call makes: glibc's
//! `clone` would, but musl's refuses the flags.

use std::sync::atomic::AtomicU32;

/// As a thread of the process, with its memory and files. When it ends, the system makes `alive` 0 and wakes who waits.
const FLAGS: libc::c_int = libc::CLONE_VM
    | libc::CLONE_FS
    | libc::CLONE_FILES
    | libc::CLONE_SIGHAND
    | libc::CLONE_THREAD
    | libc::CLONE_SYSVSEM
    | libc::CLONE_CHILD_CLEARTID;

/// Runs `function` on a clone of the calling thread. False if the system makes none.
///
/// # Safety
///
/// `stack_end` must be the end of memory that nobody else uses, ever, with room for the function, and a multiple of 16.
/// The calling thread may use no thread-local until `alive` is 0, and has every signal put off. The function must not
/// unwind.
pub(crate) unsafe fn on_a_clone(
    stack_end: *mut u8,
    alive: &'static AtomicU32,
    function: extern "C" fn(),
) -> bool {
    let flags = i64::from(FLAGS);
    let alive = alive.as_ptr();
    let made: i64;
    // SAFETY: the new thread starts after the system call, with the same registers but for the result and the stack
    // pointer. It touches nothing of this one's stack, calls the function, and ends. What this one loses is declared.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "call {function}",
            "xor edi, edi",
            "mov eax, {exit}",
            "syscall",
            "ud2",
            "2:",
            function = in(reg) function,
            exit = const libc::SYS_exit,
            inlateout("rax") libc::SYS_clone => made,
            in("rdi") flags,
            in("rsi") stack_end,
            in("rdx") 0,
            in("r10") alive,
            in("r8") 0,
            out("rcx") _,
            out("r11") _,
        );
    }
    // SAFETY: as above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        std::arch::asm!(
            "svc 0",
            "cbnz x0, 2f",
            "mov x29, xzr",
            "blr {function}",
            "mov x0, xzr",
            "mov x8, {exit}",
            "svc 0",
            "brk 1",
            "2:",
            function = in(reg) function,
            exit = const libc::SYS_exit,
            in("x8") libc::SYS_clone,
            inlateout("x0") flags => made,
            in("x1") stack_end,
            in("x2") 0,
            in("x3") 0,
            in("x4") alive,
        );
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    {
        extern "C" fn run(function: *mut libc::c_void) -> libc::c_int {
            // SAFETY: that is the function which `clone` passed on.
            unsafe { std::mem::transmute::<*mut libc::c_void, extern "C" fn()>(function)() };
            0
        }
        let none = std::ptr::null_mut::<libc::c_void>();
        // SAFETY: the caller's promise.
        made = i64::from(unsafe {
            libc::clone(run, stack_end.cast(), flags as i32, function as *mut libc::c_void, none, none, alive)
        });
    }
    made > 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::{memory, signals};
    use std::sync::atomic::{AtomicI32, Ordering::SeqCst};

    #[test]
    fn the_function_runs_with_the_callers_thread_locals() {
        thread_local!(static LOCAL: AtomicI32 = const { AtomicI32::new(0) });
        static SEEN: AtomicI32 = AtomicI32::new(0);
        static ALIVE: AtomicU32 = AtomicU32::new(1);
        extern "C" fn look() {
            // SAFETY: it has no preconditions.
            let thread = unsafe { libc::syscall(libc::SYS_gettid) } as i32;
            LOCAL.with(|local| SEEN.store(local.load(SeqCst), SeqCst));
            LOCAL.with(|local| local.store(thread, SeqCst));
        }
        LOCAL.with(|local| local.store(7, SeqCst));
        let bytes = 1 << 18;
        let stack = memory::reserve(bytes).unwrap();
        let _blocked = signals::SignalsBlocked::new();
        // SAFETY: the stack is new and stays; until the clone is gone, this thread only waits.
        assert!(unsafe { on_a_clone(stack.as_ptr().add(bytes), &ALIVE, look) });
        while ALIVE.load(SeqCst) != 0 {
            std::hint::spin_loop();
        }
        // SAFETY: it has no preconditions.
        let own = unsafe { libc::syscall(libc::SYS_gettid) } as i32;
        let clone = LOCAL.with(|local| local.load(SeqCst));
        assert_eq!(SEEN.load(SeqCst), 7);
        assert!(clone > 0 && clone != own, "{clone}");
    }
}

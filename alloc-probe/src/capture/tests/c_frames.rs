//! Frames that no Rust code has, but C's: of a size that is known only at run time, realigned, or both. At every
//! optimisation level, with and without frame pointers.

use super::check::Subject;
use super::libraries::{Directory, LOADING, compile_c};
use std::cell::Cell;
use std::ffi::{CString, c_uint, c_void};

/// Each function calls its first argument, from a frame with room for as many bytes as the second says.
const SOURCE: &str = "
    void by_alloca(void (*f)(void), unsigned n) {
        volatile char *a = __builtin_alloca(n);
        a[0] = 1; f(); a[n - 1] = a[0];
    }
    void by_array(void (*f)(void), unsigned n) {
        volatile char a[n];
        a[0] = 1; f(); a[n - 1] = a[0];
    }
    void realigned(void (*f)(void), unsigned n) {
        volatile _Alignas(64) char a[64];
        a[0] = n; f(); a[63] = a[0];
    }
    void realigned_by_alloca(void (*f)(void), unsigned n) {
        volatile _Alignas(128) char a[128];
        for (unsigned i = 1; i < 4; i++) {
            volatile char *b = __builtin_alloca(n * i);
            a[0] = n; b[0] = 1; f(); b[n - 1] = a[0];
            by_alloca(f, n + i); realigned(f, n);
        }
    }
    void with_arguments(void (*f)(void), unsigned n, ...) {
        __builtin_va_list list;
        __builtin_va_start(list, n); f(); __builtin_va_end(list);
    }
    void all(void (*f)(void), unsigned n) {
        by_alloca(f, n); by_array(f, n); realigned(f, n); realigned_by_alloca(f, n);
        with_arguments(f, n, 1, 2.0, 3, 4, 5, 6, 7, 8, 9);
        f();
    }";

thread_local!(static SUBJECT: Cell<*const Subject> = const { Cell::new(std::ptr::null()) });

extern "C" fn check() {
    // SAFETY: the test has set it for as long as this can be called.
    let subject = unsafe { &*SUBJECT.get() };
    subject.check();
    subject.check();
}

#[test]
fn frames_of_c_however_it_is_compiled() {
    let _turn = LOADING.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let directory = Directory::new("capture-c");
    let subject = Subject::new();
    SUBJECT.set(&subject);
    for level in ["-O0", "-O1", "-O2", "-O3", "-Os"] {
        for pointers in ["-fomit-frame-pointer", "-fno-omit-frame-pointer"] {
            let library = compile_c(&directory.0, &format!("c{level}{pointers}"), SOURCE, &[level, pointers]);
            let path = CString::new(library.as_os_str().as_encoded_bytes()).unwrap();
            // SAFETY: the library has this function of this type. It stays loaded.
            unsafe {
                let handle = libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL);
                assert!(!handle.is_null());
                let all = libc::dlsym(handle, c"all".as_ptr());
                assert!(!all.is_null());
                let all = std::mem::transmute::<*mut c_void, extern "C" fn(extern "C" fn(), c_uint)>(all);
                [1, 24, 700, 40, 5_000].into_iter().for_each(|size| all(check, size));
            }
        }
    }
    assert_eq!(subject.slow_walks(), 0, "compiled code is never out of the ordinary");
}

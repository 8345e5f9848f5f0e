//! Through C and back.

use super::check::Subject;
use std::cell::Cell;
use std::cmp::Ordering;
use std::ffi::c_void;
use std::hint::black_box;

thread_local! {
    static SUBJECT: Cell<*const Subject> = const { Cell::new(std::ptr::null()) };
}

/// Checks with the subject that the thread has set.
fn check() {
    // SAFETY: null, or set by `with_subject` for as long as the subject lives.
    if let Some(subject) = unsafe { SUBJECT.get().as_ref() } {
        subject.check();
    }
}

fn with_subject(f: impl FnOnce()) {
    let subject = Subject::new();
    SUBJECT.set(&subject);
    f();
    SUBJECT.set(std::ptr::null());
    assert!(subject.tree.lookups.get() > 0, "nothing was checked");
}

/// Compares two numbers, and takes the stack.
///
/// # Safety
///
/// As `qsort` calls it: both point to elements of the array.
unsafe extern "C" fn compare(a: *const c_void, b: *const c_void) -> i32 {
    check();
    // SAFETY: `qsort` passes pointers to the elements.
    let (a, b) = unsafe { (*a.cast::<u32>(), *b.cast::<u32>()) };
    match black_box(a.cmp(&b)) {
        Ordering::Less => -1,
        Ordering::Equal => 0,
        Ordering::Greater => 1,
    }
}

#[test]
fn sorting_in_c() {
    with_subject(|| {
        let mut numbers: Vec<u32> = (0..300).map(|i| i * 7919 % 301).collect();
        let (start, count) = (numbers.as_mut_ptr().cast(), numbers.len());
        // SAFETY: the array has `count` elements of four bytes, and the function compares such.
        unsafe { libc::qsort(start, count, 4, Some(compare)) };
        assert!(numbers.is_sorted());
    });
}

#[test]
#[cfg(target_os = "linux")]
fn searching_and_walking_in_c() {
    unsafe extern "C" fn once() {
        check();
    }
    unsafe extern "C" fn visit(_: *mut libc::dl_phdr_info, _: usize, _: *mut c_void) -> i32 {
        check();
        0
    }
    with_subject(|| {
        let numbers: [u32; 9] = std::array::from_fn(|i| i as u32);
        // SAFETY: as for `qsort`; the key is one of the elements.
        let found = unsafe {
            libc::bsearch((&raw const numbers[6]).cast(), numbers.as_ptr().cast(), 9, 4, Some(compare))
        };
        assert_eq!(found.cast_const(), (&raw const numbers[6]).cast());
        // SAFETY: the callbacks have the types asked for.
        unsafe {
            libc::dl_iterate_phdr(Some(visit), std::ptr::null_mut());
            unsafe extern "C" {
                fn pthread_once(control: *mut i32, init: unsafe extern "C" fn()) -> i32;
            }
            let mut control = 0;
            pthread_once(&mut control, once);
        }
    });
}

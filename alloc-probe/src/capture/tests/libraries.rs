//! Libraries that come and go.

use super::check::Subject;
use crate::capture::refresh_images;
use crate::images;
use std::cell::Cell;
use std::ffi::{CString, c_void};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

/// A directory that is removed with its libraries.
pub(super) struct Directory(pub(super) PathBuf);

impl Directory {
    /// One of this process, in the place for temporary files.
    pub(super) fn new(name: &str) -> Directory {
        let path = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Directory(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Compiles a library with the functions `through`, whose code differs only in that its frame has `words` words, and
/// `early`, which stands further on by `padding` bytes. Both call their argument.
fn compile(directory: &Path, name: &str, words: usize, padding: usize) -> PathBuf {
    let text = format!(
        "void through(void (*f)(void)) {{ volatile long a[{words}]; a[0] = 1; f(); a[{words} - 1] = a[0]; }}
         asm(\".skip {padding}\");
         void early(void (*f)(void)) {{ f(); asm volatile(\"\"); }}"
    );
    compile_c(directory, name, &text, &["-O2", "-fno-toplevel-reorder", "-fomit-frame-pointer"])
}

/// Compiles a library from C.
pub(super) fn compile_c(directory: &Path, name: &str, text: &str, flags: &[&str]) -> PathBuf {
    let source = directory.join(name).with_extension("c");
    let library = directory.join(name).with_extension("so");
    std::fs::write(&source, text).unwrap();
    let status = Command::new("cc")
        .args(["-shared", "-fPIC", "-fno-stack-protector", "-Wl,--build-id"])
        .args(flags)
        .arg("-o")
        .args([&library, &source])
        .status();
    assert!(status.unwrap().success());
    library
}

thread_local!(static SUBJECT: Cell<*const Subject> = const { Cell::new(std::ptr::null()) });

extern "C" fn check() {
    // SAFETY: `call_through` has set it for the time of the call.
    unsafe { &*SUBJECT.get() }.check();
}

/// Loads the library, calls through it, and unloads it. Returns where it was.
fn call_through(subject: &Subject, library: &Path, loaded: impl Fn()) -> u64 {
    let path = CString::new(library.as_os_str().as_encoded_bytes()).unwrap();
    // SAFETY: the library has these functions of this type, and isn't used after it's closed.
    unsafe {
        let handle = libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL);
        assert!(!handle.is_null());
        loaded();
        SUBJECT.set(subject);
        let functions = [c"early", c"through"].map(|name| libc::dlsym(handle, name.as_ptr()));
        for function in functions {
            assert!(!function.is_null());
            let call = std::mem::transmute::<*mut c_void, extern "C" fn(extern "C" fn())>(function);
            call(check);
            subject.check();
            call(check);
        }
        assert_eq!(libc::dlclose(handle), 0);
        functions[1] as u64
    }
}

fn listed(name: &str) -> Vec<(bool, usize)> {
    let mut found = Vec::new();
    images::each(&mut |image| {
        if image.path.ends_with(name.as_bytes()) {
            found.push((image.loaded, image.build_id.len()));
        }
    });
    found
}

/// The dynamic linker uses an address again where it can; tests that load libraries must take turns for that.
pub(super) static LOADING: Mutex<()> = Mutex::new(());

/// Loads two libraries in turn at the same place. `loaded` is called after each is loaded.
fn in_turn(name: &str, loaded: impl Fn() + Copy) {
    let _turn = LOADING.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let directory = Directory::new(name);
    let small = compile(&directory.0, "small", 40, 32);
    let large = compile(&directory.0, "large", 60, 64);
    let subject = Subject::new();
    let mut places = Vec::new();
    for library in [&small, &large, &small, &large] {
        places.push(call_through(&subject, library, loaded));
    }
    // Else this has shown less than it means to.
    assert!(places.windows(2).any(|pair| pair[0] == pair[1]), "{places:x?}");
    assert_eq!(subject.slow_walks(), 0);
}

#[test]
fn another_library_at_the_same_place() {
    in_turn("capture-libraries", refresh_images);
}

#[test]
fn another_library_at_the_same_place_that_is_not_listed() {
    refresh_images();
    in_turn("capture-unlisted", || ());
}

#[test]
fn unloaded_libraries_stay_listed() {
    let _turn = LOADING.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let directory = Directory::new("capture-listed");
    let library = compile(&directory.0, "capture_listed", 40, 16);
    let path = CString::new(library.as_os_str().as_encoded_bytes()).unwrap();
    refresh_images();
    assert_eq!(listed("capture_listed.so"), []);
    // SAFETY: nothing of the library is used.
    let handle = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW) };
    refresh_images();
    assert_eq!(listed("capture_listed.so"), [(true, 20)]);
    // SAFETY: likewise.
    assert_eq!(unsafe { libc::dlclose(handle) }, 0);
    refresh_images();
    assert_eq!(listed("capture_listed.so"), [(false, 20)]);
}

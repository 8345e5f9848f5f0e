//! Libraries that come and go.

use super::check::Subject;
use crate::capture::{images, refresh_images};
use std::cell::Cell;
use std::ffi::{CString, c_void};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A directory that is removed with its libraries.
struct Directory(PathBuf);

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Compiles a library with the function `through`, which calls its argument from a frame of `words` words.
fn compile(directory: &Path, name: &str, words: usize) -> PathBuf {
    let source = directory.join(name).with_extension("c");
    let library = directory.join(name).with_extension("so");
    let text = format!(
        "void through(void (*f)(void)) {{ volatile long a[{words}]; a[0] = 1; f(); a[{words} - 1] = a[0]; }}"
    );
    std::fs::write(&source, text).unwrap();
    let status = Command::new("cc")
        .args(["-shared", "-fPIC", "-O2", "-fomit-frame-pointer", "-Wl,--build-id", "-o"])
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

/// Loads the library, calls through it twice, and unloads it. Returns where it was.
fn call_through(subject: &Subject, library: &Path) -> u64 {
    let path = CString::new(library.as_os_str().as_encoded_bytes()).unwrap();
    // SAFETY: the library has this function of this type, and isn't used after it's closed.
    unsafe {
        let handle = libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL);
        assert!(!handle.is_null());
        let through = libc::dlsym(handle, c"through".as_ptr());
        assert!(!through.is_null());
        SUBJECT.set(subject);
        let call = std::mem::transmute::<*mut c_void, extern "C" fn(extern "C" fn())>(through);
        call(check);
        subject.check();
        call(check);
        assert_eq!(libc::dlclose(handle), 0);
        through as u64
    }
}

fn listed(name: &str) -> Vec<(bool, usize)> {
    let mut found = Vec::new();
    images(&mut |image| {
        if image.path.ends_with(name.as_bytes()) {
            found.push((image.loaded, image.build_id.len()));
        }
    });
    found
}

#[test]
fn another_library_at_the_same_place() {
    let directory = Directory(std::env::temp_dir().join(format!("capture-libraries-{}", std::process::id())));
    std::fs::create_dir_all(&directory.0).unwrap();
    let small = compile(&directory.0, "capture_small", 4);
    let large = compile(&directory.0, "capture_large", 40);
    let subject = Subject::new();
    let mut places = Vec::new();
    for _ in 0..3 {
        for library in [&small, &large] {
            places.push(call_through(&subject, library));
            refresh_images();
        }
    }
    // Else this has shown less than it means to; the dynamic linker uses addresses again where it can.
    assert!(places.iter().any(|&place| places.iter().filter(|&&other| other == place).count() > 1));
}

#[test]
fn unloaded_libraries_stay_listed() {
    let directory = Directory(std::env::temp_dir().join(format!("capture-listed-{}", std::process::id())));
    std::fs::create_dir_all(&directory.0).unwrap();
    let library = compile(&directory.0, "capture_listed", 8);
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

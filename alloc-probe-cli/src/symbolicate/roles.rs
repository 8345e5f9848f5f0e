//! Whose code a frame is.
//!
//! The rules are one table, tried from the top: the first that fits decides. What none fits is the standard
//! library's by its crate or its file, and the program's otherwise.

use super::names;
use super::paths::{self, Origin};
use crate::profile::Role;

/// How a rule's text is looked for in a short name, which has no generic arguments.
#[derive(Clone, Copy)]
enum Match {
    /// The whole name.
    Is,
    /// The beginning.
    Starts,
    /// Any part.
    Has,
    /// The function's own name, of the standard library: debug info may know no more of an inlined one.
    StdOwn,
}

use Match::{Has, Is, Starts, StdOwn};
use Role::{Allocator, Runtime, Standard};

const RULES: &[(Role, Match, &str)] = &[
    // The probe, and the functions that the compiler calls to allocate.
    (Allocator, Starts, "alloc_probe::"),
    (Allocator, Starts, "<alloc_probe::"),
    (Allocator, Starts, "__rust_alloc"),
    (Allocator, Starts, "__rust_realloc"),
    (Allocator, Starts, "__rg_"),
    (Allocator, Starts, "__rdl_"),
    (Allocator, Starts, "__rustc::__r"),
    (Allocator, Has, " as core::alloc::global::GlobalAlloc>::"),
    (Allocator, Has, " as core::alloc::Allocator>::"),
    (Allocator, Starts, "core::alloc::"),
    (Allocator, Starts, "std::alloc::"),
    (Allocator, Starts, "std::sys::alloc::"),
    (Allocator, Starts, "<std::alloc::"),
    // What stands between these and the collection or the box that is to grow.
    (Allocator, Starts, "alloc::alloc::"),
    (Allocator, Starts, "<alloc::alloc::"),
    (Allocator, Starts, "alloc::raw_vec::"),
    (Allocator, Starts, "<alloc::raw_vec::"),
    (Allocator, Starts, "alloc::boxed::Box::new"),
    (Allocator, Starts, "alloc::boxed::Box::try_new"),
    (Allocator, Starts, "alloc::boxed::box_new"),
    (Allocator, Is, "alloc::boxed::new"),
    (Allocator, StdOwn, "exchange_malloc"),
    (Allocator, StdOwn, "with_capacity_in"),
    (Allocator, StdOwn, "try_with_capacity_in"),
    (Allocator, StdOwn, "with_capacity_zeroed_in"),
    (Allocator, StdOwn, "try_allocate_in"),
    (Allocator, StdOwn, "allocate_in"),
    (Allocator, StdOwn, "finish_grow"),
    (Allocator, StdOwn, "grow_one"),
    (Allocator, StdOwn, "grow_amortized"),
    (Allocator, StdOwn, "grow_exact"),
    (Allocator, StdOwn, "do_reserve_and_handle"),
    (Allocator, StdOwn, "new_uninit_in"),
    (Allocator, StdOwn, "try_new_uninit_in"),
    // Where a process and its threads begin.
    (Runtime, Is, "main"),
    (Runtime, Is, "_start"),
    (Runtime, Is, "start_thread"),
    (Runtime, Starts, "clone"),
    (Runtime, Starts, "__clone"),
    (Runtime, Starts, "__libc_start"),
    (Runtime, Starts, "__libc_csu"),
    (Runtime, Starts, "_dl_"),
    (Runtime, Starts, "std::rt::"),
    (Runtime, Starts, "std::sys::backtrace::__rust_"),
    (Runtime, Starts, "std::sys_common::backtrace::__rust_"),
    (Runtime, Starts, "std::sys::pal::unix::thread::"),
    (Runtime, Starts, "std::sys::thread::"),
    (Runtime, Starts, "<std::sys::thread::"),
    (Runtime, Starts, "std::thread::"),
    (Runtime, Starts, "<std::thread::"),
    // What calls a closure, and what catches its panics.
    (Runtime, Starts, "core::ops::function::"),
    (Runtime, Has, " as core::ops::function::Fn>::call"),
    (Runtime, Has, " as core::ops::function::FnMut>::call"),
    (Runtime, Has, " as core::ops::function::FnOnce>::call"),
    (Runtime, StdOwn, "call_once"),
    (Runtime, Starts, "std::panic::catch_unwind"),
    (Runtime, Starts, "std::panicking::"),
    (Runtime, Starts, "__rust_try"),
    (Runtime, Starts, "core::panic::unwind_safe::"),
    // Executors: what they run is the program's, how they run it is not.
    (Runtime, Starts, "tokio::runtime::"),
    (Runtime, Starts, "<tokio::runtime::"),
    (Runtime, Starts, "tokio::task::"),
    (Runtime, Starts, "<tokio::task::"),
    (Runtime, Starts, "tokio::util::"),
    (Runtime, Starts, "tokio::loom::"),
    (Runtime, Starts, "tokio::macros::scoped_tls::"),
    (Runtime, Starts, "rayon_core::"),
    (Runtime, Starts, "<rayon_core::"),
    (Runtime, Starts, "rayon::iter::plumbing::"),
    (Runtime, Starts, "futures_executor::"),
    (Runtime, Starts, "async_executor::"),
    (Runtime, Starts, "async_task::"),
    (Runtime, Starts, "smol::"),
    (Runtime, Starts, "crossbeam_utils::thread::"),
    // A pointer to a future is polled as the future: the standard library's glue between executor and program.
    (Standard, Has, " as core::future::future::Future>::poll"),
];

/// The crates of the standard library, and those that are part of its binary.
const STD_CRATES: [&str; 8] =
    ["std", "core", "alloc", "hashbrown", "compiler_builtins", "panic_unwind", "std_detect", "__rustc"];

/// Libraries of the system. What lies below the program there is start-up, and symbols for it are seldom had.
const SYSTEM_LIBRARIES: [&str; 7] =
    ["libc.so", "libc-", "ld-linux", "ld-musl", "libpthread", "libgcc_s.so", "[vdso]"];

/// Whose code a function is. `function` is demangled; without an image, nobody knows whose it is.
pub fn role(function: &str, file: Option<&str>, image: Option<&str>) -> Role {
    let short = names::short_name(function);
    let of_crate = names::crate_name(&short);
    let of_std = match of_crate {
        Some(name) => STD_CRATES.contains(&name) || is_primitive(name),
        None => file.is_some_and(|file| paths::source(file).origin == Origin::Std) || short.starts_with("[_"),
    };
    let own = names::own_name(&short).split("::").next().unwrap_or_default();
    for (role, how, text) in RULES {
        let fits = match how {
            Is => short == *text,
            Starts => short.starts_with(text),
            Has => short.contains(text),
            StdOwn => of_std && own == *text,
        };
        // A method of the program's own type stays the program's, whatever trait it is of, but for allocators.
        if fits && (*role == Allocator || !matches!(how, Has) || of_std || of_crate.is_none()) {
            return *role;
        }
    }
    if of_std {
        Standard
    } else if image.is_none_or(is_system_library) {
        Runtime
    } else {
        Role::Program
    }
}

/// Whether an image is a library of the system.
pub fn is_system_library(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    SYSTEM_LIBRARIES.iter().any(|library| name.starts_with(library))
}

fn is_primitive(name: &str) -> bool {
    matches!(name, "str" | "char" | "bool" | "u8" | "u16" | "u32" | "u64" | "u128" | "usize")
        || matches!(name, "i8" | "i16" | "i32" | "i64" | "i128" | "isize" | "f32" | "f64")
}

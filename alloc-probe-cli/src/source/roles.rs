//! Whose code a frame is.
//!
//! The rules are one table, tried from the top: the first that fits decides. What none fits is the standard
//! library's by its crate or its file, and the program's otherwise.

use super::names;
use super::paths::{self, Origin};

/// Whose code a frame is: what is folded away by default, and what a person looks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// The allocation machinery: the probe, `__rust_alloc`, `alloc::alloc`, `RawVec` growth, `Box::new`.
    Allocator,
    /// The runtime around the program's code: start-up, thread entry, panic machinery, executor glue.
    Runtime,
    /// The standard library between the program's own functions: iterators, closures' call glue, collections.
    Standard,
    /// Everything else: the program and its crates.
    #[default]
    Program,
    /// No code: what the program said that it was doing.
    Operation,
}

/// Tells roles apart.
pub type Test = fn(Role) -> bool;

/// Whose frames tell what a stack is: the program's; of a stack without any, the standard library's, or else all that are
/// not the allocator's. Operations always do. The first whose first test a frame of the stack passes says by its second
/// which frames those are.
pub const TELLING: [(Test, Test); 3] = [
    (|role| role == Role::Program, |role| matches!(role, Role::Program | Role::Operation)),
    (|role| role == Role::Standard, |role| matches!(role, Role::Standard | Role::Operation)),
    (|role| !matches!(role, Role::Allocator | Role::Operation), |role| role != Role::Allocator),
];

/// Which frames tell what a stack is, of one that has frames of these roles.
pub fn telling(roles: impl Iterator<Item = Role> + Clone) -> Test {
    let mut all = TELLING.into_iter();
    all.find(|(is_of, _)| roles.clone().any(*is_of)).map_or(|_| true, |(_, telling)| telling)
}

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
    // Another recorder, and how it takes stacks.
    (Allocator, Starts, "dhat::"),
    (Allocator, Starts, "<dhat::"),
    (Allocator, Starts, "backtrace::backtrace::"),
    (Allocator, Starts, "__rust_alloc"),
    (Allocator, Starts, "__rust_realloc"),
    // jemalloc, as other recorders see it: its profiler, and what it stands in for.
    (Allocator, Starts, "_rjem_"),
    (Allocator, Starts, "je_"),
    (Allocator, Starts, "prof_backtrace"),
    (Allocator, Starts, "prof_alloc_prep"),
    (Allocator, Starts, "imalloc"),
    (Allocator, Is, "malloc"),
    (Allocator, Is, "calloc"),
    (Allocator, Is, "realloc"),
    (Allocator, Is, "posix_memalign"),
    (Allocator, Is, "aligned_alloc"),
    (Allocator, Starts, "operator new"),
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
    (Allocator, Starts, "hashbrown::raw::alloc::"),
    (Allocator, Starts, "alloc::boxed::Box::new"),
    (Allocator, Starts, "alloc::boxed::Box::try_new"),
    (Allocator, Starts, "alloc::boxed::box_new"),
    (Allocator, Is, "alloc::boxed::new"),
    (Allocator, StdOwn, "exchange_malloc"),
    (Allocator, StdOwn, "alloc"),
    (Allocator, StdOwn, "alloc_zeroed"),
    (Allocator, StdOwn, "alloc_impl"),
    (Allocator, StdOwn, "alloc_impl_runtime"),
    (Allocator, StdOwn, "allocate"),
    (Allocator, StdOwn, "allocate_zeroed"),
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
    (Runtime, Is, "runtime.goexit"),
    (Runtime, Is, "runtime.main"),
    (Runtime, Starts, "clone"),
    (Runtime, Starts, "__clone"),
    (Runtime, Starts, "__libc_start"),
    (Runtime, Starts, "__libc_csu"),
    (Runtime, Starts, "libc_start_main_stage"),
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

/// Whether a function is one that the compiler calls to allocate. All that it calls is the allocator's, also what line
/// tables know as `alloc` alone: an inlined method of the program's own allocator.
pub fn is_allocator_entry(function: &str) -> bool {
    let name = function.strip_prefix("__rustc::").unwrap_or(function);
    ["__rust_alloc", "__rust_realloc", "__rg_", "__rdl_"].iter().any(|start| name.starts_with(start))
}

/// Whether a function is the standard library's by its name.
pub fn is_of_std(function: &str) -> bool {
    names::crate_name(&names::short_name(function)).is_some_and(|name| STD_CRATES.contains(&name))
}

/// Whose code a function is. `function` is demangled; without an image, nobody knows whose it is.
pub fn role(function: &str, file: Option<&str>, image: Option<&str>) -> Role {
    if image.is_some_and(is_allocator) {
        return Allocator;
    }
    if function == "start" && file.is_some_and(|file| file.ends_with("src/thread/pthread_create.c")) {
        return Runtime; // How musl's threads begin. The name alone could be anyone's.
    }
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

/// Whether an image is an allocator's, or what another recorder puts in the place of `malloc`.
fn is_allocator(path: &str) -> bool {
    let allocators = ["vgpreload_", "libheaptrack_", "libjemalloc", "libtcmalloc", "libmimalloc"];
    path.rsplit('/').next().is_some_and(|name| allocators.iter().any(|start| name.starts_with(start)))
}

fn is_primitive(name: &str) -> bool {
    matches!(name, "str" | "char" | "bool" | "u8" | "u16" | "u32" | "u64" | "u128" | "usize")
        || matches!(name, "i8" | "i16" | "i32" | "i64" | "i128" | "isize" | "f32" | "f64")
}

#[cfg(test)]
mod tests {
    use super::*;
    use Role::Program;

    const STD: &str = "/rustc/59807616e1/library/core/src/lib.rs";
    const OWN: &str = "/w/orders/src/main.rs";

    /// Names recorded from programs built with opt-level 0 and 3, by both manglings and by line tables alone.
    const RECORDED: &[(Role, &str)] = &[
        (Allocator, "alloc_probe::probe::AllocProbe<A>::record"),
        (Allocator, "<alloc_probe::probe::AllocProbe<A> as core::alloc::global::GlobalAlloc>::alloc"),
        (Allocator, "<orders::Counting as core::alloc::global::GlobalAlloc>::realloc"),
        (Allocator, "__rust_alloc_zeroed"),
        (Allocator, "__rg_realloc"),
        (Allocator, "__rdl_alloc"),
        (Allocator, "__rustc::__rust_alloc"),
        (Allocator, "__rustc::__rdl_alloc"),
        (Allocator, "alloc::alloc::exchange_malloc"),
        (Allocator, "alloc::alloc::Global::alloc_impl_runtime"),
        (Allocator, "<alloc::alloc::Global as core::alloc::Allocator>::grow"),
        (Allocator, "<alloc::alloc::Global>::grow_impl"),
        (Allocator, "alloc::raw_vec::RawVec<T,A>::grow_one"),
        (Allocator, "alloc::raw_vec::RawVecInner<A>::reserve::do_reserve_and_handle"),
        (
            Allocator,
            "<alloc::raw_vec::RawVecInner<_>>::reserve::do_reserve_and_handle::<alloc::alloc::Global>",
        ),
        (Allocator, "alloc::raw_vec::try_allocate_in<alloc::alloc::Global>"),
        (Allocator, "alloc::vec::with_capacity_in<(u32, orders::cache::Product), alloc::alloc::Global>"),
        (Allocator, "alloc::boxed::Box<T>::new"),
        (Allocator, "<alloc::boxed::Box<orders::Order>>::new_uninit_in"),
        (Allocator, "alloc::boxed::new<alloc::sync::ArcInner<orders::cache::Shop>>"),
        (Runtime, "_start"),
        (Runtime, "__libc_start_call_main"),
        (Runtime, "__libc_start_main@@GLIBC_2.34"),
        (Runtime, "libc_start_main_stage2"),
        (Runtime, "main"),
        (Runtime, "start_thread"),
        (Runtime, "clone3"),
        (Runtime, "std::rt::lang_start::{{closure}}"),
        (Runtime, "std::rt::lang_start_internal::{closure#0}"),
        (Runtime, "std::sys::backtrace::__rust_begin_short_backtrace"),
        (Runtime, "<std::sys::thread::unix::Thread>::new::thread_start"),
        (Runtime, "std::sys::pal::unix::thread::Thread::new::thread_start"),
        (Runtime, "std::thread::lifecycle::spawn_unchecked::{{closure}}::{{closure}}"),
        (Runtime, "core::ops::function::FnOnce::call_once{{vtable.shim}}"),
        (Runtime, "core::ops::function::call_once<fn(), ()>"),
        (
            Runtime,
            "<core::panic::unwind_safe::AssertUnwindSafe<F> as core::ops::function::FnOnce<()>>::call_once",
        ),
        (Runtime, "<alloc::boxed::Box<F,A> as core::ops::function::FnOnce<Args>>::call_once"),
        (
            Runtime,
            "<&dyn core::ops::function::Fn<(), Output = i32> + core::marker::Sync as core::ops::function::FnOnce<()>>::call_once",
        ),
        (
            Runtime,
            "std::panicking::catch_unwind::do_call::<std::rt::lang_start_internal::{closure#0}, isize>",
        ),
        (Runtime, "__rust_try"),
        (Runtime, "tokio::runtime::scheduler::multi_thread::worker::Context::run_task::{{closure}}"),
        (Runtime, "<tokio::runtime::blocking::task::BlockingTask<T> as core::future::future::Future>::poll"),
        (Runtime, "tokio::task::coop::with_budget"),
        (Runtime, "tokio::loom::std::unsafe_cell::UnsafeCell<T>::with_mut"),
        (Runtime, "<rayon_core::job::StackJob<L,F,R> as rayon_core::job::Job>::execute"),
        (Standard, "alloc::vec::Vec<T,A>::push"),
        (Standard, "<alloc::vec::Vec<u8>>::push"),
        (Standard, "alloc::string::String::with_capacity"),
        (Standard, "alloc::slice::<impl [T]>::to_vec"),
        (Standard, "<[u8]>::to_vec"),
        (Standard, "<str as alloc::borrow::ToOwned>::to_owned"),
        (Standard, "<T as alloc::string::ToString>::to_string"),
        (Standard, "<core::iter::adapters::map::Map<I,F> as core::iter::traits::iterator::Iterator>::fold"),
        (Standard, "<alloc::vec::Vec<orders::Order> as core::clone::Clone>::clone"),
        (Standard, "<core::pin::Pin<P> as core::future::future::Future>::poll"),
        (Standard, "hashbrown::raw::RawTable<T,A>::reserve_rehash"),
        (Standard, "core::str::<impl str>::repeat"),
        (Program, "orders::main"),
        (Program, "orders::handlers::list::{{closure}}"),
        (Program, "<orders::cache::Cache as core::fmt::Debug>::fmt"),
        (Program, "<orders::Task as core::future::future::Future>::poll"),
        (Program, "<orders::Add as core::ops::function::FnOnce<(u32,)>>::call_once"),
        (Program, "serde_json::de::from_str"),
        (Program, "<serde_json::value::Value as serde_core::de::Deserialize>::deserialize"),
        (Program, "alloc_probe_examples::mainland"),
        (Program, "orders::boxed::new"),
        (Program, "ZSTD_compress"),
    ];

    #[test]
    fn recorded_names_have_their_roles() {
        for (expected, function) in RECORDED {
            let of_std = ["core::", "alloc::", "std::", "<T as alloc", "<[u8]>"];
            let file = if of_std.iter().any(|start| function.starts_with(start)) { STD } else { OWN };
            assert_eq!(role(function, Some(file), Some("/bin/orders")), *expected, "{function}");
        }
    }

    #[test]
    fn without_a_path_the_file_tells() {
        assert_eq!(role("push<u8, alloc::alloc::Global>", Some(STD), Some("/bin/orders")), Standard);
        assert_eq!(role("finish_grow<alloc::alloc::Global>", Some(STD), Some("/bin/orders")), Allocator);
        assert_eq!(role("finish_grow", Some(OWN), Some("/bin/orders")), Program);
        let musl = "/build/musl-1.2.5/src/thread/pthread_create.c";
        assert_eq!(role("start", Some(musl), Some("/bin/orders")), Runtime);
        assert_eq!(role("start", Some(OWN), Some("/bin/orders")), Program);
    }

    #[test]
    fn nameless_code_of_the_system_is_no_ones_program() {
        assert_eq!(role("0x2724a in libc.so.6", None, Some("/usr/lib/libc.so.6")), Runtime);
        assert_eq!(role("0x7f00 in unknown code", None, None), Runtime);
        assert_eq!(role("0x7f00 in orders", None, Some("/bin/orders")), Program);
        assert_eq!(
            role("malloc", None, Some("/usr/libexec/valgrind/vgpreload_dhat-amd64-linux.so")),
            Allocator
        );
        assert_eq!(role("deflate", None, Some("/usr/lib/libz.so.1")), Program);
    }
}

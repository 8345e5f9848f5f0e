//! Plugins that come and go, one at the address of another: a block is under the functions of the one that was there
//! when it was allocated, in the dump and in the spool of a process that was killed.

use crate::support::child::{Child, Outcome};
use crate::support::figures::sites_of_size;
use crate::support::{Cases, cases, tell};
use alloc_probe_format::dump::Dump;
use std::ffi::CString;
use std::hint::black_box;
use std::path::Path;
use std::process::Command;

/// Checks and scenarios.
pub(crate) const CASES: Cases = Cases {
    // A program that is linked statically for musl loads none.
    checks: if cfg!(target_feature = "crt-static") {
        &[]
    } else {
        cases![plugins_at_one_address_are_told_apart, plugins_of_a_killed_process_are_known]
    },
    scenarios: cases![loads_in_turn, loads_in_turn_and_dies],
};

/// How often each is loaded, and what it has allocated each time.
const ROUNDS: u64 = 3;
const BLOCKS: u64 = 10;

/// Compiles a plugin whose function `through` calls its argument, further on by some bytes.
fn compile(folder: &Path, name: &str, padding: usize) {
    let text = format!(
        "asm(\".skip {padding}\");
         void through(void (*f)(void)) {{ f(); asm volatile(\"\"); }}"
    );
    let source = folder.join(name).with_extension("c");
    std::fs::write(&source, text).expect("a file");
    let status = Command::new("cc")
        .args(["-shared", "-fPIC", "-O2", "-fno-toplevel-reorder", "-Wl,--build-id", "-o"])
        .args([&folder.join(name).with_extension("so"), &source])
        .status();
    assert!(status.expect("there is a C compiler").success());
}

/// Blocks of 12 KiB: nobody else has any.
extern "C" fn allocate() {
    for _ in 0..BLOCKS {
        black_box(Vec::<u8>::with_capacity(3 << 12)).leak();
    }
}

fn load(name: &str) {
    let path = CString::new(format!("./{name}.so")).expect("no zero in it");
    // SAFETY: the library has a function of that type, and nothing of it is used after it is closed.
    unsafe {
        let handle = libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL);
        assert!(!handle.is_null());
        let function = libc::dlsym(handle, c"through".as_ptr());
        assert!(!function.is_null());
        tell(name, function as u64 & !0xfff);
        std::mem::transmute::<*mut libc::c_void, extern "C" fn(extern "C" fn())>(function)(allocate);
        assert_eq!(libc::dlclose(handle), 0);
    }
}

fn loads_in_turn() {
    for _ in 0..ROUNDS {
        load("alpha");
        load("beta");
    }
}

fn loads_in_turn_and_dies() {
    loads_in_turn();
    // SAFETY: these have no preconditions.
    unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
}

/// Runs a scenario with two plugins in its folder.
fn run(scenario: &str) -> Outcome {
    let child = Child::new(scenario, "full").env("ALLOC_PROBE_OUT", "dump.json");
    compile(child.folder(), "alpha", 32);
    compile(child.folder(), "beta", 64);
    let outcome = child.run();
    // Else it would show less than it means to.
    let places = [outcome.all_told("alpha"), outcome.all_told("beta")];
    assert_eq!(places[0], places[1], "one stands where the other stood");
    outcome
}

/// Each of the blocks is under one frame of one of the plugins.
fn check(dump: &Dump) {
    for (name, function) in [("alpha.so", 32), ("beta.so", 64)] {
        let mut blocks = 0;
        for site in sites_of_size(dump, 13) {
            let mut frames = Vec::new();
            let mut row = site.stack as usize;
            while row != 0 {
                frames.push(dump.stacks[row]);
                row = dump.stacks[row].parent as usize;
            }
            let image = |image: Option<u32>| image.map_or("", |image| &dump.images[image as usize].path);
            let own: Vec<_> = frames.iter().filter(|frame| image(frame.image).ends_with(".so")).collect();
            let [own] = own[..] else { panic!("{own:?}") };
            if image(own.image).ends_with(name) {
                // It stands behind what is skipped.
                assert!(own.address & 0xfff > function, "{own:?}");
                blocks += site.figures.total_blocks;
            }
        }
        assert_eq!(blocks, ROUNDS * BLOCKS, "{name}");
    }
}

fn plugins_at_one_address_are_told_apart() {
    let outcome = run("loads_in_turn");
    assert!(outcome.status.success(), "{}", outcome.stderr());
    check(&outcome.dump_named("dump.json"));
}

fn plugins_of_a_killed_process_are_known() {
    check(&run("loads_in_turn_and_dies").spool_named("dump.json.spool"));
}

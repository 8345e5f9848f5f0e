//! Stacks are right, and not only named: the frames are exactly the calls of the source, inlined or not.
//!
//! The subject takes its own stack at the end of known chains of calls, as addresses in its file. What is expected was
//! derived by hand from its source.

use crate::support::{all_frames, build_id, run};
use alloc_probe_cli::profile::Frame;
use alloc_probe_cli::source::names;
use alloc_probe_cli::symbolicate::options::Options;
use alloc_probe_format::dump::*;
use std::path::Path;
use std::process::Command;

const SOURCE: &str = r#"
use std::future::Future;
use std::hint::black_box;
use std::task::{Context, Poll, Waker};

unsafe extern "C" {
    fn backtrace(buffer: *mut *mut u8, size: i32) -> i32;
    fn bsearch(key: *const u8, base: *const u8, count: usize, size: usize, compare: extern "C" fn(*const u8, *const u8) -> i32) -> *mut u8;
    static __executable_start: u8;
}

/// Prints the stack under a name.
#[inline(never)]
fn stack(name: &str) -> usize {
    let mut buffer = [std::ptr::null_mut(); 64];
    // SAFETY: the buffer has room for so many addresses, and the linker's symbol is only pointed to.
    let (taken, start) = unsafe { (backtrace(buffer.as_mut_ptr(), 64), &raw const __executable_start as usize) };
    let addresses: Vec<String> = buffer[..taken as usize].iter().map(|at| (*at as usize).wrapping_sub(start).to_string()).collect();
    println!("{name} {}", addresses.join(" "));
    taken as usize
}

fn descend(depth: usize) -> usize {
    if depth == 0 { black_box(stack("recursion")) } else { black_box(descend(depth - 1)) + 1 }
}

trait Name {
    fn name() -> &'static str;
}

struct Generic;

impl Name for Generic {
    fn name() -> &'static str {
        "generic"
    }
}

fn generic<T: Name>() -> usize {
    black_box(stack(T::name()))
}

struct Pair<T>(T);

impl<T: Copy + Into<usize>> Pair<T> {
    fn twice(&self) -> usize {
        black_box(generic::<Generic>()) + self.0.into()
    }
}

fn with_closure(call: impl Fn(usize) -> usize) -> usize {
    black_box(call(1))
}

fn closures() -> usize {
    let name = black_box("closure");
    with_closure(|more| with_closure(|again| black_box(stack(name)) + more + again))
}

trait Shape {
    fn area(&self) -> usize;
    fn doubled(&self) -> usize {
        black_box(self.area()) * 2
    }
}

struct Square;

impl Shape for Square {
    fn area(&self) -> usize {
        black_box(stack("object"))
    }
}

fn object(shape: &dyn Shape) -> usize {
    black_box(shape.doubled())
}

async fn inner() -> usize {
    black_box(stack("async"))
}

async fn outer() -> usize {
    black_box(inner().await) + 1
}

fn asynchronous() -> usize {
    let mut future = std::pin::pin!(outer());
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => black_box(value),
        Poll::Pending => 0,
    }
}

fn iterators(values: &[usize]) -> usize {
    black_box(values.iter().filter(|value| **value > 1).map(|value| mapped(*value)).sum())
}

fn mapped(value: usize) -> usize {
    black_box(stack("iterator")) + value
}

fn threads() -> usize {
    std::thread::spawn(|| black_box(in_thread())).join().unwrap_or(0)
}

fn in_thread() -> usize {
    black_box(stack("thread"))
}

extern "C" fn compare(_: *const u8, _: *const u8) -> i32 {
    black_box(stack("callback"));
    0
}

fn callbacks() -> usize {
    // SAFETY: there is one item of one byte, and `compare` reads neither it nor the key.
    black_box(unsafe { bsearch(&1, &1, 1, 1, compare) } as usize)
}

#[inline(never)]
fn ends_in_a_call(name: &str) -> usize {
    stack(name)
}

#[inline(never)]
fn forwards(name: &str) -> usize {
    ends_in_a_call(black_box(name))
}

fn tail_calls() -> usize {
    black_box(forwards("tail")) + 1
}

fn main() {
    let sum = descend(3)
        + Pair(2_u8).twice()
        + closures()
        + object(black_box(&Square))
        + asynchronous()
        + iterators(black_box(&[1, 2]))
        + threads()
        + callbacks()
        + tail_calls();
    std::process::exit((black_box(sum) == 0) as i32)
}
"#;

/// The functions of the subject in each stack, from the inside outwards. A function of C is among them by its name.
const CHAINS: &[(&str, &[&str])] = &[
    ("recursion", &["descend", "descend", "descend", "descend", "main"]),
    ("generic", &["generic", "Pair::twice", "main"]),
    (
        "closure",
        &[
            "closures::{{closure}}::{{closure}}",
            "with_closure",
            "closures::{{closure}}",
            "with_closure",
            "closures",
            "main",
        ],
    ),
    ("object", &["<Square as Shape>::area", "Shape::doubled", "object", "main"]),
    ("async", &["inner::{{closure}}", "outer::{{closure}}", "asynchronous", "main"]),
    ("iterator", &["mapped", "iterators::{{closure}}", "iterators", "main"]),
    ("thread", &["in_thread", "threads::{{closure}}"]),
    ("callback", &["compare", "bsearch", "callbacks", "main"]),
    // Where they are optimised, the first two have left no frame.
    ("tail", &["ends_in_a_call", "forwards", "tail_calls", "main"]),
];

/// The subject's stacks: a name, and return addresses from the inside outwards.
fn stacks(binary: &Path) -> Vec<(String, Vec<u64>)> {
    let output = Command::new(binary).output().unwrap();
    assert!(output.status.success());
    let lines = String::from_utf8(output.stdout).unwrap();
    let stack = |line: &str| {
        let mut words = line.split(' ');
        let name = words.next().unwrap_or_default().to_owned();
        (name, words.map(|word| word.parse().unwrap()).collect())
    };
    lines.lines().map(stack).collect()
}

/// A dump with one stack.
fn dump(binary: &Path, stack: &[u64]) -> Dump {
    let mut dump = Dump { format: FORMAT.into(), version: VERSION, mode: Mode::Full, ..Dump::default() };
    let path = binary.to_str().unwrap().to_owned();
    dump.images = vec![Image { path, build_id: build_id(binary), ..Image::default() }];
    dump.stacks = vec![StackNode { kind: FrameKind::Root, ..StackNode::default() }];
    // Addresses of libraries are far from the binary's.
    for address in stack.iter().rev() {
        let image = (*address < 1 << 32).then_some(0);
        let parent = dump.stacks.len() as u32 - 1;
        dump.stacks.push(StackNode { parent, image, address: *address, kind: FrameKind::Call });
    }
    dump.sites = vec![Site { stack: stack.len() as u32, ..Site::default() }];
    dump
}

/// The subject's own frames of a stack without the one that took it, and `bsearch` for code of no image.
fn own_chain(frames: &[Frame]) -> Vec<&Frame> {
    let is_own = |frame: &&Frame| frame.file.as_deref().is_some_and(|file| file.ends_with("chains.rs"));
    let outermost = frames.iter().rposition(|frame| is_own(&frame)).unwrap();
    let between = |frame: &&Frame| is_own(frame) || frame.image.is_none();
    let from = frames.iter().position(|frame| is_own(&frame)).unwrap();
    frames[from + 1..=outermost].iter().filter(between).collect()
}

/// Whether a frame is a function of the subject. Of an inlined one, line tables alone know the module, and the last word.
fn is_function(frame: &Frame, expected: &str) -> bool {
    if frame.image.is_none() {
        return expected == "bsearch";
    }
    let name = names::short_name(&frame.function);
    if frame.path_guessed {
        let last = expected.rsplit("::").next().unwrap();
        return frame.inlined && name == format!("chains::{last}");
    }
    if !name.contains("chains::") {
        return false;
    }
    let name = name.strip_prefix("chains::").map_or_else(|| name.replace("chains::", ""), str::to_owned);
    // Of a method that the trait provides, the older mangling knows the trait alone.
    name == expected || name == expected.replace("Shape::doubled", "<Square as Shape>::doubled")
}

fn check(flags: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let (source, binary) = (folder.path().join("chains.rs"), folder.path().join("chains"));
    std::fs::write(&source, SOURCE).unwrap();
    let mut command = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    command.args(["--edition=2024", "-Clink-arg=-Wl,--build-id", "-o"]).arg(&binary).arg(&source);
    run(command.env("RUSTC_BOOTSTRAP", "1").args(flags));
    let stacks = stacks(&binary);
    assert_eq!(stacks.len(), CHAINS.len());
    let mut inlined = 0;
    for ((name, stack), (expected_name, expected)) in stacks.iter().zip(CHAINS) {
        assert_eq!(name, expected_name);
        let frames = all_frames(dump(&binary, stack), &Options::default());
        let chain = own_chain(&frames[0]);
        inlined += chain.iter().filter(|frame| frame.inlined).count();
        let is_right = chain.len() == expected.len()
            && chain.iter().zip(*expected).all(|(frame, expected)| is_function(frame, expected));
        assert!(is_right, "{flags:?}, {name}: {expected:?}, but found {chain:#?}");
        let lines = chain.iter().filter(|frame| frame.image.is_some()).all(|frame| frame.line.is_some());
        assert!(lines, "{flags:?}, {name}: {chain:#?}");
    }
    let is_optimised = flags.contains(&"-Copt-level=3");
    assert_eq!(inlined > 5, is_optimised, "{flags:?}: {inlined} inlined frames");
}

const LEGACY: &[&str] = &["-Zunstable-options", "-Csymbol-mangling-version=legacy"];
const V0: &[&str] = &["-Csymbol-mangling-version=v0"];

#[test]
fn of_an_unoptimised_build() {
    check(&[&["-Copt-level=0", "-Cdebuginfo=2"], LEGACY].concat());
    check(&[&["-Copt-level=0", "-Cdebuginfo=line-tables-only"], V0].concat());
}

#[test]
fn of_an_optimised_build() {
    check(&[&["-Copt-level=3", "-Cdebuginfo=2"], LEGACY].concat());
    check(&[&["-Copt-level=3", "-Cdebuginfo=2"], V0].concat());
}

#[test]
fn of_an_optimised_build_with_line_tables() {
    check(&[&["-Copt-level=3", "-Cdebuginfo=line-tables-only"], LEGACY].concat());
    check(&[&["-Copt-level=3", "-Cdebuginfo=line-tables-only"], V0].concat());
}

//! Frames are held against those of others: binutils, and the `backtrace` crate.

#[allow(dead_code, reason = "other tests use the rest")]
mod support;

use alloc_probe_cli::source::names;
use alloc_probe_cli::symbolicate::options::Options;
use object::{Object as _, ObjectSymbol as _};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use support::*;

/// What binutils says of an address: each function's short name, file and line.
type Answer = Vec<(String, String, Option<u32>)>;

/// Asks `addr2line -a -ifC` about all addresses.
fn addr2line(program: &Program, addresses: &[u64]) -> Vec<Answer> {
    let mut child = Command::new("addr2line")
        .args(["-a", "-ifC", "-e"])
        .arg(&program.binary)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let questions: String = addresses.iter().map(|address| format!("{address:#x}\n")).collect();
    let writer = std::thread::spawn(move || input.write_all(questions.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut answers: Vec<Answer> = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("0x") {
            answers.push(Answer::new());
            continue;
        }
        let place = lines.next().unwrap().split(" (discriminator").next().unwrap();
        let (file, line_number) = place.rsplit_once(':').unwrap();
        answers.last_mut().unwrap().push((
            names::short_name(line),
            file.to_owned(),
            line_number.parse().ok().filter(|line| *line > 0),
        ));
    }
    answers
}

/// Compares a build's frames with binutils', one by one.
fn check(flags: &[&str]) {
    let program = Program::build(&[OPTIMISED, flags].concat());
    let addresses = own_addresses(&program.binary);
    let ours = all_frames(dump_of(&program.binary, &addresses), &Options::default());
    assert_telling(&ours);
    let theirs = addr2line(&program, &addresses);
    assert_eq!(ours.len(), theirs.len());
    for ((ours, theirs), address) in ours.iter().zip(&theirs).zip(&addresses) {
        let ours: Answer = ours
            .iter()
            .map(|frame| {
                let file = frame.file.clone().unwrap_or_else(|| "??".to_owned());
                (names::short_name(&frame.function), file, frame.line)
            })
            .collect();
        assert_eq!(&ours, theirs, "{flags:?}, {address:#x}");
    }
}

#[test]
fn fat_lto() {
    check(&["-Clto=fat", "-Ccodegen-units=1"]);
}

#[test]
fn one_codegen_unit() {
    check(&["-Ccodegen-units=1"]);
}

#[test]
fn panic_is_abort() {
    check(&["-Cpanic=abort"]);
}

#[test]
fn small_code() {
    check(&["-Copt-level=s"]);
}

#[test]
fn smallest_code() {
    check(&["-Copt-level=z"]);
}

#[test]
fn v0_mangling() {
    check(&["-Csymbol-mangling-version=v0"]);
}

#[test]
fn legacy_mangling() {
    check(&["-Zunstable-options", "-Csymbol-mangling-version=legacy"]);
}

/// The stack of this test as the `backtrace` crate has it: addresses in the process, and what they are called.
#[inline(never)]
fn own_stack() -> Vec<(u64, Answer)> {
    let mut stack = Vec::new();
    backtrace::trace(|frame| {
        let mut answer = Answer::new();
        backtrace::resolve_frame(frame, |symbol| {
            let name = symbol.name().map(|name| format!("{name:#}")).unwrap_or_default();
            let file = symbol.filename().map(|file| file.display().to_string()).unwrap_or_default();
            let column = symbol.colno().unwrap_or_default();
            answer.push((names::short_name(&name), format!("{file}, column {column}"), symbol.lineno()));
        });
        stack.push((frame.ip() as u64, answer));
        true
    });
    stack
}

/// Where a function of this name starts in a file.
fn symbol_address(path: &Path, function: &str) -> u64 {
    let bytes = std::fs::read(path).unwrap();
    let file = object::File::parse(&*bytes).unwrap();
    let is_wanted = |name: &str| names::demangle(name).is_some_and(|name| name == function);
    file.symbols().find(|symbol| symbol.name().is_ok_and(is_wanted)).unwrap().address()
}

#[test]
fn the_backtrace_crate_agrees_on_this_very_process() {
    let binary = std::env::current_exe().unwrap();
    // A closure, a generic function and an iterator on the way.
    let stack = std::iter::once(()).map(|()| own_stack()).next().unwrap();
    // One known function says what must be taken from an address in the process.
    let here = own_stack as fn() -> Vec<(u64, Answer)> as usize as u64;
    let in_file = symbol_address(&binary, "outside::own_stack");
    let (inside, answers): (Vec<u64>, Vec<Answer>) = stack
        .into_iter()
        .filter(|(_, answer)| answer.iter().any(|(function, ..)| function.contains("::")))
        .map(|(address, answer)| (address - (here - in_file), answer))
        .unzip();
    assert!(answers.iter().flatten().count() > 20, "{answers:?}");
    let mut dump = dump_of(&binary, &inside);
    for node in &mut dump.stacks[1..] {
        node.kind = alloc_probe_format::dump::FrameKind::Call;
    }
    let ours = all_frames(dump, &Options::default());
    for (ours, theirs) in ours.iter().zip(&answers) {
        let ours: Answer = ours
            .iter()
            .map(|frame| {
                let file = frame.file.clone().unwrap_or_default();
                let column = frame.column.unwrap_or_default();
                (names::short_name(&frame.function), format!("{file}, column {column}"), frame.line)
            })
            .collect();
        assert_eq!(&ours, theirs);
    }
}

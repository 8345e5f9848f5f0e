//! Symbols from real binaries: what each kind of build knows, and what is said of what it does not.

use alloc_probe_cli::load;
use alloc_probe_cli::profile::{Frame, Profile, Role};
use alloc_probe_cli::source::names;
use alloc_probe_cli::symbolicate::symbolicate;
use alloc_probe_format::dump::*;
use object::{Object, ObjectSymbol};
use std::path::{Path, PathBuf};
use std::process::Command;

const MAIN: &str = "\
mod stock;

fn main() {
    println!(\"{}\", stock::fill(std::env::args().count()).len());
}
";

/// `fill` has code of its own, into which `shelf`, its closure and the standard library's `Vec` are inlined.
const STOCK: &str = "\
#[inline(never)]
pub fn fill(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|size| shelf(size)).collect()
}

#[inline(always)]
fn shelf(size: usize) -> Vec<u8> {
    let mut shelf = Vec::with_capacity(size);
    shelf.push(size as u8);
    shelf
}
";

/// A program of two modules, built in a directory of its own.
struct Program {
    _directory: tempfile::TempDir,
    binary: PathBuf,
}

impl Program {
    fn build(flags: &[&str]) -> Program {
        let directory = crate::support::directory();
        let source = directory.path().join("src");
        std::fs::create_dir(&source).unwrap();
        std::fs::write(source.join("main.rs"), MAIN).unwrap();
        std::fs::write(source.join("stock.rs"), STOCK).unwrap();
        let binary = directory.path().join("shop");
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let status = Command::new(rustc)
            .current_dir(directory.path())
            .args(["--edition=2021", "--crate-name=shop", "src/main.rs", "-o", "shop"])
            .args(flags)
            .status()
            .expect("rustc can be run");
        assert!(status.success());
        Program { _directory: directory, binary }
    }

    /// A dump with one site for each address of the function `fill`, as if each had been a call.
    fn dump(&self, build_id: Option<&str>) -> Dump {
        let bytes = std::fs::read(&self.binary).unwrap();
        let file = object::File::parse(&*bytes).unwrap();
        let own_id = file.build_id().unwrap().unwrap_or_default();
        let own_id: String = own_id.iter().map(|byte| format!("{byte:02x}")).collect();
        let path = self.binary.to_str().unwrap().to_owned();
        let image = Image { path, build_id: build_id.unwrap_or(&own_id).to_owned(), ..Image::default() };
        let mut dump = Dump { format: FORMAT.into(), version: VERSION, mode: Mode::Full, ..Dump::default() };
        dump.images = vec![image];
        dump.process.start_unix_ns = u64::MAX;
        dump.stacks = vec![StackNode { kind: FrameKind::Root, ..StackNode::default() }];
        for address in self.addresses_of_fill() {
            let node = StackNode { parent: 0, image: Some(0), address, kind: FrameKind::Exact };
            dump.sites.push(Site { stack: dump.stacks.len() as u32, ..Site::default() });
            dump.stacks.push(node);
        }
        dump
    }

    /// The addresses of the function `fill`, by the symbol table; any, where there is none.
    fn addresses_of_fill(&self) -> std::ops::Range<u64> {
        let bytes = std::fs::read(&self.binary).unwrap();
        let file = object::File::parse(&*bytes).unwrap();
        let is_fill = |name: &str| names::demangle(name).as_deref() == Some("shop::stock::fill");
        let symbol = file.symbols().find(|symbol| symbol.name().is_ok_and(is_fill));
        symbol.map_or(0x1000..0x1010, |symbol| symbol.address()..symbol.address() + symbol.size())
    }

    fn profile(&self) -> Profile {
        symbolicate(Path::new("shop.json"), self.dump(None))
    }
}

/// The distinct frames of the program's own file, and the standard library's that are inlined into it.
fn frame<'a>(profile: &'a Profile, function: &str) -> Option<&'a Frame> {
    profile.frames.iter().find(|frame| frame.function == function)
}

/// Checks what `fill` and `shelf` look like, and that the one is the other's caller.
fn check_own_functions(profile: &Profile) {
    let fill = frame(profile, "shop::stock::fill").expect("`fill` is found by its symbol");
    assert!(
        !fill.inlined && fill.role == Role::Program && fill.file.as_ref().unwrap().ends_with("/src/stock.rs")
    );
    let shelf = frame(profile, "shop::stock::shelf").expect("`shelf` is found with its module");
    assert!(
        shelf.inlined
            && shelf.role == Role::Program
            && shelf.file.as_ref().unwrap().ends_with("/src/stock.rs")
    );
    let lines: Vec<u32> = profile
        .frames
        .iter()
        .filter(|frame| frame.function == "shop::stock::shelf")
        .filter_map(|frame| frame.line)
        .collect();
    assert!(lines.iter().any(|line| (8..=10).contains(line)), "{lines:?}");
    let nested = profile.sites.iter().any(|site| {
        let names: Vec<&str> =
            profile.frames_of(site).map(|id| profile.frames[id.0 as usize].function.as_str()).collect();
        let at = |name| names.iter().position(|function| *function == name);
        matches!((at("shop::stock::shelf"), at("shop::stock::fill")), (Some(shelf), Some(fill)) if shelf < fill)
    });
    assert!(nested, "the inlined function comes before the one it was inlined into");
}

#[test]
fn whole_debug_info_names_every_function() {
    // The default of the compiler, and the one that is to be it.
    for mangling in [&[][..], &["-Csymbol-mangling-version=v0"]] {
        let profile = Program::build(&[&["-Copt-level=3", "-Cdebuginfo=2"], mangling].concat()).profile();
        check_own_functions(&profile);
        assert!(profile.frames.iter().all(|frame| !frame.path_guessed), "{mangling:?}");
        assert!(profile.missing_symbols.is_empty());
    }
}

#[test]
fn line_tables_alone_are_completed_from_files_and_symbols() {
    let profile = Program::build(&["-Copt-level=3", "-Cdebuginfo=line-tables-only"]).profile();
    check_own_functions(&profile);
    assert!(frame(&profile, "shop::stock::shelf").unwrap().path_guessed);
    assert!(!frame(&profile, "shop::stock::fill").unwrap().path_guessed);
    let std =
        profile.frames.iter().find(|frame| frame.function.starts_with("alloc::vec::with_capacity")).unwrap();
    assert!(std.inlined && std.path_guessed);
    assert!(profile.missing_symbols.is_empty());
}

#[test]
fn an_unoptimised_build_needs_no_guesses() {
    let profile = Program::build(&["-Cdebuginfo=2"]).profile();
    let fill = frame(&profile, "shop::stock::fill").unwrap();
    assert_eq!((fill.inlined, fill.line.is_some_and(|line| (2..=4).contains(&line))), (false, true));
}

#[test]
fn without_line_tables_names_are_left_and_the_way_out_is_told() {
    let profile = Program::build(&["-Copt-level=3", "-Cdebuginfo=0"]).profile();
    let fill = frame(&profile, "shop::stock::fill").unwrap();
    assert_eq!((fill.file.as_deref(), fill.line), (None, None));
    let [missing] = profile.missing_symbols.as_slice() else { panic!("{:?}", profile.missing_symbols) };
    assert_eq!(missing.reason, "it was built without line tables, so only names of functions are known");
    assert!(missing.hint.contains("debug = \"line-tables-only\""));
    assert_eq!(missing.frames, profile.sites.len() as u64);
}

#[test]
fn a_stripped_binary_is_told_of() {
    let profile = Program::build(&["-Copt-level=3", "-Cstrip=symbols"]).profile();
    let [missing] = profile.missing_symbols.as_slice() else { panic!("{:?}", profile.missing_symbols) };
    assert_eq!(missing.reason, "it was stripped");
    assert!(missing.hint.contains("strip = false"));
    assert!(profile.frames.iter().all(|frame| frame.function.ends_with(" in shop")), "{:?}", profile.frames);
}

#[test]
fn another_build_is_refused() {
    let program = Program::build(&["-Cdebuginfo=2"]);
    let profile = symbolicate(Path::new("shop.json"), program.dump(Some("00112233445566778899")));
    let [missing] = profile.missing_symbols.as_slice() else { panic!("{:?}", profile.missing_symbols) };
    assert!(
        missing.reason.starts_with("it was rebuilt since the dump (its build id is "),
        "{}",
        missing.reason
    );
    assert!(missing.reason.ends_with(", the dump's is 00112233)"), "{}", missing.reason);
    assert!(profile.frames.iter().all(|frame| frame.function.ends_with(" in shop")));
}

#[test]
fn a_binary_that_is_gone_or_damaged_hides_names_but_no_figures() {
    let program = Program::build(&["-Cdebuginfo=2"]);
    let dump = program.dump(None);
    let reason = || {
        let profile = symbolicate(Path::new("shop.json"), dump.clone());
        assert_eq!(profile.sites.len(), dump.sites.len());
        assert!(profile.frames.iter().all(|frame| frame.function.ends_with(" in shop")));
        profile.missing_symbols.first().map(|missing| missing.reason.clone()).unwrap_or_default()
    };
    let whole = std::fs::read(&program.binary).unwrap();
    std::fs::write(&program.binary, b"#!/bin/sh\n").unwrap();
    assert_eq!(reason(), "it is not a sound ELF file");
    std::fs::remove_file(&program.binary).unwrap();
    assert_eq!(reason(), "the file is not there");
    // Whatever is wrong inside, nothing panics.
    for step in 0..60 {
        let mut damaged = whole.clone();
        for byte in damaged.iter_mut().skip(step).step_by(997) {
            *byte = byte.wrapping_add(step as u8);
        }
        std::fs::write(&program.binary, &damaged[..damaged.len() - step * damaged.len() / 80]).unwrap();
        let profile = symbolicate(Path::new("shop.json"), dump.clone());
        assert_eq!(profile.sites.len(), dump.sites.len());
    }
}

#[test]
fn a_return_address_belongs_to_the_call_before_it() {
    let program = Program::build(&["-Copt-level=3", "-Cdebuginfo=2"]);
    let end = program.addresses_of_fill().end;
    let mut dump = program.dump(None);
    dump.stacks.truncate(1);
    dump.sites = vec![Site { stack: 1, ..Site::default() }];
    let function = |kind| {
        let mut dump = dump.clone();
        dump.stacks.push(StackNode { parent: 0, image: Some(0), address: end, kind });
        let profile = symbolicate(Path::new("shop.json"), dump);
        profile.frames.last().unwrap().function.clone()
    };
    assert_eq!(function(FrameKind::Call), "shop::stock::fill");
    assert_ne!(function(FrameKind::Exact), "shop::stock::fill");
}

#[test]
fn a_dump_of_this_test_is_read_back() {
    let directory = crate::support::directory();
    let program = Program::build(&["-Cdebuginfo=2"]);
    let dump = program.dump(None);
    let path = crate::support::write(&dump, &directory.path().join("shop.json"));
    assert_eq!(load::load(&path).unwrap(), dump);
}

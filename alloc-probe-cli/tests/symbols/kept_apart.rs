//! The binary was stripped, and its symbols are kept somewhere else.

use crate::support::*;
use alloc_probe_cli::symbolicate::options::Options;
use object::{Object, ObjectSection};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A dump, its addresses, and the frames that the unstripped binary gives.
fn unstripped(program: &Program) -> (alloc_probe_format::dump::Dump, Vec<u64>, Frames) {
    let addresses = own_addresses(&program.binary);
    let dump = dump_of(&program.binary, &addresses);
    let frames = all_frames(dump.clone(), &Options::default());
    assert_telling(&frames);
    (dump, addresses, frames)
}

fn in_dir(directory: PathBuf) -> Options {
    Options { debug_dirs: vec![directory], ..Options::default() }
}

#[test]
fn in_a_folder_by_build_id() {
    let program = Program::optimised();
    let (dump, addresses, expected) = unstripped(&program);
    let folder = program.strip_into_build_id_folder();
    assert_same(&expected, &all_frames(dump.clone(), &in_dir(folder.clone())), &addresses);
    // The binary itself is on another machine.
    std::fs::remove_file(&program.binary).unwrap();
    assert_same(&expected, &all_frames(dump, &in_dir(folder)), &addresses);
}

#[test]
fn in_a_folder_by_name() {
    let program = Program::optimised();
    let (dump, addresses, expected) = unstripped(&program);
    for name in ["shop", "shop.debug"] {
        let folder = program.path(&format!("kept-{name}"));
        std::fs::create_dir(&folder).unwrap();
        std::fs::copy(&program.binary, folder.join(name)).unwrap();
    }
    program.strip();
    for name in ["kept-shop", "kept-shop.debug"] {
        assert_same(&expected, &all_frames(dump.clone(), &in_dir(program.path(name))), &addresses);
    }
}

#[test]
fn behind_a_debug_link() {
    let program = Program::optimised();
    let (dump, addresses, expected) = unstripped(&program);
    let debug = program.path("shop.dbg");
    run(Command::new("objcopy").arg("--only-keep-debug").arg(&program.binary).arg(&debug));
    program.strip();
    run(Command::new("objcopy").arg("--add-gnu-debuglink").arg(&debug).arg(&program.binary));
    let found = |place: &Path, options: &Options| {
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::copy(&debug, place).unwrap();
        std::fs::rename(&debug, program.path("away")).unwrap();
        assert_same(&expected, &all_frames(dump.clone(), options), &addresses);
        std::fs::rename(program.path("away"), &debug).unwrap();
        std::fs::remove_file(place).unwrap();
    };
    assert_same(&expected, &all_frames(dump.clone(), &Options::default()), &addresses);
    found(&program.path(".debug/shop.dbg"), &Options::default());
    let folder = program.path("system");
    found(&folder.join("shop.dbg"), &in_dir(folder.clone()));
    // As in /usr/lib/debug: the whole path, once more.
    let mirrored = folder.join(program.folder.path().strip_prefix("/").unwrap()).join("shop.dbg");
    found(&mirrored, &in_dir(folder));
    // A file of that name with another checksum is another file.
    let mut bytes = std::fs::read(&debug).unwrap();
    bytes.push(0);
    std::fs::write(&debug, bytes).unwrap();
    let (_, report) = frames(dump, &Options::default());
    assert_eq!(report.missing[0].reason, "it was stripped");
    let outcomes = report.searched[0].tried.iter().map(|tried| tried.outcome.as_str()).collect::<Vec<_>>();
    assert!(outcomes.contains(&"its checksum is not the one that .gnu_debuglink asks for"), "{outcomes:?}");
}

#[test]
fn in_compressed_sections() {
    let program = Program::optimised();
    let (dump, addresses, expected) = unstripped(&program);
    for (how, mark) in [("zlib", 1), ("zstd", 2), ("zlib-gnu", 0)] {
        let compressed = program.path(how);
        let option = format!("--compress-debug-sections={how}");
        run(Command::new("objcopy").arg(option).arg(&program.binary).arg(&compressed));
        assert_eq!(compression(&compressed), mark, "objcopy compressed");
        let options = Options { binaries: vec![compressed], ..Options::default() };
        let mut dump = dump.clone();
        dump.images[0].path = "/nowhere/shop".to_owned();
        assert_same(&expected, &all_frames(dump, &options), &addresses);
    }
}

/// How the debug info is compressed: 1 for zlib, 2 for zstd, 0 for the older way, which only the name tells.
fn compression(path: &Path) -> u32 {
    let bytes = std::fs::read(path).unwrap();
    let file = object::File::parse(&*bytes).unwrap();
    if file.sections().any(|section| section.name() == Ok(".zdebug_info")) {
        return 0;
    }
    let section = file.section_by_name(".debug_info").unwrap();
    u32::from_le_bytes(section.data().unwrap()[..4].try_into().unwrap())
}

#[test]
fn in_a_copy_on_another_path() {
    let program = Program::optimised();
    let (dump, addresses, expected) = unstripped(&program);
    let copy = program.path("copy-of-the-shop");
    std::fs::rename(&program.binary, &copy).unwrap();
    let options = Options { binaries: vec![copy], ..Options::default() };
    assert_same(&expected, &all_frames(dump, &options), &addresses);
}

#[test]
fn packed_into_the_stripped_binary() {
    let program = Program::optimised();
    let (dump, addresses, expected) = unstripped(&program);
    let symbols = program.path("symbols");
    run(Command::new("objcopy")
        .args(["-S", "--remove-section=.comment"])
        .args(keep_symbols())
        .arg(&program.binary)
        .arg(&symbols));
    run(Command::new("xz").arg("--keep").arg(&symbols));
    program.strip();
    let section = format!(".gnu_debugdata={}", program.path("symbols.xz").display());
    run(Command::new("objcopy").arg("--add-section").arg(section).arg(&program.binary));
    let (found, report) = frames(dump, &Options::default());
    assert_eq!(
        report.missing[0].reason,
        "it was built without line tables, so only names of functions are known"
    );
    for ((expected, found), address) in expected.iter().zip(&found).zip(&addresses) {
        let [frame] = found.as_slice() else { panic!("{address:#x}: {found:?}") };
        assert_eq!((&frame.function, frame.line), (&expected.last().unwrap().function, None), "{address:#x}");
    }
}

/// Keeps the symbols of functions, as a distribution does.
fn keep_symbols() -> Vec<String> {
    vec!["--wildcard".to_owned(), "--keep-symbol=_*".to_owned()]
}

#[test]
fn names_for_the_dynamic_linker_are_better_than_none() {
    let folder = tempfile::tempdir().unwrap();
    let library = folder.path().join("libshop.so");
    let source = folder.path().join("shop.c");
    std::fs::write(&source, "int shop_price(int n) { int sum = 0; while (n) sum += n-- * n; return sum; }\n")
        .unwrap();
    run(Command::new("gcc").args(["-O1", "-shared", "-Wl,--build-id", "-o"]).arg(&library).arg(&source));
    run(Command::new("strip").arg(&library));
    let bytes = std::fs::read(&library).unwrap();
    let file = object::File::parse(&*bytes).unwrap();
    let symbol = object::Object::dynamic_symbols(&file)
        .find(|symbol| object::ObjectSymbol::name(symbol) == Ok("shop_price"))
        .unwrap();
    let start = object::ObjectSymbol::address(&symbol);
    let addresses: Vec<u64> = (start..start + object::ObjectSymbol::size(&symbol)).collect();
    let (found, _) = frames(dump_of(&library, &addresses), &Options::default());
    assert!(found.iter().flatten().all(|frame| frame.function == "shop_price"), "{found:?}");
}

#[test]
fn many_addresses_are_looked_up_as_few_are() {
    let program = Program::optimised();
    let text = text_range(&program.binary);
    let addresses: Vec<u64> = text.step_by(8).collect();
    // Enough for several threads at once, against too few for two.
    let many = all_frames(dump_of(&program.binary, &addresses), &Options::default());
    let few =
        addresses.chunks(1000).flat_map(|few| frames(dump_of(&program.binary, few), &Options::default()).0);
    assert_same(&few.collect(), &many, &addresses);
    assert!(addresses.len() > 10_000, "{}", addresses.len());
}

/// Where the machine code of a file is.
fn text_range(path: &Path) -> std::ops::Range<u64> {
    let bytes = std::fs::read(path).unwrap();
    let file = object::File::parse(&*bytes).unwrap();
    let section = file.section_by_name(".text").unwrap();
    section.address()..section.address() + section.size()
}

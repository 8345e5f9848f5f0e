//! Files of another build are no one's symbols.

use crate::support::*;
use alloc_probe_cli::symbolicate::options::Options;
use alloc_probe_format::text_hash::TextHash;
use std::process::Command;

#[test]
fn another_build_is_refused_unless_forced() {
    let program = Program::optimised();
    let addresses = own_addresses(&program.binary);
    let expected = all_frames(dump_of(&program.binary, &addresses), &Options::default());
    let mut dump = dump_of(&program.binary, &addresses);
    dump.images[0].build_id = "00112233445566778899".to_owned();
    let nameless = |found: &Frames| found.iter().flatten().all(|frame| frame.function.ends_with(" in shop"));

    let (found, report) = frames(dump.clone(), &Options::default());
    assert!(nameless(&found));
    assert!(report.missing[0].reason.starts_with("it was rebuilt since the dump (its build id is "));
    assert!(report.missing[0].hint.contains("--force"));
    assert_eq!(report.missing[0].bytes, 16 * addresses.len() as u64);

    // Under another name, and asked for.
    let copy = program.path("copy");
    std::fs::rename(&program.binary, &copy).unwrap();
    let named = Options { binaries: vec![copy.clone()], ..Options::default() };
    let (found, report) = frames(dump.clone(), &named);
    assert!(nameless(&found));
    let place = format!("`--binary {}` was not used: another build: its build id is ", copy.display());
    assert!(report.refused[0].starts_with(&place), "{:?}", report.refused);
    let (found, report) = frames(dump.clone(), &Options { force: true, ..named });
    assert_same(&expected, &found, &addresses);
    assert_eq!((report.refused.len(), report.missing.len()), (0, 0));
    assert!(report.searched[0].tried[0].outcome.ends_with("(another build, used by --force)"));
}

#[test]
fn debug_files_of_another_build_are_refused() {
    let program = Program::optimised();
    let addresses = own_addresses(&program.binary);
    let dump = dump_of(&program.binary, &addresses);
    let folder = program.strip_into_build_id_folder();
    let id = build_id(&program.binary);
    let debug = folder.join(".build-id").join(&id[..2]).join(format!("{}.debug", &id[2..]));
    // Another program's file took its place.
    std::fs::copy(std::env::current_exe().unwrap(), &debug).unwrap();
    let (found, report) = frames(dump, &Options { debug_dirs: vec![folder], ..Options::default() });
    assert_eq!(report.missing[0].reason, "it was stripped");
    assert!(found.iter().flatten().all(|frame| frame.function.ends_with(" in shop")));
    let refused = |tried: &alloc_probe_cli::symbolicate::tried::Tried| {
        tried.place.ends_with(".debug") && tried.outcome.starts_with("another build")
    };
    assert!(report.searched[0].tried.iter().any(refused), "{:?}", report.searched[0].tried);
}

/// The hash of the code of a file as the format's documentation has it, by what its ELF header says.
fn text_hash(file: &[u8]) -> String {
    let number = |at: usize, bytes: usize| {
        file[at..at + bytes].iter().rev().fold(0, |number, &byte| number << 8 | usize::from(byte))
    };
    let mut hash = TextHash::new();
    for header in (0..number(56, 2)).map(|index| number(32, 8) + index * number(54, 2)) {
        let (kind, flags) = (number(header, 4), number(header + 4, 4));
        if kind == 1 && flags & 1 != 0 {
            let offset = number(header + 8, 8);
            hash.add(&file[offset..offset + number(header + 32, 8)]);
        }
    }
    hash.finish().map(|byte| format!("{byte:02x}")).concat()
}

#[test]
fn a_file_without_a_build_id_is_known_by_its_code() {
    let flags = ["-Copt-level=3", "-Cdebuginfo=2", "-Clink-arg=-Wl,--build-id=none", "-Ccodegen-units=4"];
    let program = Program::build(&flags);
    let addresses = own_addresses(&program.binary);
    let file = std::fs::read(&program.binary).unwrap();
    let mut dump = dump_of(&program.binary, &addresses);
    assert_eq!(dump.images[0].build_id, "");
    let expected = all_frames(dump.clone(), &Options::default());
    dump.images[0].text_hash = text_hash(&file);
    // The file was written after the process started.
    dump.process.start_unix_ns = 0;
    assert_same(&expected, &all_frames(dump.clone(), &Options::default()), &addresses);

    std::fs::remove_file(&program.binary).unwrap();
    let named = |name: &str, file: &[u8]| {
        let path = program.path(name);
        std::fs::write(&path, file).unwrap();
        (frames(dump.clone(), &Options { binaries: vec![path.clone()], ..Options::default() }), path)
    };
    let ((found, report), _) = named("copy", &file);
    assert_same(&expected, &found, &addresses);
    assert_eq!((report.refused.len(), report.missing.len()), (0, 0));

    // One byte of its code is another, and no time tells.
    let code = code(&program.path("copy"));
    let place = file.windows(code.len()).position(|bytes| bytes == code).unwrap();
    let mut other = file.clone();
    other[place + code.len() / 2] ^= 1;
    let ((found, report), path) = named("other", &other);
    assert!(found.iter().flatten().all(|frame| frame.function.ends_with(" in shop")));
    let why = "another build: it has no build id, and its code is not what ran";
    assert_eq!(report.refused, [format!("`--binary {}` was not used: {why}", path.display())]);
    // Debug info alone can't be told.
    let debug = program.path("debug-only");
    run(Command::new("objcopy").arg("--only-keep-debug").args([program.path("copy"), debug.clone()]));
    let (_, report) = frames(dump.clone(), &Options { binaries: vec![debug], ..Options::default() });
    assert!(
        report.refused[0].ends_with("it has neither a build id nor the code that ran"),
        "{:?}",
        report.refused
    );
}

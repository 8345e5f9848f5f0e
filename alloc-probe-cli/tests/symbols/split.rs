//! `split-debuginfo`: debug info that the linker left in other files.

use crate::support::*;
use alloc_probe_cli::symbolicate::options::Options;
use std::path::{Path, PathBuf};

/// A build with split debug info in the same machine code as one without, and the frames of the latter.
fn split(how: &str) -> (Program, Vec<u64>, Frames) {
    let whole = Program::optimised();
    let setting = format!("-Csplit-debuginfo={how}");
    let split = Program::build(&[OPTIMISED, &[&setting, "-Csave-temps=no"]].concat());
    assert_eq!(code(&whole.binary), code(&split.binary), "debug info changes no code");
    let addresses = own_addresses(&split.binary);
    let mut expected = all_frames(dump_of(&whole.binary, &addresses), &Options::default());
    assert_telling(&expected);
    // Each was built in a folder of its own.
    for frame in expected.iter_mut().flatten() {
        let (old, new) = (whole.built_in.to_str().unwrap(), split.built_in.to_str().unwrap());
        frame.file = frame.file.take().map(|file| file.replace(old, new));
    }
    (split, addresses, expected)
}

/// The files in a folder with this ending.
fn ending_in(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|extension| extension == ending)).collect()
}

#[test]
fn packed() {
    let (program, addresses, expected) = split("packed");
    let dump = dump_of(&program.binary, &addresses);
    assert!(program.path("shop.dwp").exists());
    assert_same(&expected, &all_frames(dump.clone(), &Options::default()), &addresses);
    // The two are kept in another place.
    let folder = program.path("kept");
    std::fs::create_dir(&folder).unwrap();
    for name in ["shop", "shop.dwp"] {
        std::fs::rename(program.path(name), folder.join(name)).unwrap();
    }
    let options = Options { binaries: vec![folder.join("shop")], ..Options::default() };
    assert_same(&expected, &all_frames(dump.clone(), &options), &addresses);
    let options = Options { debug_dirs: vec![folder], ..Options::default() };
    assert_same(&expected, &all_frames(dump, &options), &addresses);
}

#[test]
fn unpacked() {
    let (program, addresses, expected) = split("unpacked");
    let dump = dump_of(&program.binary, &addresses);
    let files = ending_in(program.folder.path(), "dwo");
    assert!(files.len() > 1, "{files:?}");
    assert_same(&expected, &all_frames(dump.clone(), &Options::default()), &addresses);
    // They were moved to another folder.
    let folder = program.path("kept");
    std::fs::create_dir(&folder).unwrap();
    for file in &files {
        std::fs::rename(file, folder.join(file.file_name().unwrap())).unwrap();
    }
    let options = Options { debug_dirs: vec![folder.clone()], ..Options::default() };
    assert_same(&expected, &all_frames(dump.clone(), &options), &addresses);
    // They are gone.
    std::fs::remove_dir_all(folder).unwrap();
    let (found, report) = frames(dump, &Options::default());
    let [missing] = report.missing.as_slice() else { panic!("{:?}", report.missing) };
    assert!(
        missing.reason.starts_with("its debug info is in files that are not there: `"),
        "{}",
        missing.reason
    );
    assert!(missing.reason.contains(".dwo"), "{}", missing.reason);
    assert!(missing.hint.contains("split-debuginfo = \"packed\""), "{}", missing.hint);
    assert!(found.iter().flatten().all(|frame| !frame.function.starts_with("0x")), "symbols are left");
}

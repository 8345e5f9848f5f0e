//! Files of another build are no one's symbols.

use crate::support::*;
use alloc_probe_cli::symbolicate::options::Options;

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
    assert_eq!(report.missing[0].reason, "it was stripped of them");
    assert!(found.iter().flatten().all(|frame| frame.function.ends_with(" in shop")));
    let refused = |tried: &alloc_probe_cli::symbolicate::tried::Tried| {
        tried.place.ends_with(".debug") && tried.outcome.starts_with("another build")
    };
    assert!(report.searched[0].tried.iter().any(refused), "{:?}", report.searched[0].tried);
}

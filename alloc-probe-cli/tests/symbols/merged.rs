//! Functions that have the same code, and so one address.

use crate::support::*;
use alloc_probe_cli::analyse::merge::Merger;
use alloc_probe_cli::source::names;
use alloc_probe_cli::symbolicate::cache::Cache;
use alloc_probe_cli::symbolicate::options::Options;
use alloc_probe_cli::symbolicate::profile;
use alloc_probe_cli::symbolicate::resolve::resolve;
use alloc_probe_format::dump::Dump;
use object::{Object, ObjectSection, ObjectSymbol};
use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

/// What the program's dump says of its own functions.
fn merged(dump: &Dump) -> HashMap<String, Vec<String>> {
    let mut merged = profile(Path::new("shop.json"), dump.clone(), Vec::new()).merged;
    merged.retain(|shown, _| shown.contains("shop::"));
    merged
}

#[test]
fn the_symbol_table_tells_whose_code_it_is_as_well() {
    let program = Program::optimised();
    // As if the linker had found functions that are the same.
    let bytes = std::fs::read(&program.binary).unwrap();
    let file = object::File::parse(&*bytes).unwrap();
    let is_recursive = |name: &str| {
        names::demangle(name).is_some_and(|name| names::short_name(&name) == "shop::stock::recursive")
    };
    let recursive = file.symbols().find(|symbol| symbol.name().is_ok_and(is_recursive)).unwrap();
    let offset = recursive.address() - file.section_by_name(".text").unwrap().address();
    let mut objcopy = Command::new("objcopy");
    for name in ["_ZN4shop5stock6nested17h0123456789abcdefE", "_ZN4shop5stock9recursive17h0123456789abcdefE"]
    {
        objcopy.arg("--add-symbol").arg(format!("{name}=.text:{offset:#x},function,local"));
    }
    run(objcopy.arg(&program.binary));

    let cache = Some(Cache::new(program.path("cache"), 1 << 30));
    let options = Options { cache, ..Options::default() };
    let dump = dump_of(&program.binary, &[recursive.address(), recursive.address() + 4]);
    let mut fresh = dump.clone();
    resolve(&mut fresh, &options, &mut |_| {});
    let found = merged(&fresh);
    let [(shown, others)] = &found.iter().collect::<Vec<_>>()[..] else { panic!("{found:?}") };
    assert_eq!(names::short_name(shown), "shop::stock::recursive");
    assert_eq!(**others, ["shop::stock::nested"], "an instance of one name is no other function");

    // The dump carries it, as does the cache, and a sum of dumps.
    let text = serde_json::to_string(&fresh).unwrap();
    assert_eq!(merged(&serde_json::from_str(&text).unwrap()), found);
    std::fs::remove_file(&program.binary).unwrap();
    let mut again = dump;
    resolve(&mut again, &options, &mut |_| {});
    assert_eq!(merged(&again), found);
    let mut merger = Merger::default();
    for dump in [fresh, again] {
        merger.add(dump, "shop.json").unwrap();
    }
    assert_eq!(merged(&merger.finish().unwrap()), found);
}

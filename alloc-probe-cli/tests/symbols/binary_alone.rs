//! A name depends on the binary alone: what else is in a dump says nothing of it.

use crate::support::*;
use alloc_probe_cli::source::names;
use alloc_probe_cli::symbolicate::options::Options;
use object::{Object, ObjectSymbol};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Two types with methods of one name in one file, of which one is inlined, and maps of two types.
const SOURCE: &str = r#"
use std::collections::BTreeMap;
use std::hint::black_box;

trait Parse {
    fn parse(&self, depth: usize) -> Vec<u8>;
}
struct Apple;
struct Banana;
impl Parse for Apple {
    #[inline(never)]
    fn parse(&self, depth: usize) -> Vec<u8> {
        black_box(vec![1; 100 + depth])
    }
}
impl Parse for Banana {
    #[inline(always)]
    fn parse(&self, depth: usize) -> Vec<u8> {
        black_box(vec![2; 900 + depth])
    }
}
fn main() {
    let mut all = Vec::new();
    let (mut names, mut numbers) = (BTreeMap::new(), BTreeMap::new());
    for depth in 0..std::env::args().count() * 40 {
        all.push(Apple.parse(depth));
        all.push(Banana.parse(depth));
        names.insert(depth.to_string(), depth);
        numbers.insert(depth, Some(depth.to_string()));
    }
    println!("{} {names:?} {numbers:?}", all.iter().map(Vec::len).sum::<usize>());
}
"#;

/// Line tables are all that release builds have as a rule, and they have no types.
const LINES: &[&str] = &["-Cdebuginfo=line-tables-only", "-Clink-arg=-Wl,--build-id=sha1", "--edition=2021"];

fn build(folder: &Path, opt_level: &str) -> PathBuf {
    std::fs::write(folder.join("fruit.rs"), SOURCE).unwrap();
    let output = format!("fruit-{opt_level}");
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let mut command = Command::new(rustc);
    command.current_dir(folder).args(LINES).args(["fruit.rs", "-o", &output]);
    run(command.arg(format!("-Copt-level={opt_level}")));
    folder.join(output)
}

/// Every third instruction byte of the program's own functions, and of what it uses of the library's maps.
fn addresses(binary: &Path) -> Vec<u64> {
    let bytes = std::fs::read(binary).unwrap();
    let file = object::File::parse(&*bytes).unwrap();
    let is_own = |name: &str| {
        names::demangle(name).is_some_and(|name| name.contains("fruit::") || name.contains("btree"))
    };
    let own = file.symbols().filter(|symbol| symbol.size() > 0 && symbol.name().is_ok_and(is_own));
    let all: BTreeSet<u64> =
        own.flat_map(|symbol| (symbol.address()..symbol.address() + symbol.size()).step_by(3)).collect();
    assert!(all.len() > 500, "{}", all.len());
    all.into_iter().collect()
}

#[test]
fn the_same_address_has_the_same_name_in_every_dump() {
    let folder = tempfile::tempdir().unwrap();
    for opt_level in ["3", "s"] {
        let binary = build(folder.path(), opt_level);
        let addresses = addresses(&binary);
        let whole = all_frames(dump_of(&binary, &addresses), &Options::default());
        // As samples have them: some of the addresses, each time others.
        let mut state = 1_u64;
        for some in [2, 7, 40, 200] {
            let picked: Vec<usize> = (0..addresses.len())
                .filter(|_| {
                    state =
                        state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    (state >> 33) % some == 0
                })
                .collect();
            let few: Vec<u64> = picked.iter().map(|at| addresses[*at]).collect();
            let found = all_frames(dump_of(&binary, &few), &Options::default());
            for ((at, found), address) in picked.iter().zip(&found).zip(&few) {
                let names = |frames: &[alloc_probe_cli::profile::Frame]| {
                    frames.iter().map(|frame| frame.function.clone()).collect::<Vec<_>>()
                };
                assert_eq!(names(&whole[*at]), names(found), "{address:#x} of every {some}th");
            }
        }
    }
}

#[test]
fn a_method_never_has_another_types_name() {
    let folder = tempfile::tempdir().unwrap();
    let line_of = |text: &str| SOURCE.lines().position(|line| line.contains(text)).unwrap() as u32 + 1;
    let (apple, banana) = (line_of("vec![1"), line_of("vec![2"));
    for opt_level in ["0", "3", "s"] {
        let binary = build(folder.path(), opt_level);
        let frames = all_frames(dump_of(&binary, &addresses(&binary)), &Options::default());
        let in_file = |frame: &&alloc_probe_cli::profile::Frame| {
            frame.file.as_deref().is_some_and(|file| file.ends_with("fruit.rs"))
        };
        let mut met = BTreeSet::new();
        for frame in frames.iter().flatten().filter(in_file) {
            let (own, other) = match frame.line {
                Some(line) if line == apple => ("Apple", "Banana"),
                Some(line) if line == banana => ("Banana", "Apple"),
                _ => continue,
            };
            met.insert(own);
            let name = &frame.function;
            assert!(!name.contains(other), "{own} at opt-level {opt_level}: {name}");
            assert!(name.contains(own) || names::short_name(name).ends_with("::parse"), "{name}");
        }
        assert_eq!(met.len(), 2, "both are there at opt-level {opt_level}");
    }
}

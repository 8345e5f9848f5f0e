//! The program, its builds, and the frames that are found for it.

use alloc_probe_cli::profile::{Frame, MissingSymbols};
use alloc_probe_cli::source::names;
use alloc_probe_cli::symbolicate::options::Options;
use alloc_probe_cli::symbolicate::profile;
use alloc_probe_cli::symbolicate::resolve::{Report, resolve};
use alloc_probe_format::dump::*;
use object::{Object, ObjectSection, ObjectSymbol};
use once_cell::sync::OnceCell;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

const MAIN: &str = "\
mod stock;

use stock::{Goods, Stock};

fn main() {
    let mut stock = Stock::new();
    let count = std::env::args().count();
    stock.fill(count * 10);
    let goods: Box<dyn Goods> = Box::new(stock);
    println!(\"{} {}\", goods.weight(), stock::recursive(count));
}
";

const STOCK: &str = "\
use std::collections::BTreeMap;

pub struct Stock<T> {
    shelves: BTreeMap<usize, Vec<T>>,
}

pub trait Goods {
    fn weight(&self) -> usize;
}

impl<T: Clone + From<u8>> Stock<T> {
    pub fn new() -> Stock<T> {
        Stock { shelves: BTreeMap::new() }
    }

    pub fn fill(&mut self, count: usize) {
        for size in 0..count {
            let shelf = shelf(size);
            self.shelves.insert(size, shelf);
        }
    }
}

impl Goods for Stock<u32> {
    #[inline(never)]
    fn weight(&self) -> usize {
        self.shelves.values().map(|shelf| shelf.iter().map(|item| *item as usize).sum::<usize>()).sum()
    }
}

#[inline(always)]
fn shelf<T: Clone + From<u8>>(size: usize) -> Vec<T> {
    let mut shelf = Vec::with_capacity(size);
    shelf.extend((0..size).map(|item| T::from(item as u8)));
    shelf
}

#[inline(never)]
pub fn recursive(depth: usize) -> String {
    match depth {
        0 => String::from(\"end\"),
        depth => format!(\"{}-{}\", recursive(depth - 1), depth),
    }
}
";

/// Settings of a build with debug info and a build id, whatever the linker's default is.
pub(crate) const OPTIMISED: &[&str] =
    &["-Copt-level=3", "-Cdebuginfo=2", "-Clink-arg=-Wl,--build-id=sha1", "-Ccodegen-units=4"];

/// A build of the program in a folder of its own.
pub(crate) struct Program {
    pub(crate) folder: TempDir,
    /// Where it is, which a dump says.
    pub(crate) binary: PathBuf,
    /// The folder that it was built in.
    pub(crate) built_in: PathBuf,
}

impl Program {
    /// Compiles it.
    pub(crate) fn build(flags: &[&str]) -> Program {
        let folder = tempfile::tempdir().unwrap();
        compile(folder.path(), "shop", flags);
        Program { binary: folder.path().join("shop"), built_in: folder.path().to_owned(), folder }
    }

    /// A copy of the build that most tests want, which is made once.
    pub(crate) fn optimised() -> Program {
        static BUILT: OnceCell<PathBuf> = OnceCell::new();
        let built_in = BUILT.get_or_init(|| {
            let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("optimised-shop");
            std::fs::create_dir_all(&folder).unwrap();
            // Another process may be copying an earlier one.
            let unfinished = std::process::id().to_string();
            compile(&folder, &unfinished, OPTIMISED);
            std::fs::rename(folder.join(unfinished), folder.join("shop")).unwrap();
            folder
        });
        let folder = tempfile::tempdir().unwrap();
        let binary = folder.path().join("shop");
        // By another process: what this one has open for writing can't be run, nor as long as a child of another test has it.
        let copied = Command::new("cp").arg(built_in.join("shop")).arg(&binary).status().unwrap();
        assert!(copied.success());
        Program { folder, binary, built_in: built_in.clone() }
    }

    /// A path in its folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A dump of the binary as it is now, with one site for each instruction byte of the program's own functions.
    pub(crate) fn dump(&self) -> Dump {
        dump_of(&self.binary, &own_addresses(&self.binary))
    }

    /// The folder below which `.build-id` has the debug info of the binary, which is stripped of it.
    pub(crate) fn strip_into_build_id_folder(&self) -> PathBuf {
        let folder = self.path("debug");
        let id = build_id(&self.binary);
        let file = folder.join(".build-id").join(&id[..2]).join(format!("{}.debug", &id[2..]));
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        run(Command::new("objcopy").arg("--only-keep-debug").arg(&self.binary).arg(&file));
        self.strip();
        folder
    }

    /// Strips the binary of all that can go.
    pub(crate) fn strip(&self) {
        run(Command::new("strip").arg("--strip-all").arg(&self.binary));
        assert!(object_has_no_symbols(&self.binary));
    }
}

/// Compiles the program's sources in a folder.
fn compile(folder: &Path, output: &str, flags: &[&str]) {
    let source = folder.join("src");
    std::fs::create_dir_all(&source).unwrap();
    std::fs::write(source.join("main.rs"), MAIN).unwrap();
    std::fs::write(source.join("stock.rs"), STOCK).unwrap();
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let mut command = Command::new(rustc);
    command.current_dir(folder).args(["--edition=2021", "--crate-name=shop", "src/main.rs", "-o", output]);
    // One of the two manglings is unstable: which one depends on the compiler.
    run(command.env("RUSTC_BOOTSTRAP", "1").args(flags));
}

fn object_has_no_symbols(path: &Path) -> bool {
    let bytes = std::fs::read(path).unwrap();
    let file = object::File::parse(&*bytes).unwrap();
    file.symbols().next().is_none() && file.section_by_name(".debug_info").is_none()
}

/// Runs a command that has to succeed.
pub(crate) fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A file's build id.
pub(crate) fn build_id(path: &Path) -> String {
    let bytes = std::fs::read(path).unwrap();
    let file = object::File::parse(&*bytes).unwrap();
    file.build_id().unwrap().unwrap_or_default().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The addresses of the functions that the symbol table lists for the program's crate.
pub(crate) fn own_addresses(path: &Path) -> Vec<u64> {
    let bytes = std::fs::read(path).unwrap();
    let file = object::File::parse(&*bytes).unwrap();
    let is_own = |name: &str| names::demangle(name).is_some_and(|name| name.contains("shop::"));
    let functions = file.symbols().filter(|symbol| symbol.size() > 0 && symbol.name().is_ok_and(is_own));
    let mut addresses: Vec<u64> =
        functions.flat_map(|symbol| symbol.address()..symbol.address() + symbol.size()).collect();
    addresses.sort_unstable();
    addresses.dedup();
    assert!(addresses.len() > 500, "{} addresses", addresses.len());
    addresses
}

/// The machine code of a file.
pub(crate) fn code(path: &Path) -> Vec<u8> {
    let bytes = std::fs::read(path).unwrap();
    let file = object::File::parse(&*bytes).unwrap();
    file.section_by_name(".text").unwrap().data().unwrap().to_owned()
}

/// A dump of a process of this binary, with a site of 16 bytes at each address.
pub(crate) fn dump_of(binary: &Path, addresses: &[u64]) -> Dump {
    let path = binary.to_str().unwrap().to_owned();
    let image = Image { path: path.clone(), build_id: build_id(binary), ..Image::default() };
    let mut dump = Dump { format: FORMAT.into(), version: VERSION, mode: Mode::Full, ..Dump::default() };
    dump.images = vec![image];
    dump.process.executable = path;
    dump.process.start_unix_ns = u64::MAX;
    dump.stacks = vec![StackNode { kind: FrameKind::Root, ..StackNode::default() }];
    for address in addresses {
        let figures = Figures { total_bytes: 16, total_blocks: 1, ..Figures::default() };
        dump.sites.push(Site { stack: dump.stacks.len() as u32, figures, ..Site::default() });
        dump.stacks.push(StackNode { parent: 0, image: Some(0), address: *address, kind: FrameKind::Exact });
        dump.totals.add(&figures);
    }
    dump
}

/// The frames of each address of a dump, inlined ones first.
pub(crate) type Frames = Vec<Vec<Frame>>;

/// What is found for a dump, and what is said of it.
pub(crate) fn frames(mut dump: Dump, options: &Options) -> (Frames, Report) {
    let report = resolve(&mut dump, options, &mut |_| {});
    let profile = profile(Path::new("shop.json"), dump, report.missing.clone());
    let frames = profile
        .sites
        .iter()
        .map(|site| profile.frames_of(site).map(|id| profile.frames[id.0 as usize].clone()).collect())
        .collect();
    (frames, report)
}

/// The frames of a dump of which nothing may be missing.
pub(crate) fn all_frames(dump: Dump, options: &Options) -> Frames {
    let (frames, report) = frames(dump, options);
    assert_eq!(report.missing, Vec::<MissingSymbols>::new(), "{:#?}", report.searched);
    frames
}

/// Asserts that frames are the same, one by one.
pub(crate) fn assert_same(expected: &Frames, found: &Frames, addresses: &[u64]) {
    assert_eq!(expected.len(), found.len());
    for ((expected, found), address) in expected.iter().zip(found).zip(addresses) {
        assert_eq!(expected, found, "{address:#x}");
    }
}

/// Asserts that the frames are worth comparing: whole names, lines, and calls that were inlined.
pub(crate) fn assert_telling(frames: &Frames) {
    let any = |is: &dyn Fn(&Frame) -> bool| frames.iter().flatten().any(is);
    assert!(any(&|frame| frame.inlined && frame.function.contains("shelf") && frame.line.is_some()));
    assert!(any(&|frame| !frame.inlined && names::short_name(&frame.function) == "shop::stock::recursive"));
    assert!(any(&|frame| frame.column.is_some()));
    let with_lines = frames.iter().filter(|frames| frames.last().is_some_and(|frame| frame.line.is_some()));
    assert!(with_lines.count() * 2 > frames.len());
}

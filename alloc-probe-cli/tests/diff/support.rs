//! Two dumps that are known by hand, and what the command says of them.

use alloc_probe_cli::term::Terminal;
use alloc_probe_format::dump::*;
use std::ffi::OsString;
use std::path::Path;

pub(crate) const KIB: u64 = 1024;

/// One stack as text, the allocation first, each frame as `function file:line`; and blocks and bytes in total, and
/// bytes at the peak (in one block) and at the end.
pub(crate) type Stack = (&'static [&'static str], u64, u64, u64, u64);

pub(crate) const DEBUG: &[Stack] = &[
    (
        &[
            "__rust_alloc",
            "alloc::vec::Vec<T,A>::push std",
            "orders::cache::Cache<K>::insert cache.rs:42",
            "orders::serve main.rs:7",
            "orders::main main.rs:3",
        ],
        20,
        1200 * KIB,
        600 * KIB,
        500 * KIB,
    ),
    (
        &[
            "__rust_alloc",
            "orders::report::row report.rs:90",
            "orders::report::rows report.rs:71",
            "orders::main main.rs:4",
        ],
        10,
        500 * KIB,
        100 * KIB,
        0,
    ),
    (
        &[
            "__rust_alloc",
            "alloc::string::String::from std",
            "orders::trace_id main.rs:77",
            "orders::serve main.rs:8",
            "orders::main main.rs:3",
        ],
        2000,
        100 * KIB,
        0,
        0,
    ),
];

/// The optimiser inlined `insert`, whose name lost its path and whose line moved; lost `rows`; and needs no trace id.
pub(crate) const RELEASE: &[Stack] = &[
    (
        &[
            "__rust_alloc",
            "push<orders::Order> std",
            "insert<u64> cache.rs:43",
            "orders::serve main.rs:7",
            "orders::main main.rs:3",
        ],
        20,
        1200 * KIB,
        400 * KIB,
        500 * KIB,
    ),
    (
        &["__rust_alloc", "orders::report::row report.rs:90", "orders::main main.rs:4"],
        10,
        500 * KIB,
        100 * KIB,
        0,
    ),
    (
        &["__rust_alloc", "orders::pool::fill pool.rs:5", "orders::main main.rs:5"],
        1,
        64 * KIB,
        64 * KIB,
        64 * KIB,
    ),
];

/// Where the sources of a function's crate are.
pub(crate) fn directory(function: &str) -> &'static str {
    if function.starts_with("serde_json::") {
        "/home/me/.cargo/registry/src/index-0123456789abcdef/serde_json-1.0.140/src/"
    } else {
        "/home/me/orders/src/"
    }
}

pub(crate) fn dump(opt_level: &str, debug_assertions: bool, load_address: u64, stacks: &[Stack]) -> Dump {
    let mut dump = Dump {
        format: FORMAT.into(),
        version: VERSION,
        mode: Mode::Full,
        build: Build {
            crate_name: "orders".into(),
            crate_version: "1.2.3".into(),
            opt_level: opt_level.into(),
            debug_assertions,
            ..Build::default()
        },
        images: vec![Image { path: "/home/me/target/orders".into(), load_address, ..Image::default() }],
        stacks: vec![StackNode { kind: FrameKind::Root, ..StackNode::default() }],
        memory: Memory {
            rss_bytes: 4096 * KIB,
            peak_rss_bytes: 5000 * KIB,
            threads: 3,
            categories: vec![
                Category { name: "heap".into(), bytes: 900 * KIB },
                Category {
                    name: "executable".into(),
                    bytes: if debug_assertions { 3000 } else { 1000 } * KIB,
                },
            ],
            ..Memory::default()
        },
        ..Dump::default()
    };
    let mut symbols = Symbols { frames: [[]].iter().collect(), ..Symbols::default() };
    for (stack, total_blocks, total_bytes, peak_bytes, end_bytes) in stacks {
        let mut parent = 0;
        for frame in stack.iter().rev() {
            let (function, place) = frame.rsplit_once(' ').unwrap_or((frame, ""));
            let (file, line) = match place.split_once(':') {
                Some((file, line)) => (Some(format!("{}{file}", directory(function))), line.parse().ok()),
                None if place == "std" => (Some("/rustc/59807/library/alloc/src/vec/mod.rs".into()), Some(9)),
                None => (None, None),
            };
            let mut string = |text: String| {
                symbols.strings.push(text);
                symbols.strings.len() as u32 - 1
            };
            let (function, file) = (string(function.to_owned()), file.map(&mut string));
            symbols.frames.push(&[SymbolFrame { function, file, line, column: None }]);
            let address = load_address / 16 + dump.stacks.len() as u64;
            dump.stacks.push(StackNode { parent, image: Some(0), address, kind: FrameKind::Call });
            parent = dump.stacks.len() as u32 - 1;
        }
        let figures = Figures {
            total_blocks: *total_blocks,
            total_bytes: *total_bytes,
            peak_bytes: *peak_bytes,
            peak_blocks: u64::from(*peak_bytes > 0),
            end_bytes: *end_bytes,
            end_blocks: u64::from(*end_bytes > 0),
            ..Figures::default()
        };
        dump.totals.add(&figures);
        dump.sites.push(Site { stack: parent, figures, ..Site::default() });
    }
    dump.symbols = Some(symbols);
    dump
}

pub(crate) fn debug() -> Dump {
    dump("0", true, 0x5555_0000, DEBUG)
}

pub(crate) fn release() -> Dump {
    dump("3", false, 0x7777_0000, RELEASE)
}

/// What a command did.
pub(crate) struct Outcome {
    pub(crate) status: u8,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Compares two dumps with more arguments, on a page of so many columns.
pub(crate) fn diff_at(width: usize, base: &Dump, new: &Dump, more: &[&str]) -> Outcome {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, dump: &Dump| {
        let path = directory.path().join(name);
        std::fs::write(&path, serde_json::to_vec(dump).unwrap()).unwrap();
        path
    };
    let files = [write("debug.json", base), write("release.json", new)];
    let files = files.iter().map(|path| OsString::from(AsRef::<Path>::as_ref(path)));
    let args = ["alloc-probe", "diff"].map(OsString::from).into_iter().chain(files);
    let args = args.chain(more.iter().map(OsString::from));
    run(args, width)
}

/// Runs a command on a page of so many columns.
pub(crate) fn run(args: impl Iterator<Item = OsString>, width: usize) -> Outcome {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let status = alloc_probe_cli::run(args, &mut Terminal::plain(&mut out, &mut err, width));
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Outcome { status, out: text(out), err: text(err) }
}

pub(crate) fn diff(more: &[&str]) -> Outcome {
    diff_at(100, &debug(), &release(), more)
}

/// The frames of a stack, which is numbers of the table that the whole JSON has.
pub(crate) fn frames<'a>(json: &'a serde_json::Value, of: &serde_json::Value) -> Vec<&'a serde_json::Value> {
    let numbers = of["stack"].as_array().expect("a stack").iter();
    numbers.map(|number| &json["frames"][number.as_u64().unwrap() as usize]).collect()
}

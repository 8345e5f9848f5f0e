//! A small dump whose figures and names are known by hand, and a way to run commands on it.

use alloc_probe_cli::term::Terminal;
use alloc_probe_format::dump::*;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

const KIB: u64 = 1024;
const MS: u64 = 1_000_000;

/// What a command did.
pub(crate) struct Outcome {
    pub(crate) status: u8,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs a command in this process.
pub(crate) fn alloc_probe_at(width: usize, args: &[&str]) -> Outcome {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let args = ["alloc-probe"].iter().chain(args).map(OsString::from);
    let status = alloc_probe_cli::run(args, &mut Terminal::plain(&mut out, &mut err, width));
    let text = |bytes| String::from_utf8(bytes).expect("the output is UTF-8");
    Outcome { status, out: text(out), err: text(err) }
}

/// Runs a command on a page of a hundred columns.
pub(crate) fn alloc_probe(args: &[&str]) -> Outcome {
    alloc_probe_at(100, args)
}

/// A directory for one test.
pub(crate) fn directory() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary directory can be made")
}

/// Writes a dump to a file.
pub(crate) fn write(dump: &Dump, path: &Path) -> PathBuf {
    let text = serde_json::to_vec(dump).expect("a dump can be written as JSON");
    std::fs::write(path, text).expect("the file can be written");
    path.to_owned()
}

/// Writes [`orders`] to `orders.json` in a directory, and gives the path.
pub(crate) fn orders_in(directory: &tempfile::TempDir) -> String {
    write(&orders(), &directory.path().join("orders.json")).to_str().expect("the path is UTF-8").to_owned()
}

/// A dump of a service that carries its symbols.
pub(crate) fn orders() -> Dump {
    let mut stacks = Stacks::default();
    // Whole stacks, outermost function first.
    let handle = ["_start", "main", "std::rt::lang_start", "orders::main", "orders::http::serve"];
    let insert = stacks.add(
        &[
            &handle[..],
            &[
                "orders::cache::Cache<K>::insert",
                "alloc::vec::Vec<T,A>::push",
                "alloc::raw_vec::RawVec<T,A>::grow_one",
                "__rust_realloc",
            ],
        ]
        .concat(),
    );
    let insert_anew = stacks.add(
        &[&handle[..], &["orders::cache::Cache<K>::insert", "alloc::vec::Vec<T,A>::push", "__rust_alloc"]]
            .concat(),
    );
    let parse = stacks.add(
        &[&handle[..], &["serde_json::de::from_str", "alloc::string::String::with_capacity", "__rust_alloc"]]
            .concat(),
    );
    let walk = ["orders::walk"; 7];
    let deep = stacks.add(&[&handle[..4], &walk, &["alloc::boxed::Box<T>::new", "__rust_alloc"]].concat());
    let init = stacks.add(&["_start", "std::rt::init", "std::sys::pal::unix::init", "__rust_alloc"]);
    let site = |stack, peak: (u64, u64), total: (u64, u64), end: (u64, u64), temporary_blocks| Site {
        stack,
        figures: Figures {
            peak_bytes: peak.0,
            peak_blocks: peak.1,
            total_bytes: total.0,
            total_blocks: total.1,
            end_bytes: end.0,
            end_blocks: end.1,
            temporary_blocks,
            ..Figures::default()
        },
        ..Site::default()
    };
    let mut sites = vec![
        site(insert, (600 * KIB, 1), (1200 * KIB, 11), (600 * KIB, 1), 0),
        site(insert_anew, (40 * KIB, 10), (40 * KIB, 10), (0, 0), 0),
        site(parse, (0, 0), (9000 * KIB, 4500), (0, 0), 4500),
        site(deep, (128 * KIB, 2048), (128 * KIB, 2048), (128 * KIB, 2048), 0),
        site(init, (512, 1), (512, 1), (512, 1), 0),
    ];
    sites[0].figures.realloc_calls = 10;
    sites[0].figures.realloc_moves = 4;
    sites[0].figures.moved_bytes = 500 * KIB;
    sites[0].sizes = vec![(16, 10), (19, 1)].into();
    sites[1].sizes = vec![(12, 10)].into();
    sites[3].figures.long_lived_bytes = 128 * KIB;
    sites[3].figures.long_lived_blocks = 2048;
    let mut totals = Figures::default();
    sites.iter().for_each(|site| totals.add(&site.figures));
    let sample = |(ms, kib)| TimelineSample { time_ns: ms * MS, live_bytes: kib * KIB, ..Default::default() };
    Dump {
        format: FORMAT.into(),
        version: VERSION,
        mode: Mode::Full,
        process: Process {
            pid: 4711,
            executable: "/srv/bin/orders".into(),
            command: vec!["/srv/bin/orders".into(), "--port".into(), "8080".into()],
            duration_ns: 2_500 * MS,
            ..Process::default()
        },
        build: Build {
            crate_name: "orders".into(),
            crate_version: "1.2.3".into(),
            opt_level: "3".into(),
            panic: "unwind".into(),
            rustc: "rustc 1.95.0 (59807616e 2026-04-14)".into(),
            allocator: "std::alloc::System".into(),
            ..Build::default()
        },
        clock: Clock { source: "tsc".into(), unit_ns: 1.0 },
        totals,
        peak_time_ns: 1_250 * MS,
        long_lived_threshold_ns: 1_000 * MS,
        images: vec![Image { path: "/srv/bin/orders".into(), ..Image::default() }],
        threads: vec![thread("orders", 1, 9200 * KIB), thread("worker", 4, 1168 * KIB + 512)],
        timeline: Timeline {
            interval_ns: MS,
            samples: [(0, 100), (1_250, 768), (2_000, 400)].map(sample).to_vec(),
        },
        memory: Memory {
            rss_bytes: 2048 * KIB,
            peak_rss_bytes: 3072 * KIB,
            categories: vec![
                Category { name: "stacks".into(), bytes: 48 * KIB },
                Category { name: "heap".into(), bytes: 2000 * KIB },
            ],
            ..Memory::default()
        },
        stacks: stacks.rows,
        sites,
        symbols: Some(stacks.symbols),
        ..Dump::default()
    }
}

/// The same with what only some dumps have: marks, stacks of threads, the memory at the peak.
pub(crate) fn orders_with_marks() -> Dump {
    let mut dump = orders();
    let deepest_stack = dump.sites[3].stack;
    for (thread, kib) in dump.threads.iter_mut().zip([20, 132]) {
        thread.stack_bytes = kib * KIB;
        thread.stack_limit_bytes = 2048 * KIB;
        (thread.deepest_bytes, thread.deepest_stack) = (kib * KIB - 100, deepest_stack);
    }
    let mark = |name: &str, count, first_ms: u64, last_ms: u64| Mark {
        name: name.into(),
        count,
        first_ns: first_ms * MS,
        last_ns: last_ms * MS,
        first: TimelineSample { time_ns: first_ms * MS, live_bytes: 100 * KIB, ..Default::default() },
    };
    dump.marks = vec![mark("ready", 1, 20, 20), mark("request", 4_500, 25, 2_400)];
    dump.memory.at_peak =
        Some(PeakMemory { live_bytes: 760 * KIB, resident_bytes: 3000 * KIB, ..PeakMemory::default() });
    dump
}

fn thread(name: &str, threads: u64, total_bytes: u64) -> Thread {
    Thread { name: name.into(), threads, total_bytes, ..Thread::default() }
}

/// A dump of a parser: many stacks that call three functions in any order, each with a block of one byte. Stacks are given by
/// the letters of functions, the outermost first.
pub(crate) fn parser(stacks: &[String]) -> Dump {
    let mut tree = Stacks::default();
    let sites = stacks.iter().map(|stack| {
        let calls = stack.chars().map(|letter| match letter {
            'e' => "orders::parse::expression",
            's' => "orders::parse::statement",
            'b' => "orders::parse::block_of",
            _ => "orders::parse::leaf",
        });
        let whole: Vec<&str> =
            ["main", "orders::main"].into_iter().chain(calls).chain(["__rust_alloc"]).collect();
        let figures =
            Figures { total_blocks: 1, total_bytes: 1, peak_blocks: 1, peak_bytes: 1, ..Figures::default() };
        Site { stack: tree.add(&whole), figures, ..Site::default() }
    });
    let sites: Vec<Site> = sites.collect();
    let mut dump = Dump { stacks: tree.rows, sites, symbols: Some(tree.symbols), ..orders() };
    dump.totals = Figures::default();
    dump.sites.iter().for_each(|site| dump.totals.add(&site.figures));
    dump
}

/// A tree of stacks with symbols, one row for each function of each stack.
struct Stacks {
    rows: Vec<StackNode>,
    symbols: Symbols,
}

impl Default for Stacks {
    fn default() -> Stacks {
        let root = StackNode { kind: FrameKind::Root, ..StackNode::default() };
        let frames = [[]].iter().collect();
        Stacks { rows: vec![root], symbols: Symbols { frames, ..Symbols::default() } }
    }
}

impl Stacks {
    /// Adds a stack and gives the row of its innermost function. Each row is new; nothing asks for fewer.
    fn add(&mut self, functions: &[&str]) -> u32 {
        let mut parent = 0;
        for function in functions {
            let address = 0x1000 + 16 * self.rows.len() as u64;
            self.rows.push(StackNode { parent, image: Some(0), address, kind: FrameKind::Call });
            parent = self.rows.len() as u32 - 1;
            let file = match function.split("::").next() {
                Some("orders") => Some("/home/me/orders/src/main.rs"),
                Some("serde_json") => {
                    Some("/home/me/.cargo/registry/src/index-1/serde_json-1.0.140/src/de.rs")
                }
                Some("alloc" | "std") => Some("/rustc/59807616e1/library/std/src/lib.rs"),
                _ => None,
            };
            let function = self.string(function);
            let file = file.map(|file| self.string(file));
            // Lines are the lengths of the names: any that stay the same will do.
            let line = file.map(|_| self.symbols.strings[function as usize].len() as u32);
            self.symbols.frames.push(&[SymbolFrame { function, file, line, column: None }]);
        }
        parent
    }

    fn string(&mut self, text: &str) -> u32 {
        let strings = &mut self.symbols.strings;
        let known = strings.iter().position(|known| known == text).unwrap_or_else(|| {
            strings.push(text.to_owned());
            strings.len() - 1
        });
        known as u32
    }
}

/// The frames of a stack, which is numbers of the table that the whole JSON has.
pub(crate) fn frames<'a>(
    json: &'a serde_json::Value,
    stack: &serde_json::Value,
) -> Vec<&'a serde_json::Value> {
    let numbers = stack.as_array().expect("a stack").iter();
    numbers.map(|number| &json["frames"][number.as_u64().unwrap() as usize]).collect()
}

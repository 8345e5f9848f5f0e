//! From stacks to the lines of the user's code that allocated.

use super::origin::{shown, without_parameters};
use crate::shared::statement::{Figure, Origin};
use alloc_probe_format::dump::{Dump, FrameKind};
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

/// A call in the user's code under which blocks were allocated.
pub(super) struct CallSite {
    pub(super) bytes: u64,
    pub(super) blocks: u64,
    pub(super) function: String,
    /// `file:line`.
    pub(super) place: String,
    /// The type of the standard library that allocated, where it is known.
    pub(super) holder: Option<&'static str>,
    pub(super) reallocs: u64,
}

impl CallSite {
    /// What else there is to know.
    pub(super) fn note(&self) -> String {
        match self.reallocs {
            0 => String::new(),
            1 => format!("{} grew once", self.holder.unwrap_or("block")),
            times => format!("{} grew {times} times", self.holder.unwrap_or("blocks")),
        }
    }
}

/// A source-level frame.
#[derive(Clone)]
struct Frame {
    function: String,
    file: Option<PathBuf>,
    line: Option<u32>,
}

/// The call sites that a figure is made of, the largest first.
pub(super) fn call_sites(dump: &Dump, figure: Figure, origin: &Origin) -> Vec<CallSite> {
    let mut symbols = Symbols::default();
    let mut found = BTreeMap::<(String, String), CallSite>::new();
    for site in &dump.sites {
        let (bytes, blocks) = figure.at(&site.figures);
        if blocks == 0 {
            continue;
        }
        let frames = symbols.of_stack(dump, site.stack);
        let own = own_frame(&frames, origin.crate_name());
        // Of the standard library at the least, and never one of C.
        let frame = own.or_else(|| frames.iter().position(has_path)).map(|index| &frames[index]);
        let (function, place) = match frame {
            _ if own.is_none() && frames.iter().any(runs_test) => (origin.test(), String::new()),
            Some(frame) => (readable(&frame.function, origin), place(frame, origin)),
            None => ("(unknown)".to_owned(), String::new()),
        };
        let holder = frames[..own.unwrap_or(0)].iter().rev().find_map(holder);
        let entry = found.entry((function.clone(), place.clone())).or_insert(CallSite {
            bytes: 0,
            blocks: 0,
            function,
            place,
            holder,
            reallocs: 0,
        });
        entry.bytes += bytes;
        entry.blocks += blocks;
        entry.reallocs += site.figures.realloc_calls;
        entry.holder = entry.holder.or(holder);
    }
    let mut sites = found.into_values().collect::<Vec<_>>();
    let order = |site: &CallSite| {
        if figure.is_bytes() { (site.bytes, site.blocks) } else { (site.blocks, site.bytes) }
    };
    sites.sort_by_key(|site| std::cmp::Reverse(order(site)));
    sites
}

/// The frames of addresses that were looked up before.
#[derive(Default)]
struct Symbols(HashMap<u64, Vec<Frame>>);

impl Symbols {
    /// The frames of a stack, from the allocation outwards.
    fn of_stack(&mut self, dump: &Dump, mut row: u32) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Some(node) = dump.stacks.get(row as usize).filter(|node| node.kind != FrameKind::Root) {
            let base = node
                .image
                .and_then(|image| dump.images.get(image as usize))
                .map_or(0, |image| image.load_address);
            // A call is before its return address; the very instruction is where it is.
            let address = base + node.address + u64::from(node.kind == FrameKind::Exact);
            if node.kind != FrameKind::Cut {
                frames.extend_from_slice(self.0.entry(address).or_insert_with(|| resolve(address)));
            }
            row = node.parent;
        }
        frames
    }
}

/// The frames of the call before a return address, inlined ones first.
fn resolve(address: u64) -> Vec<Frame> {
    let mut frames = Vec::new();
    backtrace::resolve(address as *mut std::ffi::c_void, |symbol| {
        frames.push(Frame {
            function: symbol.name().map(|name| format!("{name:#}")).unwrap_or_default(),
            file: symbol.filename().map(PathBuf::from),
            line: symbol.lineno(),
        });
    });
    frames
}

/// The number of the user's innermost frame. Without debug information it is told by the names of the symbol table: what
/// is of the test's crate comes before what may be of a dependency.
fn own_frame(frames: &[Frame], own_crate: &str) -> Option<usize> {
    let of_crate = |frame: &Frame| {
        let path = frame.function.trim_start_matches(['<', '&']);
        path.strip_prefix(own_crate).is_some_and(|rest| rest.starts_with("::")) && !is_library(frame)
    };
    let first = frames.iter().position(|frame| !is_library(frame))?;
    if frames[first].file.is_some() {
        return Some(first);
    }
    frames.iter().position(of_crate).or(Some(first))
}

/// Whether a frame is of the harness that calls tests. Where none below it is the user's, the test's function was inlined into
/// one of these.
fn runs_test(frame: &Frame) -> bool {
    let harness = ["test::__rust_begin_short_backtrace", "test::run_test", "test::types::"];
    harness.iter().any(|function| frame.function.trim_start_matches('<').starts_with(function))
}

/// Whether a frame has a name of Rust's, and not of C.
fn has_path(frame: &Frame) -> bool {
    without_parameters(&frame.function).contains("::")
}

/// Whether a frame is of the standard library, a dependency from a registry, the probe, or C.
fn is_library(frame: &Frame) -> bool {
    let name = frame.function.trim_start_matches(['<', '&']);
    let libraries = ["std::", "core::", "alloc::", "alloc_probe::", "__rust", "hashbrown::"];
    let is_of_library = libraries.iter().any(|library| name.starts_with(library));
    let Some(file) = &frame.file else {
        return is_of_library || runs_test(frame) || !frame.function.contains("::") || name.starts_with('[');
    };
    let file = file.to_string_lossy();
    // Where the hook was inlined, its name may have no path.
    if file!()
        .strip_suffix("assertions/sites.rs")
        .is_some_and(|own| file.ends_with(&format!("{own}probe.rs")))
    {
        return true;
    }
    // The C library has its files, too, where its debug information is installed.
    if !file.ends_with(".rs") && !has_path(frame) {
        return true;
    }
    let folders = ["/rustc/", "/rustlib/src/", "/registry/src/", "/git/checkouts/"];
    is_of_library && !file.contains("/tests/") || folders.iter().any(|folder| file.contains(folder))
}

/// The collection of the standard library that a frame is of. Told by the file: inlined functions may have no path.
fn holder(frame: &Frame) -> Option<&'static str> {
    let holders = [
        ("/alloc/src/string.rs", "String"),
        ("/vec_deque/", "VecDeque"),
        ("/binary_heap/", "BinaryHeap"),
        ("/alloc/src/vec/", "Vec"),
        ("/alloc/src/raw_vec", "Vec"),
    ];
    let file = frame.file.as_ref()?.to_string_lossy();
    holders.iter().find(|(module, _)| file.contains(module)).map(|(_, holder)| *holder)
}

/// A function's name, without the crate of the test and without what the compiler adds.
fn readable(function: &str, origin: &Origin) -> String {
    // `<A as B>::c` is told by what stands between these.
    let short = if function.starts_with('<') { function.to_owned() } else { without_parameters(function) };
    let mut short = short.replace("{{closure}}", "{closure}");
    while let Some(start) = short.find("{closure#") {
        let end = short[start..].find('}').map_or(short.len(), |end| start + end);
        short.replace_range(start + "{closure".len()..end, "");
    }
    let own = format!("{}::", origin.crate_name());
    short.strip_prefix(&own).map(str::to_owned).unwrap_or(short)
}

fn place(frame: &Frame, origin: &Origin) -> String {
    let Some(file) = &frame.file else { return String::new() };
    let file = shown(file, origin);
    frame.line.map_or(file.clone(), |line| format!("{file}:{line}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_function_is_known_by_its_name_alone() {
        let frames = |names: &[&str]| -> Vec<Frame> {
            names.iter().map(|name| Frame { function: (*name).to_owned(), file: None, line: None }).collect()
        };
        let std_with_lines = Frame {
            function: "finish_grow<alloc::alloc::Global>".to_owned(),
            file: Some("/rustc/abc/library/alloc/src/raw_vec/mod.rs".into()),
            line: Some(1),
        };
        let mut stack = frames(&[
            "<alloc::vec::Vec<T> as alloc::vec::spec_from_iter::SpecFromIter<T,I>>::from_iter",
            "serde_json::de::from_str",
            "mine::parse",
            "mine::tests::one",
            "core::ops::function::FnOnce::call_once",
            "std::sys::thread::unix::Thread::new::thread_start",
            "start_thread",
        ]);
        stack.insert(0, std_with_lines.clone());
        assert_eq!(own_frame(&stack, "mine"), Some(3));
        assert_eq!(own_frame(&stack, "another"), Some(2), "a dependency's at the least");
        let inlined = frames(&[
            "alloc::raw_vec::RawVec<T,A>::grow_one",
            "test::__rust_begin_short_backtrace",
            "test::run_test::{{closure}}",
            "start_thread",
        ]);
        assert_eq!(own_frame(&inlined, "mine"), None);
        assert!(inlined.iter().any(runs_test) && !stack.iter().any(runs_test));
        let foreign = [std_with_lines, frames(&["start_thread"]).remove(0)];
        assert_eq!(own_frame(&foreign, "mine"), None);
        assert_eq!(foreign.iter().position(has_path), None, "C's names nobody");
    }

    #[test]
    fn names_are_short() {
        let origin = Origin { function: "mine::tests::one::{{closure}}", package: None, debug: true };
        for (name, short) in [
            ("mine::parse::tokens", "parse::tokens"),
            ("mine::parse::tokens::{{closure}}", "parse::tokens::{closure}"),
            ("mine::parse::<alloc::vec::Vec<u8>>::{closure#12}::{closure#0}", "parse::{closure}::{closure}"),
            ("other::read::<fn() -> T>", "other::read"),
            ("{closure#0}<mine::A<u8>>", "{closure}"),
            ("<mine::A as mine::B<u8>>::go", "<mine::A as mine::B<u8>>::go"),
        ] {
            assert_eq!(readable(name, &origin), short);
        }
        assert_eq!((origin.test().as_str(), origin.crate_name()), ("tests::one", "mine"));
        let generic = Origin { function: "mine::run<mine::A<u8>>::{{closure}}::{{closure}}", ..origin };
        assert_eq!(generic.test(), "run");
    }
}

//! One binary: what its files know of addresses.

use super::bytes::Bytes;
use super::crate_roots::CrateRoots;
use super::object_file::{ObjectFile, Slice, section};
use super::split::SplitFiles;
use super::symbols::SymbolTable;
use super::tail_calls::{Code, TailCalls};
use crate::source::names;
use crate::source::roles;
use addr2line::{Context, Frame, FunctionName, LookupContinuation, LookupResult};
use gimli::Dwarf;
use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use typed_arena::Arena;

/// A frame as the debug info has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RawFrame {
    /// The demangled function; none where it has no name.
    pub(super) function: Option<Arc<str>>,
    /// Whether the path before its own name was made from its file.
    pub(super) path_guessed: bool,
    /// The demangled names of other functions that have the same code.
    pub(super) merged_with: Vec<Arc<str>>,
    pub(super) file: Option<Arc<str>>,
    pub(super) line: Option<u32>,
    pub(super) column: Option<u32>,
    pub(super) inlined: bool,
}

/// What the files of one binary know: the debug info of the first that has any, and the symbol tables of all. Threads
/// may share it.
pub(super) struct Binary<'a> {
    symbols: SymbolTable<'a>,
    code: Code<'a>,
    dwarf: Option<Arc<Dwarf<Slice<'a>>>>,
}

impl<'a> Binary<'a> {
    /// Reads what is needed before the first address.
    pub(super) fn new(files: &[ObjectFile<'a>], arena: &'a Arena<Bytes>) -> Binary<'a> {
        let with_debug_info = files.iter().find(|file| file.has_debug_info());
        let dwarf = with_debug_info.and_then(|file| {
            let of_section =
                |id: gimli::SectionId| Ok::<_, gimli::Error>(section(&file.object, id.name(), arena));
            let mut dwarf = Dwarf::load(of_section).ok()?;
            dwarf.populate_abbreviations_cache(gimli::AbbreviationsCacheStrategy::Duplicates);
            Some(Arc::new(dwarf))
        });
        let objects = || files.iter().map(|file| &file.object);
        Binary { symbols: SymbolTable::of(objects()), code: Code::of(objects()), dwarf }
    }
}

/// One thread's look at a binary. It keeps what it has read, so addresses should come in order.
pub(super) struct Lookup<'a> {
    symbols: &'a SymbolTable<'a>,
    tail_calls: TailCalls<'a>,
    dwarf: Option<Arc<Dwarf<Slice<'a>>>>,
    context: Option<Context<Slice<'a>>>,
    split: SplitFiles<'a>,
    /// Only needed for names without a path, so only made then.
    roots: OnceCell<CrateRoots>,
    /// Names that were demangled before, by the linker's name.
    names: RefCell<HashMap<String, Arc<str>>>,
    files: RefCell<HashSet<Arc<str>>>,
}

impl<'a> Lookup<'a> {
    /// Begins.
    pub(super) fn new(binary: &'a Binary<'a>, split: SplitFiles<'a>) -> Lookup<'a> {
        Lookup {
            symbols: &binary.symbols,
            tail_calls: TailCalls::new(&binary.code, &binary.symbols),
            dwarf: binary.dwarf.clone(),
            context: binary.dwarf.clone().and_then(|dwarf| Context::from_arc_dwarf(dwarf).ok()),
            split,
            roots: OnceCell::new(),
            names: RefCell::default(),
            files: RefCell::default(),
        }
    }

    /// The `.dwo` files that were wanted and not there.
    pub(super) fn missing_split_files(&self) -> BTreeSet<PathBuf> {
        self.split.missing()
    }

    /// The frames at an instruction's address, inlined ones first; none where nothing is known of it.
    pub(super) fn frames_at(&self, address: u64) -> Vec<RawFrame> {
        let mut frames = self.debug_frames(address);
        if let Some(frame) = frames.last_mut() {
            frame.merged_with = self.merged_with(address, frame.function.as_deref());
        } else {
            let symbol = self.symbols.name_at(address, None);
            frames.extend(
                symbol
                    .map(|symbol| RawFrame { function: Some(self.demangled(symbol)), ..RawFrame::default() }),
            );
        }
        frames
    }

    /// The names of the functions that have the same code as the one at an address, other than its own.
    fn merged_with(&self, address: u64, function: Option<&str>) -> Vec<Arc<str>> {
        let all = self.symbols.names_at(address);
        if all.clone().nth(1).is_none() {
            return Vec::new();
        }
        let own = function.map(names::short_name).unwrap_or_default();
        let mut known = BTreeSet::from([own]);
        let mut others = Vec::new();
        for symbol in all {
            let name = self.demangled(symbol.split('@').next().unwrap_or(symbol));
            // Of instances of one generic function, all have its name; of versions of one of C's, all but the version.
            if known.insert(names::short_name(&name)) {
                others.push(name);
            }
        }
        others
    }

    /// The frames of functions that a stack lost between an instruction and the call that returns to `return_address`,
    /// since they ended in a jump.
    pub(super) fn frames_between(&self, return_address: u64, inner: u64) -> Vec<RawFrame> {
        let way = self.tail_calls.between(return_address, inner);
        way.into_iter().flat_map(|jumps| self.frames_of_any(&jumps)).collect()
    }

    /// The frames of several instructions of a function, as far as they are the same.
    fn frames_of_any(&self, addresses: &[u64]) -> Vec<RawFrame> {
        let mut all = addresses.iter().map(|address| self.frames_at(*address));
        let mut frames = all.next().unwrap_or_default();
        for others in all {
            let functions =
                |frames: &[RawFrame]| frames.iter().map(|frame| frame.function.clone()).collect::<Vec<_>>();
            if functions(&frames) != functions(&others) {
                // The function itself is all that is sure.
                frames.drain(..frames.len().saturating_sub(1));
            }
            let outer = others.len().saturating_sub(frames.len());
            for (frame, other) in frames.iter_mut().zip(&others[outer..]) {
                if (frame.line, frame.column) != (other.line, other.column) {
                    (frame.line, frame.column) = (None, None);
                }
            }
        }
        frames
    }

    /// The frames by debug info: none where there is none for the address, or where it is damaged.
    fn debug_frames(&self, address: u64) -> Vec<RawFrame> {
        let Some(context) = &self.context else { return Vec::new() };
        let mut lookup = context.find_frames(address);
        let found = loop {
            lookup = match lookup {
                LookupResult::Output(found) => break found,
                LookupResult::Load { load, continuation } => continuation.resume(self.split.load(&load)),
            };
        };
        let Ok(mut found) = found else { return Vec::new() };
        let mut known = Vec::new();
        while let Ok(Some(frame)) = found.next() {
            known.push(frame);
        }
        let outermost = known.len().saturating_sub(1);
        let frames = known.iter().enumerate();
        frames
            .map(|(index, frame)| {
                let mut raw = self.raw_frame(frame, address, index < outermost);
                if raw.path_guessed {
                    if let Some(whole) = closure_name(frame, &known[index + 1..], raw.function.as_deref()) {
                        (raw.function, raw.path_guessed) = (Some(whole.into()), false);
                    }
                }
                raw
            })
            .collect()
    }

    fn raw_frame(&self, frame: &Frame<'_, Slice<'a>>, address: u64, inlined: bool) -> RawFrame {
        let location = frame.location.as_ref();
        let file = location.and_then(|location| location.file);
        let debug_name = frame.function.as_ref().and_then(|function| function.raw_name().ok());
        let (function, path_guessed) = match debug_name.as_deref() {
            None if inlined => (None, false),
            Some(name) if names::is_mangled(name) => (Some(self.demangled(name)), false),
            // The symbol table knows the whole name of a function that has code of its own.
            name => {
                let symbol = if inlined { None } else { self.symbols.name_at(address, name) };
                match symbol {
                    Some(symbol) => (Some(self.demangled(symbol)), false),
                    None => name.map_or((None, false), |name| self.qualified(frame, name, file)),
                }
            }
        };
        let positive = |number: Option<u32>| number.filter(|number| *number > 0);
        RawFrame {
            function,
            path_guessed,
            merged_with: Vec::new(),
            file: file.map(|file| self.file(file)),
            line: positive(location.and_then(|location| location.line)),
            column: positive(location.and_then(|location| location.column)),
            inlined,
        }
    }

    /// A name of the debug info with its module, where that can be known, and whether it is.
    fn qualified(
        &self,
        frame: &Frame<'_, Slice<'a>>,
        name: &str,
        file: Option<&str>,
    ) -> (Option<Arc<str>>, bool) {
        let is_rust = |function: &FunctionName<Slice<'a>>| function.language == Some(gimli::DW_LANG_Rust);
        let is_bare = frame.function.as_ref().is_some_and(is_rust) && !names::short_name(name).contains("::");
        // These are of no module, whatever file the compiler says.
        let is_bare = is_bare && !roles::is_allocator_entry(name);
        let module = is_bare.then_some(file).flatten().and_then(|file| self.roots().module(file));
        match module {
            Some(module) => (Some(format!("{module}::{name}").into()), true),
            None => (Some(name.into()), false),
        }
    }

    fn roots(&self) -> &CrateRoots {
        self.roots.get_or_init(|| self.dwarf.as_deref().map(CrateRoots::of).unwrap_or_default())
    }

    fn demangled(&self, symbol: &str) -> Arc<str> {
        let mut names = self.names.borrow_mut();
        if let Some(name) = names.get(symbol) {
            return Arc::clone(name);
        }
        let name: Arc<str> = names::demangle(symbol).map_or_else(|| symbol.into(), Arc::from);
        names.insert(symbol.to_owned(), Arc::clone(&name));
        name
    }

    fn file(&self, file: &str) -> Arc<str> {
        let mut files = self.files.borrow_mut();
        if let Some(file) = files.get(file) {
            return Arc::clone(file);
        }
        let file: Arc<str> = file.into();
        files.insert(Arc::clone(&file));
        file
    }
}

/// The whole name of an inlined closure that line tables know as `{closure#0}`: the functions that it was passed to,
/// further out, have it among their generic arguments, if they were inlined as well. None where several fit.
fn closure_name(
    frame: &Frame<'_, Slice<'_>>,
    outer: &[Frame<'_, Slice<'_>>],
    guessed: Option<&str>,
) -> Option<String> {
    let debug_name = frame.function.as_ref()?.raw_name().ok()?;
    let own = debug_name.split('<').next()?;
    // The module is known: a closure of another one is another.
    let module = guessed?.strip_suffix(&*debug_name)?;
    let outer = outer.iter().filter_map(|frame| frame.function.as_ref()?.raw_name().ok());
    let mut found: Option<String> = None;
    for name in outer {
        for path in names::closures_among_arguments(&name, own).filter(|path| path.starts_with(module)) {
            if found.as_ref().is_some_and(|found| found != path) {
                return None;
            }
            found = Some(path.to_owned());
        }
    }
    found.map(|path| path + own)
}

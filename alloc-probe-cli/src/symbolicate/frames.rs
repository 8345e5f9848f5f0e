//! The frames that each row of the stacks stands for.
//!
//! A dump of many sites has a million rows, and a hundredth of it in different frames: rows with the same symbols share
//! theirs.

use super::resolve;
use crate::profile::{Frame, FrameId, Role, Run, Stacks};
use crate::source::generated::Dependencies;
use crate::source::roles;
use alloc_probe_format::dump::{Dump, FrameKind, MergedFunctions, StackNode, SymbolFrame, Symbols};
use rustc_hash::FxHashMap;
use std::collections::HashMap;

/// The rows of a dump's stacks with their frames.
pub(super) struct Rows {
    /// Every distinct frame, once.
    pub(super) frames: Vec<Frame>,
    pub(super) stacks: Stacks,
    /// By names, those of functions with the same code.
    pub(super) merged: HashMap<String, Vec<String>>,
}

impl Rows {
    /// Takes the stacks and the symbols of a sound dump.
    pub(super) fn of(dump: &mut Dump) -> Rows {
        let stacks = std::mem::take(&mut dump.stacks);
        let symbols = dump.symbols.take().unwrap_or_default();
        // Names of functions are no paths of anyone's files, and need not be told apart.
        let dependencies = Dependencies::of(symbols.strings.iter().map(String::as_str));
        let mut table = FrameTable { dependencies, ..FrameTable::default() };
        let mut run = Vec::with_capacity(stacks.len());
        let mut has_cuts = false;
        for (row, node) in stacks.iter().enumerate() {
            run.push(table.row(dump, &symbols, row, node));
            has_cuts |= node.kind == FrameKind::Cut;
        }
        let stacks = Stacks { nodes: stacks, run, runs: table.runs, has_cuts };
        let text = |string: &u32| symbols.strings[*string as usize].clone();
        let others = |merged: &MergedFunctions| merged.others.iter().map(text).collect();
        let merged = symbols.merged.iter().map(|merged| (text(&merged.shown), others(merged))).collect();
        Rows { frames: table.frames, stacks, merged }
    }
}

/// A file that is known to be the standard library's.
const ANY_OF_STD: &str = "library/core/src/lib.rs";

/// Whether frames are of a function that was compiled with the standard library, and of what was inlined into it.
/// Valgrind has files without directories then; where somebody else's code has been inlined, its unit has directories.
fn is_of_std_alone(frames: &[SymbolFrame], strings: &[String]) -> bool {
    let text = |string: u32| strings[string as usize].as_str();
    let is_bare = |frame: &SymbolFrame| frame.file.is_some_and(|file| !text(file).contains('/'));
    frames.len() > 1
        && frames.iter().all(is_bare)
        && frames.last().is_some_and(|frame| roles::is_of_std(text(frame.function)))
}

/// What an operation is called.
fn operation_name(dump: &Dump, number: u64) -> String {
    let operation = usize::try_from(number).ok().and_then(|number| dump.operations.get(number));
    match operation.map(|operation| operation.name.as_str()) {
        Some(name) if !name.is_empty() => name.to_owned(),
        _ => format!("{number}, without a name"),
    }
}

/// Runs of the same symbols, by the functions that a jump left out.
type RunsByLost = FxHashMap<Box<[SymbolFrame]>, u32>;

/// Every distinct frame, and every distinct run of them, once.
#[derive(Default)]
struct FrameTable<'a> {
    /// Whose build scripts may have written code.
    dependencies: Dependencies<'a>,
    frames: Vec<Frame>,
    ids: FxHashMap<Frame, FrameId>,
    runs: Vec<Run>,
    /// Runs by their image and what the symbols say.
    of_symbols: FxHashMap<(Option<u32>, u32), u32>,
    /// The same of rows from which a jump left functions out, by these.
    with_lost: FxHashMap<(Option<u32>, u32), RunsByLost>,
    /// Those of rows without symbols, by their image and address, and of operations.
    unnamed: FxHashMap<(Option<u32>, u64, bool), u32>,
    /// The run of rows that are no frames.
    nothing: Option<u32>,
}

impl FrameTable<'_> {
    fn id(&mut self, frame: Frame) -> FrameId {
        if let Some(id) = self.ids.get(&frame) {
            return *id;
        }
        // There are at most as many as there are addresses and inlined calls in a file of limited size.
        let id = FrameId(u32::try_from(self.frames.len()).unwrap_or(u32::MAX));
        self.frames.push(frame.clone());
        self.ids.insert(frame, id);
        id
    }

    /// The run that a row stands for.
    fn row(&mut self, dump: &Dump, symbols: &Symbols, row: usize, node: &StackNode) -> u32 {
        let carried = symbols.frames.get(row).unwrap_or_default();
        let lost = symbols.tail_calls.binary_search_by_key(&row, |lost| lost.row as usize);
        let lost = lost.map_or(&[][..], |lost| &symbols.tail_calls[lost].frames);
        let is_frame = !matches!(node.kind, FrameKind::Root | FrameKind::Cut);
        if !is_frame {
            let run = self.nothing.unwrap_or_else(|| self.add(Run::new()));
            self.nothing = Some(run);
            return run;
        }
        let is_operation = node.kind == FrameKind::Operation;
        let of_symbols = symbols.frames.run(row).filter(|_| !carried.is_empty() && !is_operation);
        let known = match of_symbols {
            Some(run) if lost.is_empty() => self.of_symbols.get(&(node.image, run)),
            Some(run) => self.with_lost.get(&(node.image, run)).and_then(|known| known.get(lost)),
            None => self.unnamed.get(&(node.image, node.address, is_operation)),
        };
        if let Some(run) = known {
            return *run;
        }
        let frames = self.new_run(dump, symbols, node, (carried, lost));
        let run = self.add(frames);
        match of_symbols {
            Some(of) if lost.is_empty() => self.of_symbols.insert((node.image, of), run),
            Some(of) => self.with_lost.entry((node.image, of)).or_default().insert(lost.into(), run),
            None => self.unnamed.insert((node.image, node.address, is_operation), run),
        };
        run
    }

    fn add(&mut self, run: Run) -> u32 {
        self.runs.push(run);
        self.runs.len() as u32 - 1
    }

    /// The ids of the frames of a row; one that says where it is if nothing is known.
    fn new_run(
        &mut self,
        dump: &Dump,
        symbols: &Symbols,
        node: &StackNode,
        (carried, lost): (&[SymbolFrame], &[SymbolFrame]),
    ) -> Run {
        if node.kind == FrameKind::Operation {
            return [self.id(Frame::of_operation(&operation_name(dump, node.address)))].into_iter().collect();
        }
        let image = node.image.and_then(|image| dump.images.get(image as usize));
        let image_path = image.map(|image| image.path.as_str());
        if carried.is_empty() {
            let function = resolve::unnamed(node.address, image);
            let role = roles::role(&function, None, image_path);
            return [self.id(Frame { function, image: node.image, role, ..Frame::default() })]
                .into_iter()
                .collect();
        }
        let text = |string: u32| symbols.strings[string as usize].clone();
        // What a function that the compiler calls to allocate calls in turn, is the allocator's.
        let is_entry =
            |frame: &SymbolFrame| roles::is_allocator_entry(&symbols.strings[frame.function as usize]);
        let in_allocator = carried.iter().rposition(is_entry).map_or(0, |entry| entry + 1);
        let of_std = is_of_std_alone(carried, &symbols.strings);
        let frames = carried.iter().chain(lost).enumerate().map(|(index, frame)| {
            let (function, file) = (text(frame.function), frame.file.map(text));
            let role = match index < in_allocator {
                true => Role::Allocator,
                false if of_std => roles::role(&function, Some(ANY_OF_STD), image_path),
                false => roles::role(&function, file.as_deref(), image_path),
            };
            self.id(Frame {
                path_guessed: symbols.guessed.binary_search(&frame.function).is_ok(),
                function,
                author: file.as_deref().and_then(|file| self.dependencies.author(file)).map(Box::from),
                file,
                line: frame.line,
                column: frame.column,
                inlined: index + 1 != carried.len() && index + 1 < carried.len() + lost.len(),
                image: node.image,
                role,
            })
        });
        frames.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::paths::Origin;

    /// A dump of one stack, the allocation first, whose functions lie in these files.
    fn dump(files: &[&str]) -> Dump {
        let mut symbols = Symbols::default();
        let mut dump = Dump::default();
        dump.stacks.push(StackNode { kind: FrameKind::Root, ..StackNode::default() });
        symbols.frames.push(&[]);
        for (parent, file) in (0_u32..).zip(files.iter().rev()) {
            let function = symbols.strings.len() as u32;
            symbols.strings.extend([format!("a::f{parent}"), (*file).to_owned()]);
            let frame = SymbolFrame { function, file: Some(function + 1), ..SymbolFrame::default() };
            symbols.frames.push(&[frame]);
            let image = Some(0);
            dump.stacks.push(StackNode { parent, image, address: parent.into(), ..StackNode::default() });
        }
        dump.images.push(Default::default());
        dump.symbols = Some(symbols);
        dump
    }

    /// Which of the frames are of the program's own code.
    fn own(files: &[&str]) -> Vec<bool> {
        let Rows { frames, stacks, .. } = Rows::of(&mut dump(files));
        let is_own = |FrameId(id): FrameId| {
            let source = frames[id as usize].source();
            source.is_some_and(|source| matches!(source.origin, Origin::Project(_)))
        };
        stacks.frames(files.len() as u32).map(is_own).collect()
    }

    #[test]
    fn code_that_a_dependencys_build_script_wrote_is_not_the_programs_own() {
        let rules = "/w/orders/target/release/build/html5ever-af7bff25d40dee6a/out/rules.rs";
        let grammar = "/w/orders/target/release/build/orders-0123456789abcdef/out/grammar.rs";
        let of_package = "/root/.cargo/registry/src/index-1/html5ever-0.25.1/src/lib.rs";
        let main = "/w/orders/src/main.rs";
        assert_eq!(own(&[of_package, rules, grammar, main]), [false, false, true, true]);
        // Without other files of the package, it may be the program's as well.
        assert_eq!(own(&[rules, grammar, main]), [true, true, true]);
    }
}

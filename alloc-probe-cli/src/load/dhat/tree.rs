//! The tree of stacks, and the symbols of its rows, from stacks that are lists of frames.

use super::frames::Frame;
use alloc_probe_format::dump::{FrameKind, Image, StackNode, SymbolFrame, Symbols};
use std::collections::{BTreeSet, HashMap};

/// More frames than this are not inlined into one: a file that says so is damaged, and must not take long for it.
const MAX_INLINED: usize = 1024;

/// A stack of the tree.
pub(super) struct Stack {
    /// The row of its innermost frame.
    pub(super) row: u32,
    /// Whether its outermost frame is none that a thread begins with.
    pub(super) is_cut: bool,
}

/// The tree while it grows.
pub(super) struct Tree {
    known: Vec<Known>,
    images: Vec<Image>,
    stacks: Vec<StackNode>,
    symbols: Symbols,
    /// The row for a caller's and the frames at one address.
    rows: HashMap<(u32, Vec<u32>), u32>,
    /// The row that stands for the frames that were left out, once it is needed.
    cut: Option<u32>,
}

/// A frame of `ftbl`.
struct Known {
    address: u64,
    image: Option<u32>,
    /// None where the function is not known.
    frame: Option<SymbolFrame>,
    begins_a_thread: bool,
}

impl Tree {
    /// A tree for stacks of the frames of `ftbl`, in a program that was started by this path.
    pub(super) fn new(executable: &str, ftbl: &[Frame]) -> Tree {
        let mut strings = Numbers::default();
        let mut paths = Numbers::default();
        // What has no object of its own is the program's.
        let own = paths.of(executable);
        let mut guessed = BTreeSet::new();
        let known = ftbl.iter().map(|frame| {
            let function = frame.function.as_deref().map(|function| strings.of(function));
            guessed.extend(function.filter(|_| frame.path_guessed));
            let image = match &frame.object {
                Some(object) => Some(paths.of(object)),
                None => function.map(|_| own),
            };
            let file = frame.file.as_deref().map(|file| strings.of(file));
            Known {
                address: frame.address,
                image,
                frame: function.map(|function| SymbolFrame {
                    function,
                    file,
                    line: frame.line,
                    column: frame.column,
                }),
                begins_a_thread: frame.begins_a_thread(),
            }
        });
        let known = known.collect();
        let image = |path| Image { path, ..Image::default() };
        Tree {
            known,
            images: paths.texts.into_iter().map(image).collect(),
            stacks: vec![StackNode { kind: FrameKind::Root, ..StackNode::default() }],
            symbols: Symbols {
                strings: strings.texts,
                frames: [[]].iter().collect(),
                guessed: guessed.into_iter().collect(),
                ..Symbols::default()
            },
            rows: HashMap::new(),
            cut: None,
        }
    }

    /// The stack of these frames, the innermost first; none where there is no such frame.
    pub(super) fn stack(&mut self, frames: &[u32]) -> Option<Stack> {
        // The first frame of the table is the root, which is in no stack.
        if !frames.iter().all(|frame| (1..self.known.len()).contains(&(*frame as usize))) {
            return None;
        }
        let known = |frame: &u32| &self.known[*frame as usize];
        // Where a thread begins, system libraries have functions without names.
        let outermost = frames.iter().rev().map(known).find(|frame| frame.frame.is_some());
        let is_cut = outermost.is_some_and(|frame| !frame.begins_a_thread);
        let mut row = if is_cut { self.cut() } else { 0 };
        let mut rest = frames;
        while let Some((first, _)) = rest.split_last() {
            // Calls that were inlined share the address of the one that was not. The same one again is a recursion.
            let address = self.known[*first as usize].address;
            let mut start = rest.len() - 1;
            while start > 0
                && rest.len() - start < MAX_INLINED
                && self.known[rest[start - 1] as usize].address == address
                && !rest[start..].contains(&rest[start - 1])
            {
                start -= 1;
            }
            row = self.row(row, &rest[start..]);
            rest = &rest[..start];
        }
        Some(Stack { row, is_cut })
    }

    /// The row of the frames at one address, called from another row.
    fn row(&mut self, parent: u32, frames: &[u32]) -> u32 {
        let key = (parent, frames.to_vec());
        if let Some(row) = self.rows.get(&key) {
            return *row;
        }
        let outermost = frames.last().map(|frame| &self.known[*frame as usize]);
        let (address, image) = outermost.map_or((0, None), |known| (known.address, known.image));
        let symbols: Vec<SymbolFrame> =
            frames.iter().filter_map(|frame| self.known[*frame as usize].frame).collect();
        let row = self.push(StackNode { parent, image, address, kind: FrameKind::Call }, &symbols);
        self.rows.insert(key, row);
        row
    }

    fn cut(&mut self) -> u32 {
        if let Some(row) = self.cut {
            return row;
        }
        let row = self.push(StackNode { kind: FrameKind::Cut, ..StackNode::default() }, &[]);
        self.cut = Some(row);
        row
    }

    fn push(&mut self, node: StackNode, symbols: &[SymbolFrame]) -> u32 {
        // There are at most as many as there are numbers in a file of limited size.
        let row = u32::try_from(self.stacks.len()).unwrap_or(u32::MAX);
        self.stacks.push(node);
        self.symbols.frames.push(symbols);
        row
    }

    /// What a dump has of it.
    pub(super) fn into_parts(self) -> (Vec<Image>, Vec<StackNode>, Symbols) {
        (self.images, self.stacks, self.symbols)
    }
}

/// Texts, each once.
#[derive(Default)]
struct Numbers {
    texts: Vec<String>,
    by_text: HashMap<String, u32>,
}

impl Numbers {
    fn of(&mut self, text: &str) -> u32 {
        if let Some(number) = self.by_text.get(text) {
            return *number;
        }
        // There are at most as many as there are letters in a file of limited size.
        let number = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        self.texts.push(text.to_owned());
        self.by_text.insert(text.to_owned(), number);
        number
    }
}

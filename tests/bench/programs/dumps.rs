//! Makes two dumps of many sites for the benchmark of the diff: `bench_dumps SITES BASE NEW [apart]`.
//!
//! The base has whole names and all frames; the new one has the last words of names, as line tables know them, and one
//! in ten of its stacks has lost a fifth of its frames. The two list their sites in opposite orders. With `apart`, the
//! new one's stacks are others of the same functions: there is much to compare, and next to nothing that matches.

use alloc_probe_format::dump::*;
use std::collections::HashMap;
use std::error::Error;
use std::fs;

/// Functions of the made-up program, each with three lines that call.
const FUNCTIONS: u64 = 20_000;

/// The numbers of a linear congruential generator.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    /// A stack, the outermost call first: sites share the outer part of theirs with some hundred others.
    fn stack(&mut self) -> Vec<u64> {
        let depth = 20 + self.below(40);
        let mut outer = self.below(500);
        let outer_frames = (0..depth * 2 / 3).map(|_| {
            outer = (outer * 31 + 7) % FUNCTIONS;
            outer * 3
        });
        let mut stack: Vec<u64> = outer_frames.collect();
        stack.extend((0..depth / 3).map(|_| self.below(FUNCTIONS * 3)));
        stack
    }
}

/// A dump while it is made. A frame is a number: three for each function, one for each of its lines.
struct Builder {
    dump: Dump,
    symbols: Symbols,
    rows: HashMap<(u32, u64), u32>,
}

impl Builder {
    fn new(name: impl Fn(u64) -> String) -> Builder {
        let mut strings: Vec<String> = (0..FUNCTIONS).map(name).collect();
        strings.extend((0..200).map(|file| format!("/home/me/program/src/m{file}.rs")));
        let mut dump = Dump { format: FORMAT.into(), version: VERSION, mode: Mode::Full, ..Dump::default() };
        dump.stacks.push(StackNode { kind: FrameKind::Root, ..StackNode::default() });
        dump.images.push(Image { path: "/home/me/program/program".into(), ..Image::default() });
        let symbols = Symbols { strings, frames: [[]].iter().collect(), ..Symbols::default() };
        Builder { dump, symbols, rows: HashMap::new() }
    }

    fn add(&mut self, stack: &[u64], figures: Figures) {
        let mut parent = 0;
        for frame in stack {
            let next = self.dump.stacks.len() as u32;
            let row = *self.rows.entry((parent, *frame)).or_insert(next);
            if row == next {
                let function = frame / 3;
                let node =
                    StackNode { parent, image: Some(0), address: frame * 16 + 1, kind: FrameKind::Call };
                self.dump.stacks.push(node);
                self.symbols.frames.push(&[SymbolFrame {
                    function: function as u32,
                    file: Some((FUNCTIONS + function % 200) as u32),
                    line: Some((function / 200 * 10 + frame % 3 + 1) as u32),
                    column: None,
                }]);
            }
            parent = row;
        }
        self.dump.sites.push(Site { stack: parent, figures, ..Site::default() });
        self.dump.totals.add(&figures);
    }

    fn write(mut self, path: &str) -> Result<(), Box<dyn Error>> {
        self.dump.symbols = Some(self.symbols);
        Ok(fs::write(path, serde_json::to_vec(&self.dump)?)?)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let (sites, base_path, new_path, are_apart) = match &arguments[..] {
        [_, sites, base, new] => (sites, base, new, false),
        [_, sites, base, new, apart] if apart == "apart" => (sites, base, new, true),
        _ => return Err("usage: bench_dumps SITES BASE NEW [apart]".into()),
    };
    let mut numbers = Numbers(5);
    let mut base = Builder::new(|function| format!("program::m{}::function{function}", function % 200));
    let mut new = Builder::new(|function| format!("function{function}<T>"));
    let mut sites: Vec<(Vec<u64>, Figures)> = (0..sites.parse()?)
        .map(|_| {
            let total_blocks = 1 + numbers.below(1000);
            let figures = Figures {
                total_blocks,
                total_bytes: total_blocks * (1 + numbers.below(500)),
                peak_bytes: numbers.below(total_blocks),
                peak_blocks: 1,
                ..Figures::default()
            };
            (numbers.stack(), figures)
        })
        .collect();
    sites.iter().for_each(|(stack, figures)| base.add(stack, *figures));
    sites.reverse();
    for (stack, figures) in &mut sites {
        if are_apart {
            *stack = numbers.stack();
        }
        if numbers.below(10) == 0 {
            let innermost = stack.pop();
            stack.retain(|_| numbers.below(5) > 0);
            stack.extend(innermost);
        }
        new.add(stack, *figures);
    }
    base.write(base_path)?;
    new.write(new_path)
}

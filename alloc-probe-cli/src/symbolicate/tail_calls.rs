//! Functions that a stack has lost, since they ended in a jump.
//!
//! Where the last thing a function does is to call another, the optimiser makes that call a jump, and the frame is
//! gone before the other function runs. The code gives it away: what the caller calls is one function, and what is on
//! the stack inside of it is another. If there is only one way of jumps from the one to the other, the functions on
//! that way were there.

use super::symbols::SymbolTable;
use object::{Architecture, Object, ObjectSection, RelocationTarget, SectionKind};
use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Range;

/// Longer ways are not looked for.
const MAX_LOST: usize = 6;
/// With more jumps than this out of the functions on the way, nobody knows which.
const MAX_JUMPS: usize = 512;

/// A binary's machine code.
pub(super) struct Code<'a> {
    architecture: Architecture,
    /// The sections, with their addresses.
    sections: Vec<(u64, &'a [u8])>,
    /// What the loader writes into the image: addresses of its own functions, through which some are called.
    pointers: HashMap<u64, u64>,
}

/// The jumps of a function to another, by their addresses.
pub(super) type Jumps = Vec<u64>;

impl<'a> Code<'a> {
    /// The code in the files of a binary: those with debug info alone have none.
    pub(super) fn of<'f>(files: impl Iterator<Item = &'f object::File<'a>>) -> Code<'a>
    where
        'a: 'f,
    {
        let mut code =
            Code { architecture: Architecture::Unknown, sections: Vec::new(), pointers: HashMap::new() };
        for file in files {
            code.architecture = file.architecture();
            let relocations = file.dynamic_relocations().into_iter().flatten();
            let own = relocations.filter(|(_, relocation)| relocation.target() == RelocationTarget::Absolute);
            code.pointers.extend(own.map(|(at, relocation)| (at, relocation.addend() as u64)));
            let sections = file.sections().filter(|section| section.kind() == SectionKind::Text);
            code.sections
                .extend(sections.filter_map(|section| Some((section.address(), section.data().ok()?))));
        }
        code.sections.retain(|(_, data)| !data.is_empty());
        code.sections.sort_unstable_by_key(|(address, _)| *address);
        code
    }

    fn bytes(&self, range: Range<u64>) -> Option<&'a [u8]> {
        let beyond = self.sections.partition_point(|(address, _)| *address <= range.start);
        let (address, data) = self.sections[..beyond].last()?;
        let offset = |at: u64| usize::try_from(at.checked_sub(*address)?).ok();
        data.get(offset(range.start)?..offset(range.end)?)
    }

    /// What the call that returns to `return_address` calls, where its instruction says so.
    fn called(&self, return_address: u64) -> Option<u64> {
        match self.architecture {
            Architecture::X86_64 => {
                let call = self.bytes(return_address.checked_sub(6)?..return_address)?;
                match call {
                    [0xff, 0x15, offset @ ..] => {
                        self.pointers.get(&relative(return_address, offset)).copied()
                    }
                    [_, 0xe8, offset @ ..] => Some(relative(return_address, offset)),
                    _ => None,
                }
            }
            Architecture::Aarch64 => {
                let at = return_address.checked_sub(4)?;
                branch(at, self.bytes(at..return_address)?, 0b10_0101)
            }
            _ => None,
        }
    }

    /// Everything in a function that may be a jump out of it, with where to. It need not be one: it may be in the midst
    /// of another instruction.
    fn jumps(&self, function: &Range<u64>) -> Vec<(u64, u64)> {
        let Some(code) = self.bytes(function.clone()) else { return Vec::new() };
        let at = |offset: usize| function.start + offset as u64;
        let all: Vec<(u64, u64)> = match self.architecture {
            Architecture::X86_64 => {
                let jump = |offset: usize| match code[offset..] {
                    [0xe9, ref to @ ..] if to.len() >= 4 => Some(relative(at(offset + 5), to)),
                    [0xff, 0x25, ref to @ ..] if to.len() >= 4 => {
                        self.pointers.get(&relative(at(offset + 6), to)).copied()
                    }
                    _ => None,
                };
                (0..code.len()).filter_map(|offset| Some((at(offset), jump(offset)?))).collect()
            }
            Architecture::Aarch64 => {
                let words = code.chunks_exact(4).enumerate();
                words
                    .filter_map(|(index, word)| {
                        Some((at(index * 4), branch(at(index * 4), word, 0b00_0101)?))
                    })
                    .collect()
            }
            _ => Vec::new(),
        };
        all.into_iter().filter(|(_, to)| !function.contains(to)).collect()
    }
}

/// The address that an offset of 32 bits says.
fn relative(from: u64, offset: &[u8]) -> u64 {
    let offset = i32::from_le_bytes([offset[0], offset[1], offset[2], offset[3]]);
    from.wrapping_add_signed(offset.into())
}

/// Where an instruction of AArch64 branches to, if it is such a branch.
fn branch(at: u64, instruction: &[u8], operation: u32) -> Option<u64> {
    let word = u32::from_le_bytes([instruction[0], instruction[1], instruction[2], instruction[3]]);
    let offset = i64::from((word << 6) as i32 >> 6) * 4;
    (word >> 26 == operation).then(|| at.wrapping_add_signed(offset))
}

/// What was found of a binary's tail calls. One thread's.
pub(super) struct TailCalls<'a> {
    code: &'a Code<'a>,
    symbols: &'a SymbolTable<'a>,
    /// For functions by where they begin, those they may jump to, with the jumps.
    jumps: RefCell<HashMap<u64, Vec<(u64, Jumps)>>>,
    /// The ways from one function to another.
    ways: RefCell<HashMap<(u64, u64), Vec<Jumps>>>,
}

impl<'a> TailCalls<'a> {
    pub(super) fn new(code: &'a Code<'a>, symbols: &'a SymbolTable<'a>) -> TailCalls<'a> {
        TailCalls { code, symbols, jumps: RefCell::default(), ways: RefCell::default() }
    }

    /// The jumps by which the function that is called before `return_address` came to be replaced by the one that
    /// `inner` lies in, the last first; for each function on the way, all that may have been taken. None where it is the
    /// one that was called, or nobody knows.
    pub(super) fn between(&self, return_address: u64, inner: u64) -> Vec<Jumps> {
        let known = || {
            let called = self.code.called(return_address)?;
            let reached = self.symbols.function_at(inner)?.start;
            let is_function = self.symbols.function_at(called)?.start == called;
            (called != reached && is_function).then_some((called, reached))
        };
        let Some((called, reached)) = known() else { return Vec::new() };
        if let Some(way) = self.ways.borrow().get(&(called, reached)) {
            return way.clone();
        }
        let way = self.only_way(called, reached);
        self.ways.borrow_mut().insert((called, reached), way.clone());
        way
    }

    fn only_way(&self, called: u64, reached: u64) -> Vec<Jumps> {
        let mut found = Vec::new();
        let mut tried = 0;
        self.ways(&mut vec![called], &mut Vec::new(), reached, &mut tried, &mut found);
        match found.pop() {
            Some(mut only) if found.is_empty() && tried <= MAX_JUMPS => {
                only.reverse();
                only
            }
            _ => Vec::new(),
        }
    }

    /// Finds up to two ways from the last of some functions to another.
    fn ways(
        &self,
        functions: &mut Vec<u64>,
        way: &mut Vec<Jumps>,
        reached: u64,
        tried: &mut usize,
        found: &mut Vec<Vec<Jumps>>,
    ) {
        let Some(from) = functions.last().filter(|_| way.len() < MAX_LOST) else { return };
        for (to, jumps) in self.jumps_of(*from) {
            *tried += 1;
            if found.len() > 1 || *tried > MAX_JUMPS || functions.contains(&to) {
                continue;
            }
            way.push(jumps);
            if to == reached {
                found.push(way.clone());
            } else {
                functions.push(to);
                self.ways(functions, way, reached, tried, found);
                functions.pop();
            }
            way.pop();
        }
    }

    /// The functions that one jumps to.
    fn jumps_of(&self, start: u64) -> Vec<(u64, Jumps)> {
        if let Some(jumps) = self.jumps.borrow().get(&start) {
            return jumps.clone();
        }
        let mut jumps: Vec<(u64, Jumps)> = Vec::new();
        let all =
            self.symbols.function_at(start).map(|function| self.code.jumps(&function)).unwrap_or_default();
        for (at, to) in all {
            if self.symbols.function_at(to).is_none_or(|function| function.start != to) {
                continue;
            }
            match jumps.iter_mut().find(|(known, _)| *known == to) {
                Some((_, places)) => places.push(at),
                None => jumps.push((to, vec![at])),
            }
        }
        self.jumps.borrow_mut().insert(start, jumps.clone());
        jumps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `call` or `jmp` from one address to another, as five bytes.
    fn transfer(operation: u8, from: u64, to: u64) -> Vec<u8> {
        let offset = i32::try_from(to as i64 - from as i64 - 5).unwrap();
        [vec![operation], offset.to_le_bytes().to_vec()].concat()
    }

    const CALL: u8 = 0xe8;
    const JUMP: u8 = 0xe9;

    /// Functions of 32 bytes from 0x1000 on, each with some instructions: where they are in it, what, and which function
    /// they go to. The first calls at its start, so that the call returns to 0x1005.
    fn between(functions: &[&[(u64, u8, u64)]], inner: u64) -> Vec<Jumps> {
        let start = |function: u64| 0x1000 + 32 * function;
        let mut bytes = vec![0x90; 32 * functions.len()];
        for (function, instructions) in (0..).zip(functions) {
            for (at, operation, to) in *instructions {
                let from = start(function) + at;
                let offset = (from - start(0)) as usize;
                bytes[offset..offset + 5].copy_from_slice(&transfer(*operation, from, start(*to)));
            }
        }
        // Before the call, which may be one of six bytes.
        let bytes = [vec![0x90], bytes].concat();
        let code = Code {
            architecture: Architecture::X86_64,
            sections: vec![(0xfff, &bytes)],
            pointers: HashMap::new(),
        };
        let symbols: Vec<_> = (0..functions.len() as u64)
            .map(|function| (start(function), start(function) + 32, "f"))
            .collect();
        let symbols = SymbolTable::of_functions(&symbols);
        TailCalls::new(&code, &symbols).between(0x1005, start(inner) + 7)
    }

    #[test]
    fn the_only_way_from_the_called_function_to_the_one_on_the_stack_was_taken() {
        // 0 calls 1, which jumps to 2 from two places, which jumps to 3.
        let functions: [&[(u64, u8, u64)]; 4] =
            [&[(0, CALL, 1)], &[(8, JUMP, 2), (20, JUMP, 2)], &[(0, JUMP, 3)], &[]];
        assert_eq!(between(&functions, 3), [vec![0x1040], vec![0x1028, 0x1034]]);
        assert_eq!(between(&functions, 2), [vec![0x1028, 0x1034]]);
        assert!(between(&functions, 1).is_empty(), "what was called is what is on the stack");
        assert!(between(&functions, 0).is_empty(), "no way leads there");
    }

    #[test]
    fn of_two_ways_nobody_knows_which() {
        let functions: [&[(u64, u8, u64)]; 4] =
            [&[(0, CALL, 1)], &[(0, JUMP, 2), (8, JUMP, 3)], &[(0, JUMP, 3)], &[]];
        assert!(between(&functions, 3).is_empty());
    }

    #[test]
    fn functions_that_jump_in_circles_are_no_burden() {
        let functions: [&[(u64, u8, u64)]; 4] =
            [&[(0, CALL, 1)], &[(0, JUMP, 2), (8, JUMP, 0)], &[(0, JUMP, 1), (8, JUMP, 0)], &[]];
        assert!(between(&functions, 3).is_empty());
    }

    #[test]
    fn a_function_may_be_called_by_a_pointer_that_the_loader_writes() {
        // call *0x100(%rip); and a function that is jmp *0x100(%rip).
        let bytes = [vec![0xff, 0x15, 0, 1, 0, 0], vec![0xff, 0x25, 0, 1, 0, 0], vec![0x90]].concat();
        let code = Code {
            architecture: Architecture::X86_64,
            sections: vec![(0x1000, &bytes)],
            pointers: HashMap::from([(0x1106, 0x1006), (0x110c, 0x100c)]),
        };
        let symbols =
            SymbolTable::of_functions(&[(0x1000, 0x1006, "f"), (0x1006, 0x100c, "g"), (0x100c, 0x100d, "h")]);
        assert_eq!(TailCalls::new(&code, &symbols).between(0x1006, 0x100c), [vec![0x1006]]);
    }

    #[test]
    fn branches_of_aarch64_are_read() {
        // bl +8; nop; b -4, which is out of the function; and a register's branch.
        let bytes: Vec<u8> = [0x9400_0002_u32, 0xd503_201f, 0x17ff_ffff, 0xd61f_0000]
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .collect();
        let code = Code {
            architecture: Architecture::Aarch64,
            sections: vec![(0x1000, &bytes)],
            pointers: HashMap::new(),
        };
        assert_eq!(code.called(0x1004), Some(0x1008));
        assert_eq!(code.called(0x1010), None);
        assert_eq!(code.jumps(&(0x1008..0x1010)), [(0x1008, 0x1004)]);
    }
}

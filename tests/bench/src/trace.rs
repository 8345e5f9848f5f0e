//! Which memory each instruction of some code touches, seen in the process itself: the processor's trap flag stops before
//! each instruction, its registers are kept, and afterwards it is decoded.
//!
//! So the memory that two threads would pass from core to core can be counted on a machine that has one.

use iced_x86::{Decoder, DecoderOptions, InstructionInfoFactory, OpAccess, Register};
use std::collections::HashSet;
use std::ops::Range;

/// The cache lines that some code touched, by their addresses divided by [`LINE_BYTES`].
#[derive(Debug, Default)]
pub struct Lines {
    /// Read or written.
    pub touched: HashSet<u64>,
    /// Written.
    pub written: HashSet<u64>,
}

/// Bytes of a cache line.
pub const LINE_BYTES: u64 = 64;

/// What [`trap::registers`](crate::trap::registers) keeps of an instruction: the general registers by their encoding, the instruction's address, and
/// the base of `fs`.
pub type Registers = [u64; 18];

impl Lines {
    /// What those of some instructions touch that are in a range of addresses: those of the program, say, and not of its
    /// libraries. They are told by the registers before each.
    ///
    /// # Panics
    ///
    /// Where an instruction has an operand whose address the registers that are kept don't tell.
    pub fn of(code: &Range<u64>, instructions: &[Registers]) -> Lines {
        let mut lines = Lines::default();
        let mut infos = InstructionInfoFactory::new();
        for registers in instructions {
            let at = registers[16];
            if !code.contains(&at) {
                continue;
            }
            // SAFETY: the program's code lies there, from the instruction to the end of the range at least.
            let bytes =
                unsafe { std::slice::from_raw_parts(at as *const u8, (code.end - at).min(15) as usize) };
            let instruction = Decoder::with_ip(64, bytes, at, DecoderOptions::NONE).decode();
            for memory in infos.info(&instruction).used_memory() {
                let address = memory.virtual_address(0, |register, _, _| value(registers, register));
                let first =
                    address.unwrap_or_else(|| panic!("{instruction:?} at {at:x}: where is its operand?"));
                let last = first + memory.memory_size().size().max(1) as u64 - 1;
                for line in first / LINE_BYTES..=last / LINE_BYTES {
                    if reads(memory.access()) || writes(memory.access()) {
                        lines.touched.insert(line);
                    }
                    if writes(memory.access()) {
                        lines.written.insert(line);
                    }
                }
            }
        }
        lines
    }
}

fn reads(access: OpAccess) -> bool {
    matches!(access, OpAccess::Read | OpAccess::CondRead | OpAccess::ReadWrite | OpAccess::ReadCondWrite)
}

fn writes(access: OpAccess) -> bool {
    matches!(access, OpAccess::Write | OpAccess::CondWrite | OpAccess::ReadWrite | OpAccess::ReadCondWrite)
}

fn value(registers: &Registers, register: Register) -> Option<u64> {
    match register {
        Register::ES | Register::CS | Register::SS | Register::DS => Some(0),
        Register::FS => Some(registers[17]),
        _ if register.is_gpr64() => Some(registers[register.number()]),
        _ if register.is_gpr32() => Some(registers[register.number()] & 0xffff_ffff),
        _ => None,
    }
}

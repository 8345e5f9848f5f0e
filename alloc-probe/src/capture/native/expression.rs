//! Evaluating the few DWARF expressions that unwind tables contain: those of procedure linkage tables, of signal
//! frames, of realigned frames, and of hand-written assembly.

use super::arch::COUNT;
use super::memory::Memory;
use gimli::{Encoding, Expression, Operation};

use super::cfi::Slice;

/// Registers by DWARF's numbers, and which of them are known, as bits.
#[derive(Clone, Copy, Debug)]
pub(super) struct File {
    pub(super) values: [u64; COUNT],
    pub(super) known: u64,
}

impl File {
    /// The value of a register, if it's known.
    pub(super) fn get(&self, number: usize) -> Option<u64> {
        let value = *self.values.get(number)?;
        (self.known & 1 << number != 0).then_some(value)
    }

    /// Makes a register known.
    pub(super) fn set(&mut self, number: usize, value: u64) {
        if let Some(place) = self.values.get_mut(number) {
            *place = value;
            self.known |= 1 << number;
        }
    }
}

/// Why an expression, or a rule, has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoValue {
    /// It needs a register that isn't known.
    Register,
    /// It reads what can't be read, or does what isn't supported.
    Fault,
}

/// Far more than any expression met needs.
const DEPTH: usize = 16;

/// The value of an expression over `registers`, `initial` being on the evaluation's stack at first.
pub(super) fn evaluate(
    expression: Expression<Slice>,
    encoding: Encoding,
    registers: &File,
    memory: &mut Memory<'_>,
    initial: Option<u64>,
) -> Result<u64, NoValue> {
    let mut stack = Stack { values: [0; DEPTH], len: 0 };
    if let Some(initial) = initial {
        stack.push(initial)?;
    }
    let mut operations = expression.operations(encoding);
    while let Some(operation) = operations.next().map_err(|_| NoValue::Fault)? {
        let value = match operation {
            Operation::RegisterOffset { register, offset, .. } => {
                let base = registers.get(usize::from(register.0)).ok_or(NoValue::Register)?;
                base.wrapping_add_signed(offset)
            }
            Operation::Deref { size: 8, space: false, .. } => {
                let address = stack.pop()?;
                memory.read(address).ok_or(NoValue::Fault)?
            }
            Operation::UnsignedConstant { value } => value,
            Operation::SignedConstant { value } => value as u64,
            Operation::PlusConstant { value } => stack.pop()?.wrapping_add(value),
            Operation::Plus => stack.binary(u64::wrapping_add)?,
            Operation::Minus => stack.binary(u64::wrapping_sub)?,
            Operation::And => stack.binary(|a, b| a & b)?,
            Operation::Or => stack.binary(|a, b| a | b)?,
            Operation::Shl => stack.binary(|a, b| shift(b, |by| a.checked_shl(by)))?,
            Operation::Shr => stack.binary(|a, b| shift(b, |by| a.checked_shr(by)))?,
            Operation::Ge => stack.binary(|a, b| u64::from(a as i64 >= b as i64))?,
            Operation::Nop => continue,
            _ => return Err(NoValue::Fault),
        };
        stack.push(value)?;
    }
    stack.pop()
}

/// The result of a shift, which is 0 where everything is shifted out.
fn shift(by: u64, f: impl FnOnce(u32) -> Option<u64>) -> u64 {
    u32::try_from(by).ok().and_then(f).unwrap_or(0)
}

struct Stack {
    values: [u64; DEPTH],
    len: usize,
}

impl Stack {
    fn push(&mut self, value: u64) -> Result<(), NoValue> {
        *self.values.get_mut(self.len).ok_or(NoValue::Fault)? = value;
        self.len += 1;
        Ok(())
    }

    fn pop(&mut self) -> Result<u64, NoValue> {
        self.len = self.len.checked_sub(1).ok_or(NoValue::Fault)?;
        Ok(self.values[self.len])
    }

    /// Replaces the two topmost values: `f` gets the lower one first.
    fn binary(&mut self, f: impl FnOnce(u64, u64) -> u64) -> Result<u64, NoValue> {
        let upper = self.pop()?;
        let lower = self.pop()?;
        Ok(f(lower, upper))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::native::memory::Window;
    use gimli::{EndianSlice, Format, NativeEndian};

    fn value_of(bytes: &'static [u8], registers: &File, words: &[u64]) -> Result<u64, NoValue> {
        let start = words.as_ptr() as u64;
        let mut window = Window::default();
        // SAFETY: the memory is that of `words`.
        let mut memory = unsafe { Memory::new(start, start + 8 * words.len() as u64, &mut window) };
        let expression = Expression(EndianSlice::new(bytes, NativeEndian));
        let encoding = Encoding { address_size: 8, format: Format::Dwarf32, version: 1 };
        evaluate(expression, encoding, registers, &mut memory, None)
    }

    fn registers(pairs: &[(usize, u64)]) -> File {
        let mut file = File { values: [0; COUNT], known: 0 };
        pairs.iter().for_each(|&(number, value)| file.set(number, value));
        file
    }

    #[test]
    fn procedure_linkage_tables() {
        // breg7 8, breg16 0, lit15, and, lit11, ge, lit3, shl, plus: a word more from the twelfth byte on.
        let plt = &[0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22];
        assert_eq!(value_of(plt, &registers(&[(7, 0x1000), (16, 0x400a)]), &[]), Ok(0x1008));
        assert_eq!(value_of(plt, &registers(&[(7, 0x1000), (16, 0x400b)]), &[]), Ok(0x1010));
    }

    #[test]
    fn stored_addresses_are_read() {
        // breg6 -8, deref, plus_uconst 8
        let stored = &[0x76, 0x78, 0x06, 0x23, 8];
        let words = [0x5000, 0];
        let file = registers(&[(6, &raw const words[1] as u64)]);
        assert_eq!(value_of(stored, &file, &words), Ok(0x5008));
        assert_eq!(value_of(stored, &registers(&[(6, 16)]), &words), Err(NoValue::Fault), "not mapped");
        assert_eq!(value_of(stored, &registers(&[]), &words), Err(NoValue::Register));
    }

    #[test]
    fn malformed_expressions_are_faults() {
        for bytes in [&[][..], &[0x22], &[0x77], &[0x96, 0x06], &[0x9c], &[0x30; 17]] {
            assert_eq!(value_of(bytes, &registers(&[(7, 8)]), &[]), Err(NoValue::Fault), "{bytes:x?}");
        }
    }
}

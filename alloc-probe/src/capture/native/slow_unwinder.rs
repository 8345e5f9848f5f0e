//! The walker for stacks that are out of the ordinary: of signal handlers and coroutines, on stacks that aren't the
//! thread's own, and with frames whose rules don't fit into a [`Rule`].
//!
//! It follows all registers and takes whatever the tables say. That costs a microsecond a frame where it may not use
//! the rule cache, which drops the registers that rules don't speak of; it first tries with it.

use super::arch::{self, COUNT, FP, PC, RA, SP, preserved_here};
use super::cfi::{self, Found};
use super::expression::{File, NoValue, evaluate};
use super::memory::{Memory, Window};
use super::objects;
use super::registers::Registers;
use super::rule::{Kind, Rule};
use super::{frame_pointer, rule_cache, rules, step};
use crate::capture::frame::FrameKey;
use gimli::{CfaRule, Register, RegisterRule};

/// How often a stack may go on at a lower address, as it does from a coroutine to what resumed it. What goes on for
/// longer runs in a circle.
const SWITCHES: u32 = 64;

/// A stack as the walker found it.
pub(super) struct Walked {
    /// How many frames it wrote down.
    pub(super) depth: usize,
    /// Whether it got to where the stack begins.
    pub(super) whole: bool,
}

/// What of the stack can be read directly.
#[derive(Clone, Copy, Debug)]
pub(super) enum Extent {
    /// It's the thread's own: what is in use of it, up to this address.
    Own { high: u64 },
    /// Another's: nothing.
    Foreign,
}

impl Extent {
    /// # Safety
    ///
    /// An own stack must reach from `sp`, which is in use, to where the extent says.
    unsafe fn memory(self, sp: u64, window: &mut Window) -> Memory<'_> {
        match self {
            // SAFETY: the caller's promise.
            Extent::Own { high } => unsafe { Memory::new(sp, high, window) },
            // SAFETY: that is no memory at all.
            Extent::Foreign => unsafe { Memory::new(0, 0, window) },
        }
    }
}

/// Walks the stack outwards from `start`, whose own frame isn't written down, and writes frames to `keys`.
///
/// # Safety
///
/// `start` must be of a function that hasn't returned, and if the extent is the thread's own, on its stack.
#[inline(never)]
pub(super) unsafe fn walk(
    start: Registers,
    extent: Extent,
    keys: &mut [FrameKey],
    window: &mut Window,
) -> Walked {
    let mut registers = File { values: [0; COUNT], known: 0 };
    registers.set(FP, start.bp);
    registers.set(SP, start.sp);
    registers.set(PC, start.pc);
    // SAFETY: the caller's promise.
    let mut memory = unsafe { extent.memory(start.sp, window) };
    let mut walker = Walker { registers, exact: false, cached: true, switches: 0, memory: &mut memory };
    match walker.write(start.sp, keys) {
        Ok(walked) => walked,
        // SAFETY: as for this function.
        Err(NeedsAllRegisters) => unsafe { walk_afresh(start, extent, keys, window) },
    }
}

/// As [`walk`], but from this function's own registers, and without the rule cache.
///
/// # Safety
///
/// As for [`walk`].
#[inline(never)]
pub(super) unsafe fn walk_afresh(
    start: Registers,
    extent: Extent,
    keys: &mut [FrameKey],
    window: &mut Window,
) -> Walked {
    let (values, known) = preserved_here();
    // SAFETY: the caller's promise; this function's frame is on the same stack.
    let mut memory = unsafe { extent.memory(values[SP], window) };
    let registers = File { values, known };
    Walker { registers, exact: false, cached: false, switches: 0, memory: &mut memory }
        .write(start.sp, keys)
        .unwrap_or(Walked { depth: 0, whole: false })
}

struct Walker<'a, 'm> {
    registers: File,
    /// Whether the frame goes on at the very instruction that its address names, and not after a call before it.
    exact: bool,
    cached: bool,
    switches: u32,
    memory: &'a mut Memory<'m>,
}

/// A rule refers to a register that was lost by using the rule cache.
struct NeedsAllRegisters;

enum Step {
    Frame,
    End,
    Lost,
}

impl<'a, 'm> Walker<'a, 'm> {
    /// Writes down all frames outward of the one whose stack pointer is `start_sp`.
    fn write(&mut self, start_sp: u64, keys: &mut [FrameKey]) -> Result<Walked, NeedsAllRegisters> {
        let mut depth = 0;
        let mut inside = true;
        loop {
            match self.step()? {
                Step::Frame => {}
                Step::End => return Ok(Walked { depth, whole: true }),
                Step::Lost => return Ok(Walked { depth, whole: false }),
            }
            // Frames of the probe itself come first if the walk began further in.
            inside &= self.registers.values[SP] <= start_sp;
            if inside {
                continue;
            }
            let Some(key) = keys.get_mut(depth) else { return Ok(Walked { depth, whole: false }) };
            let pc = self.registers.values[PC];
            *key = if self.exact { FrameKey::exact(pc) } else { FrameKey::call(pc) };
            depth += 1;
        }
    }

    /// Goes to the caller's frame.
    fn step(&mut self) -> Result<Step, NeedsAllRegisters> {
        let [pc, sp] = [PC, SP].map(|number| self.registers.values[number]);
        let address = if self.exact { pc } else { pc.wrapping_sub(1) };
        let outcome = match if self.cached { self.cached_rule(address) } else { Rule::UNUSUAL } {
            rule if rule.is_simple() => self.follow(rule).map(|()| false),
            rule if rule.kind() == Kind::End => return Ok(Step::End),
            _ => self.follow_tables(address),
        };
        match outcome {
            Ok(exact) => self.exact = exact,
            Err(Stop::End) => return Ok(Step::End),
            Err(Stop::NoValue(NoValue::Register)) if self.cached => return Err(NeedsAllRegisters),
            Err(Stop::NoValue(_)) => return Ok(Step::Lost),
        }
        let values = &self.registers.values;
        if values[PC] == 0 {
            return Ok(Step::End);
        }
        if values[SP] <= sp {
            self.switches += 1;
        }
        Ok(if self.switches > SWITCHES { Step::Lost } else { Step::Frame })
    }

    fn cached_rule(&self, address: u64) -> Rule {
        let rule = rule_cache::get(address);
        if rule == Rule::EMPTY { rules::learn(address) } else { rule }
    }

    fn read(&mut self, address: u64) -> Result<u64, Stop> {
        self.memory.read(address).ok_or(Stop::NoValue(NoValue::Fault))
    }

    fn follow(&mut self, rule: Rule) -> Result<(), Stop> {
        let values = self.registers.values;
        let base = if rule.kind().is_by_sp() { values[SP] } else { values[FP] };
        let cfa = base.wrapping_add(rule.cfa_bytes());
        let pc = arch::code_address(self.read(step::pc_slot(rule, cfa))?);
        let bp =
            if step::restores_bp(rule) { self.read(cfa.wrapping_sub(rule.bp_bytes()))? } else { values[FP] };
        self.registers.known = 0;
        self.registers.set(PC, pc);
        self.registers.set(SP, cfa);
        self.registers.set(FP, bp);
        Ok(())
    }

    /// As the tables say. Tells whether a signal interrupted the frame that was reached.
    fn follow_tables(&mut self, address: u64) -> Result<bool, Stop> {
        let object = objects::find(address);
        if let Some(object) = &object {
            let mut outcome = None;
            cfi::with_row(object, address, |found| outcome = Some(self.follow_row(&found)));
            if let Some(outcome) = outcome {
                return outcome;
            }
        }
        if frame_pointer::returns_from_signal(self.registers.values[PC], self.memory) {
            return self.follow_context().map(|()| true);
        }
        if self.exact {
            // Where a signal interrupted a function, it may or may not have set its frame pointer up.
            let stub = frame_pointer::is_stub(address, self.memory);
            return if stub {
                self.follow(Rule::STUB).map(|()| false)
            } else {
                Err(Stop::NoValue(NoValue::Fault))
            };
        }
        self.follow_frame_pointer().map(|()| false)
    }

    fn follow_row(&mut self, found: &Found<'_>) -> Result<bool, Stop> {
        let before = self.registers;
        let cfa = match found.row.cfa() {
            CfaRule::RegisterAndOffset { register, offset } => {
                known(&before, usize::from(register.0))?.wrapping_add_signed(*offset)
            }
            CfaRule::Expression(expression) => self.value(found, expression, &before, None)?,
        };
        // A frame that was interrupted may have its return address in a register still, where there's one for it.
        let in_register = self.exact && RA != PC;
        if found.row.register(Register(RA as u16)) == RegisterRule::Undefined && !in_register {
            return Err(Stop::End);
        }
        self.registers.set(SP, cfa);
        for (register, rule) in found.row.registers() {
            let number = usize::from(register.0);
            let value = match rule {
                RegisterRule::Offset(offset) => self.read(cfa.wrapping_add_signed(*offset))?,
                RegisterRule::ValOffset(offset) => cfa.wrapping_add_signed(*offset),
                RegisterRule::Register(other) => known(&before, usize::from(other.0))?,
                RegisterRule::Expression(expression) => {
                    let address = self.value(found, expression, &before, Some(cfa))?;
                    self.read(address)?
                }
                RegisterRule::ValExpression(expression) => {
                    self.value(found, expression, &before, Some(cfa))?
                }
                RegisterRule::Constant(value) => *value,
                _ => continue,
            };
            self.registers.set(number, value);
        }
        self.registers.set(PC, arch::code_address(known(&self.registers, RA)?));
        Ok(found.signal)
    }

    fn value(
        &mut self,
        found: &Found<'_>,
        expression: &gimli::UnwindExpression<usize>,
        registers: &File,
        initial: Option<u64>,
    ) -> Result<u64, Stop> {
        let bytes = found.section.expression(expression).ok_or(Stop::NoValue(NoValue::Fault))?;
        Ok(evaluate(bytes, found.section.encoding(), registers, self.memory, initial)?)
    }

    /// From a signal handler that returns through code without tables: the kernel's record of the interrupted
    /// registers (`ucontext_t`) is where the stack pointer points.
    fn follow_context(&mut self) -> Result<(), Stop> {
        let (offset, order) = arch::CONTEXT;
        let context = self.registers.values[SP].wrapping_add(offset);
        for (i, number) in order.into_iter().enumerate() {
            let value = self.read(context.wrapping_add(8 * i as u64))?;
            self.registers.set(number, value);
        }
        Ok(())
    }

    /// Tries whether code without tables keeps frame pointers.
    fn follow_frame_pointer(&mut self) -> Result<(), Stop> {
        let (sp, bp) = (self.registers.values[SP], known(&self.registers, FP)?);
        if bp == 0 && frame_pointer::is_outermost(sp, self.memory) {
            // That is a property of the code, so from now on it needs no search.
            rule_cache::insert(self.registers.values[PC].wrapping_sub(1), Rule::END);
            return Err(Stop::End);
        }
        if frame_pointer::return_address(sp, bp, self.memory).is_none() {
            if frame_pointer::is_base(sp, self.memory.high(), self.memory) {
                return Err(Stop::End);
            }
            return Err(Stop::NoValue(NoValue::Fault));
        }
        self.follow(Rule::FRAME_POINTER)
    }
}

/// Why there's no further step.
enum Stop {
    End,
    NoValue(NoValue),
}

impl From<NoValue> for Stop {
    fn from(why: NoValue) -> Stop {
        Stop::NoValue(why)
    }
}

fn known(registers: &File, number: usize) -> Result<u64, NoValue> {
    registers.get(number).ok_or(NoValue::Register)
}

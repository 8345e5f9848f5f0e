//! What each build shows in its stacks, and so does not lose.
//!
//! A frame is lost where a function ends in a jump to another. A call that a build shows in one stack is none of
//! those: where a chain lacks it, it is the chain of something else, such as of a recursion that went less deep.

use super::group::{Group, Step};
use super::key::Key;
use crate::profile::Role;
use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

/// One in so many of an unoptimised build's functions is inlined at most: those that are marked to be.
const HARDLY_ANY: usize = 20;

type Set = HashSet<u64, BuildHasherDefault<Mixed>>;

/// The calls of one build. Lines are those of the new build, for either.
#[derive(Debug, Default)]
pub(super) struct Calls {
    /// Functions that call others, with the line. Where the other was inlined, that is no call.
    pairs: Set,
    /// Functions with the line from which they call, whatever it is.
    callers: Set,
    /// Those of them that have a frame of their own.
    physical: Set,
    /// Whether hardly anything is inlined: then nothing is lost.
    is_plain: bool,
}

impl Calls {
    /// Learns from all groups, and from all frames. `line` says where a step is in the new build.
    pub(super) fn of(groups: &[Group], keys: &[Key], line: impl Fn(Step) -> u32) -> Calls {
        let mut calls = Calls::default();
        for group in groups {
            let calls_of_group = group.chain.windows(2).zip(&group.called).filter(|(_, called)| **called);
            calls.pairs.extend(calls_of_group.map(|(call, _)| pair(call[0], call[1], line(call[1]))));
        }
        let (mut inlined, mut all) = (0, 0);
        for key in keys.iter().filter(|key| key.role == Role::Program && key.line > 0) {
            let step = Step { function: key.function, line: key.line };
            calls.callers.insert(caller(step, line(step)));
            if !key.inlined {
                calls.physical.insert(caller(step, line(step)));
            }
            inlined += usize::from(key.inlined);
            all += 1;
        }
        calls.is_plain = inlined * HARDLY_ANY <= all;
        calls
    }

    /// Whether hardly anything is inlined.
    pub(super) fn is_plain(&self) -> bool {
        self.is_plain
    }

    /// Whether the build can't have lost `step`, which is at `line` there, though a chain of its has the step inside of
    /// it and not `step` itself. `outer` is the next one further out, with its line; a recursive function is in the
    /// chain elsewhere.
    pub(super) fn keep(
        &self,
        inner: Step,
        (step, line): (Step, u32),
        outer: Option<(Step, u32)>,
        is_recursive: bool,
    ) -> bool {
        if self.is_plain && step.line > 0 && self.callers.contains(&caller(step, line)) {
            return true;
        }
        let has = |inner: Step, (outer, line): (Step, u32)| self.pairs.contains(&pair(inner, outer, line));
        let is_physical = || self.physical.contains(&caller(step, line));
        // A function right inside of itself is a turn of a recursion: without it, the stack is that of another depth.
        if inner.function == step.function && is_physical() {
            return true;
        }
        has(inner, (step, line))
            && (outer.is_none_or(|outer| has(step, outer)) || is_recursive && is_physical())
    }
}

fn pair(inner: Step, outer: Step, line: u32) -> u64 {
    mixed(u64::from(inner.function.0) << 32 | u64::from(outer.function.0), line)
}

fn caller(step: Step, line: u32) -> u64 {
    mixed(step.function.0.into(), line)
}

fn mixed(functions: u64, line: u32) -> u64 {
    let mixed = functions.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ mixed >> 32 ^ u64::from(line)).wrapping_mul(0xd6e8_feb8_6659_fd93)
}

/// Takes what is mixed already as it is.
#[derive(Default)]
struct Mixed(u64);

impl Hasher for Mixed {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key ^ key >> 32;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

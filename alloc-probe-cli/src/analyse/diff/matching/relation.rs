//! What names and positions say of two calls.

use crate::analyse::diff::key::{FunctionId, Functions};
use crate::analyse::diff::pair::MatchKind;
use crate::analyse::diff::step::Step;
use rustc_hash::FxHashMap;

/// How much is to be believed at least.
const LEAST_SAME_FUNCTION: f32 = 0.3;
const LEAST_OTHER_FUNCTION: f32 = 0.5;

/// What names and positions say, the surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Relation {
    /// One function, and nothing says that it's another line.
    SameLine,
    /// Another function at the very same position, and one build has both, as those of one macro that became one.
    SamePosition,
    /// Functions of two texts that are the same machine code, as the binary of a build says.
    OneAddress,
    /// Another function at the very same position, and each build has one of them alone.
    Renamed,
    /// One function, at another line.
    SameFunction,
    /// Functions of two names, of which a build may know one alone.
    Other,
    /// The same, and both builds know both.
    Contradicted,
}

impl Relation {
    /// How much a likeness counts, and how much that must be at least.
    const fn weight(self) -> (f32, f32) {
        match self {
            Relation::SameLine => (1.0, LEAST_SAME_FUNCTION),
            Relation::SamePosition | Relation::OneAddress | Relation::Renamed => (0.9, LEAST_SAME_FUNCTION),
            Relation::SameFunction => (0.85, LEAST_SAME_FUNCTION),
            Relation::Other => (0.7, LEAST_OTHER_FUNCTION),
            Relation::Contradicted => (0.5, LEAST_OTHER_FUNCTION),
        }
    }

    /// How much it is to be believed that two calls are one, by how alike they are otherwise.
    pub(super) fn believed(self, likeness: f32) -> Option<f32> {
        let (weight, least) = self.weight();
        let score = weight * likeness;
        (score >= least).then_some(score)
    }

    /// With less likeness it is not believed.
    pub(super) fn least_likeness(self) -> f32 {
        let (weight, least) = self.weight();
        least / weight
    }

    pub(super) const fn kind(self) -> MatchKind {
        match self {
            // Where several functions were made one, they have one name.
            Relation::SameLine | Relation::SamePosition | Relation::OneAddress => MatchKind::Exact,
            Relation::SameFunction => MatchKind::Subsequence,
            Relation::Renamed | Relation::Other | Relation::Contradicted => MatchKind::Site,
        }
    }
}

/// Calls, by their functions: the line of each, and a number. A closure that has no line may be any of its file, so it's not
/// among them.
pub(super) struct Keys<'a> {
    functions: &'a Functions,
    calls: FxHashMap<FunctionId, Vec<(u32, usize)>>,
}

impl<'a> Keys<'a> {
    pub(super) fn new(functions: &'a Functions) -> Keys<'a> {
        Keys { functions, calls: FxHashMap::default() }
    }

    pub(super) fn add(&mut self, step: Step) {
        self.add_of(step, 0);
    }

    pub(super) fn add_of(&mut self, step: Step, number: usize) {
        if self.tells(step) {
            self.calls.entry(step.function).or_default().push((step.line, number));
        }
    }

    /// Whether a step says which function it is of.
    fn tells(&self, step: Step) -> bool {
        step.line > 0 || self.functions.known.get(step.function.0 as usize).is_none_or(|it| it.is_named)
    }

    /// The numbers of calls of a step's function, unless the lines say that they are others.
    pub(super) fn of(&self, step: Step) -> impl Iterator<Item = usize> {
        let calls = self.calls.get(&step.function).filter(|_| self.tells(step));
        let is_line = move |line: u32| line == step.line || line == 0 || step.line == 0;
        let calls = calls.map_or(&[][..], Vec::as_slice).iter();
        calls.filter(move |(line, _)| is_line(*line)).map(|(_, number)| *number)
    }

    pub(super) fn has(&self, step: Step) -> bool {
        self.of(step).next().is_some()
    }
}

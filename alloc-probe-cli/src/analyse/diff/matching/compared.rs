//! What is called from one place, and which calls of both builds are the same one.

use super::amount::Amount;
use super::below::{Calls, Parts};
use super::builds::Builds;
use super::few::Few;
use super::node::{Node, ROOT};
use super::relation::{Keys, Relation};
use crate::analyse::diff::pair::MatchKind;
use crate::analyse::diff::step::Step;
use rustc_hash::{FxHashMap, FxHashSet};
use std::cell::RefCell;
use std::rc::Rc;

/// With more comparisons than this at one place, only calls of one function, or at one position, are compared.
const MAX_COMPARED: usize = 4096;
/// How many frames in a row may be lost.
const MAX_LOST: usize = 8;

/// How much it is to be believed at least that a frame was lost.
const LEAST_LOST: f32 = 0.45;
/// So much of a call's blocks must find room in what another, which has a counterpart already, has too much.
const LEAST_ROOM: f32 = 0.8;
/// Fewer blocks than these may be anybody's.
const TELLING_BLOCKS: u64 = 8;

/// Calls of both builds that are the same one.
pub(super) struct Class {
    pub(super) nodes: [Vec<u32>; 2],
    pub(super) kind: MatchKind,
}

/// For each side and class, how many calls the class had when its room was asked for, and that room.
type Rooms = FxHashMap<(usize, usize), ([usize; 2], Rc<Amount>)>;
/// By side, call, class and how many calls this had, which share of what is below the call is below the class.
type Within = FxHashMap<(usize, u32, usize, usize), Option<f32>>;

/// What the calls from one place are compared in.
pub(super) struct Compared<'a> {
    builds: &'a Builds<'a>,
    /// The nodes that are at the place.
    pub(super) nodes: [Vec<u32>; 2],
    /// How sure it is of what is allocated right here.
    pub(super) kind: MatchKind,
    /// Calls, each with its side, from frames that the other build shouldn't have lost.
    pub(super) loose: FxHashSet<(usize, u32)>,
    /// Calls that have counterparts.
    pub(super) classes: Vec<Class>,
    by_step: FxHashMap<Step, usize>,
    /// Calls without a counterpart, so far.
    pub(super) open: [Vec<u32>; 2],
    /// Calls without a counterpart that are to be believed to be the same, of those that were compared.
    alike: Vec<(f32, Explanation)>,
    /// Which these are, and whether all of them were compared with each other.
    compared: (FxHashSet<(usize, u32)>, bool),
    rooms: RefCell<Rooms>,
    within: RefCell<Within>,
    /// What is below a call of a side, of those that were asked about.
    parts: RefCell<FxHashMap<(usize, u32), Rc<Parts>>>,
}

/// What may explain a call without a counterpart.
#[derive(Clone, Copy, Debug)]
enum Explanation {
    /// It's that one of the other side.
    Is { base: u32, new: u32 },
    /// It's one that has counterparts already.
    Joins { side: usize, node: u32, class: usize },
    /// The other build lost its frame.
    Lost { side: usize, node: u32 },
    /// The other build lost its frame in part of the calls: what it has too little of there, it has right here.
    LostInPart { side: usize, class: usize },
}

impl<'a> Compared<'a> {
    /// Compares what is called from some nodes of both builds, which are the same call as surely as `kind` says, and finds a
    /// counterpart for each, as far as there is one.
    pub(super) fn explained(builds: &'a Builds<'a>, nodes: &[Few; 2], kind: MatchKind) -> Compared<'a> {
        let mut compared = Compared {
            builds,
            nodes: [0, 1].map(|side| nodes[side].to_vec()),
            kind,
            loose: FxHashSet::default(),
            classes: Vec::new(),
            by_step: FxHashMap::default(),
            open: Default::default(),
            alike: Vec::new(),
            compared: Default::default(),
            rooms: RefCell::default(),
            within: RefCell::default(),
            parts: RefCell::default(),
        };
        let children = [0, 1].map(|side| {
            let tree = builds.trees[side];
            nodes[side].iter().flat_map(|node| tree.node(*node).children.iter().copied()).collect::<Vec<_>>()
        });
        compared.add(children);
        // In another run of a binary, a call of another name or at another line is another call.
        if !builds.is_one_binary {
            compared.explain();
        }
        compared
    }

    fn step(&self, side: usize, node: u32) -> Step {
        self.builds.trees[side].node(node).step
    }

    /// Adds calls, those that have one name and position to each other.
    fn add(&mut self, calls: [Vec<u32>; 2]) {
        for (side, calls) in calls.into_iter().enumerate() {
            for node in calls {
                match self.by_step.get(&self.step(side, node)) {
                    Some(class) => self.classes[*class].nodes[side].push(node),
                    None => self.open[side].push(node),
                }
            }
        }
        // The very same column, and then any of the line.
        for exact in [true, false] {
            let key = |step: Step| if exact { step } else { Step { column: 0, ..step } };
            let mut sides: FxHashMap<Step, [Vec<usize>; 2]> = FxHashMap::default();
            for side in [0, 1] {
                for (at, open) in self.open[side].iter().enumerate() {
                    sides.entry(key(self.step(side, *open))).or_default()[side].push(at);
                }
            }
            let mut both: Vec<[Vec<usize>; 2]> =
                sides.into_values().filter(|sides| sides.iter().all(|side| !side.is_empty())).collect();
            both.sort_unstable();
            let mut gone = [Vec::new(), Vec::new()];
            for sides in both {
                let nodes =
                    [0, 1].map(|side| sides[side].iter().map(|at| self.open[side][*at]).collect::<Vec<_>>());
                (0..2).for_each(|side| gone[side].extend(&sides[side]));
                self.class(nodes, MatchKind::Exact);
            }
            for (open, mut gone) in self.open.iter_mut().zip(gone) {
                gone.sort_unstable();
                let mut at = 0..;
                open.retain(|_| at.next().is_some_and(|at| gone.binary_search(&at).is_err()));
            }
        }
    }

    fn class(&mut self, nodes: [Vec<u32>; 2], kind: MatchKind) {
        for side in [0, 1] {
            for node in &nodes[side] {
                self.by_step.entry(self.step(side, *node)).or_insert(self.classes.len());
            }
        }
        self.classes.push(Class { nodes, kind });
    }

    /// Finds the best explanation for each call without a counterpart, as far as there is one.
    fn explain(&mut self) {
        // Each round but the last takes a call out of those without a counterpart, or brings its callees instead.
        loop {
            self.compare_open();
            let mut explanations = self.explanations();
            explanations.sort_by(|a, b| b.0.total_cmp(&a.0));
            let mut changed = false;
            for (_, explanation) in explanations {
                match explanation {
                    Explanation::Is { base, new } if self.is_open(0, base) && self.is_open(1, new) => {
                        self.close(0, base);
                        self.close(1, new);
                        let kind = self.kind([base, new]);
                        self.class([vec![base], vec![new]], kind);
                        // Others may join them.
                        changed = true;
                    }
                    Explanation::Joins { side, node, class }
                        if self.is_open(side, node) && self.has_room(side, node, class) =>
                    {
                        self.close(side, node);
                        self.classes[class].nodes[side].push(node);
                        let step = self.step(side, node);
                        // Of lines that became one, the optimiser keeps one; of functions as well, if they are of one place.
                        let theirs = self.classes[class].nodes[1 - side].iter();
                        let relation =
                            theirs.map(|it| self.relation(side, step, self.step(1 - side, *it))).min();
                        if relation.is_none_or(|it| it == Relation::Renamed || it > Relation::SameFunction) {
                            self.classes[class].kind = MatchKind::Subsequence.max(self.classes[class].kind);
                        }
                        self.by_step.entry(step).or_insert(class);
                    }
                    Explanation::Lost { side, node } if self.is_open(side, node) => {
                        self.close(side, node);
                        let mut nodes = [Vec::new(), Vec::new()];
                        nodes[side].push(node);
                        self.open_up(side, nodes);
                        changed = true;
                        break;
                    }
                    // Others may have joined it by now.
                    Explanation::LostInPart { side, class } if self.lost_in_part(side, class).is_some() => {
                        let nodes = std::mem::take(&mut self.classes[class].nodes);
                        self.by_step.retain(|_, of| *of != class);
                        self.open_up(side, nodes);
                        changed = true;
                        break;
                    }
                    _ => {}
                }
            }
            if !changed {
                return;
            }
        }
    }

    /// Takes what some calls call for called right here, as this side shows their frame, and the other build lost it.
    fn open_up(&mut self, side: usize, nodes: [Vec<u32>; 2]) {
        // Where a program begins, no code of another version can be.
        let is_entry = self.nodes[side].contains(&ROOT);
        let is_sure = self.builds.may_lose[1 - side] && (self.builds.is_by_optimiser || is_entry);
        let mut callees = [Vec::new(), Vec::new()];
        for of in [0, 1] {
            for node in &nodes[of] {
                let Node { children, groups, .. } = self.builds.trees[of].node(*node);
                callees[of].extend_from_slice(children);
                if !is_sure && !groups.is_empty() {
                    self.kind = self.kind.max(MatchKind::Subsequence);
                }
            }
            if !is_sure {
                self.loose.extend(callees[of].iter().map(|callee| (of, *callee)));
            }
            self.nodes[of].extend(&nodes[of]);
        }
        self.add(callees);
    }

    fn is_open(&self, side: usize, node: u32) -> bool {
        self.open[side].contains(&node)
    }

    fn close(&mut self, side: usize, node: u32) {
        self.open[side].retain(|open| *open != node);
    }

    /// All explanations that are to be believed, each with how much.
    fn explanations(&self) -> Vec<(f32, Explanation)> {
        let mut found = Vec::new();
        // Where the code may be another, what was called there may be called right here now.
        let may_lose = |side: &usize| self.builds.is_by_optimiser && self.builds.may_lose[1 - side];
        for side in [0, 1].into_iter().filter(may_lose) {
            for class in 0..self.classes.len() {
                let score = self.lost_in_part(side, class);
                found.extend(score.map(|score| (score, Explanation::LostInPart { side, class })));
            }
        }
        let [base, new] = &self.open;
        if base.is_empty() && new.is_empty() {
            return found;
        }
        let few = self.are_few();
        found.extend(&self.alike);
        for side in [0, 1] {
            if self.open[side].is_empty() {
                continue;
            }
            let there = self.there(side);
            for &open in &self.open[side] {
                let mut amount = None;
                for (class, of_class) in self.classes.iter().enumerate() {
                    let step = |of: usize| of_class.nodes[of].iter().map(move |node| self.step(of, *node));
                    let relations =
                        step(1 - side).map(|theirs| self.relation(side, self.step(side, open), theirs));
                    let Some(relation) = relations.min() else { continue };
                    if !few && relation >= Relation::Other {
                        continue;
                    }
                    let room = self.room(side, class);
                    if room.blocks == 0 {
                        continue;
                    }
                    let amount = amount.get_or_insert_with(|| self.amount(side, open));
                    let fits = amount.fits_into(&room);
                    if fits < LEAST_ROOM {
                        continue;
                    }
                    // A call of a call of theirs is no call beside it: frames between the two may be lost.
                    if relation >= Relation::Other
                        && self.is_further_in(side, open, &of_class.nodes[1 - side], 0.0)
                    {
                        continue;
                    }
                    // PERF: most are known to be too little after a function or two.
                    let least = 2.0 * relation.least_likeness() - fits;
                    let Some(within) = self.is_within(side, open, class, least) else { continue };
                    let score = relation.believed((within + fits) / 2.0);
                    found.extend(
                        score.map(|score| (score * 0.95, Explanation::Joins { side, node: open, class })),
                    );
                }
                found.extend(
                    self.lost(side, open, &there)
                        .map(|score| (score, Explanation::Lost { side, node: open })),
                );
            }
        }
        found
    }

    /// Whether so few calls lack a counterpart that each can be compared with all others.
    fn are_few(&self) -> bool {
        let ([base, new], classes) = (self.open.each_ref().map(Vec::len), self.classes.len());
        base * (new + classes) + new * classes <= MAX_COMPARED
    }

    /// Compares the calls without a counterpart that were not compared yet.
    fn compare_open(&mut self) {
        let few = self.are_few();
        let [base, new] = &self.open;
        let is_open = |(_, explanation): &(f32, Explanation)| match explanation {
            Explanation::Is { base: b, new: n } => base.contains(b) && new.contains(n),
            _ => false,
        };
        let (mut alike, mut compared) = (std::mem::take(&mut self.alike), std::mem::take(&mut self.compared));
        if compared.1 != few {
            (alike, compared) = (Vec::new(), (FxHashSet::default(), few));
        }
        alike.retain(is_open);
        for &b in base {
            for &n in new {
                if compared.0.contains(&(0, b)) && compared.0.contains(&(1, n)) {
                    continue;
                }
                let relation = self.relation(0, self.step(0, b), self.step(1, n));
                if few || relation != Relation::Other && relation != Relation::Contradicted {
                    let likeness = self.parts(0, b).likeness(&self.parts(1, n));
                    let score = relation.believed(likeness);
                    alike.extend(score.map(|score| (score, Explanation::Is { base: b, new: n })));
                }
            }
        }
        let sides = self.open.iter().enumerate();
        compared.0.extend(sides.flat_map(|(side, open)| open.iter().map(move |node| (side, *node))));
        (self.alike, self.compared) = (alike, compared);
    }

    /// Whether the other side shows a call below some of its own, at least so large a share of its blocks, and this side may
    /// have lost what is between. A side that may have lost frames itself shows calls below others that are not.
    fn is_further_in(&self, side: usize, node: u32, above: &[u32], least: f32) -> bool {
        if !self.builds.may_lose[side] || self.builds.may_lose[1 - side] {
            return false;
        }
        let (step, theirs) = (self.step(side, node), self.builds.trees[1 - side]);
        let is_it = |node: &u32| {
            let Step { function, line, .. } = theirs.node(*node).step;
            function == step.function && (line == step.line || line == 0 || step.line == 0)
        };
        let all = self.builds.trees[side].node(node).blocks;
        let mut frontier = above.to_vec();
        let mut found = 0_u64;
        for _ in 0..MAX_LOST {
            let called = frontier.iter().flat_map(|node| theirs.node(*node).children.iter().copied());
            let (these, others): (Vec<u32>, Vec<u32>) = called.partition(is_it);
            found = these.iter().map(|node| theirs.node(*node).blocks).fold(found, u64::saturating_add);
            if found > 0 && found as f32 >= least * all as f32 {
                return true;
            }
            frontier = others;
        }
        false
    }

    /// Whether a class still lacks most of what a call has: what it has too much may be somebody else's by now.
    fn has_room(&self, side: usize, node: u32, class: usize) -> bool {
        let wanted = self.room(side, class).common(&self.amount(side, node)) as f32;
        wanted >= LEAST_ROOM * self.builds.trees[side].node(node).blocks as f32
    }

    /// What the other side of a class has beyond this one.
    fn room(&self, side: usize, class: usize) -> Rc<Amount> {
        let calls = [0, 1].map(|side| self.classes[class].nodes[side].len());
        let mut rooms = self.rooms.borrow_mut();
        let room = rooms.entry((side, class)).or_insert_with(|| (calls, Rc::new(self.new_room(side, class))));
        if room.0 != calls {
            *room = (calls, Rc::new(self.new_room(side, class)));
        }
        Rc::clone(&room.1)
    }

    fn new_room(&self, side: usize, class: usize) -> Amount {
        let amount = |side: usize| self.calls(side, &self.classes[class].nodes[side]).amount();
        if !self.builds.sizes_tell && self.blocks(1 - side, class) <= self.blocks(side, class) {
            return Amount::default();
        }
        amount(1 - side).beyond(&amount(side), self.builds.sizes_tell)
    }

    /// How many blocks are allocated below one side of a class.
    fn blocks(&self, side: usize, class: usize) -> u64 {
        let nodes = self.classes[class].nodes[side].iter();
        nodes.map(|node| self.builds.trees[side].node(*node).blocks).fold(0, u64::saturating_add)
    }

    /// Which share of what is below a call of a side is below the other side of a class as well; none where it is less than so
    /// much.
    fn is_within(&self, side: usize, open: u32, class: usize, least: f32) -> Option<f32> {
        let theirs = &self.classes[class].nodes[1 - side];
        // A class only ever gets more calls, or loses all.
        let key = (side, open, class, theirs.len());
        let mut known = self.within.borrow_mut();
        *known
            .entry(key)
            .or_insert_with(|| self.parts(side, open).are_within(&self.calls(1 - side, theirs), least))
    }

    fn parts(&self, side: usize, node: u32) -> Rc<Parts> {
        let mut known = self.parts.borrow_mut();
        Rc::clone(known.entry((side, node)).or_insert_with(|| Rc::new(self.calls(side, &[node]).parts())))
    }

    fn calls<'c>(&'c self, side: usize, nodes: &'c [u32]) -> Calls<'c> {
        self.builds.trees[side].calls(nodes)
    }

    fn amount(&self, side: usize, node: u32) -> Amount {
        self.builds.trees[side].below.amount(node)
    }

    /// What is without a counterpart here, of the other side than this.
    fn there(&self, side: usize) -> There<'a> {
        let other = 1 - side;
        let mut amount = Amount::default();
        let mut keys = Keys::new(self.builds.functions);
        for open in &self.open[other] {
            amount.add(&self.amount(other, *open));
            keys.add(self.step(other, *open));
        }
        let [ours, theirs] = [side, other].map(|side| self.builds.trees[side].own(&self.nodes[side]));
        let own = theirs.beyond(&ours, self.builds.sizes_tell);
        amount.add(&own);
        let mut classes = Keys::new(self.builds.functions);
        for (number, class) in self.classes.iter().enumerate() {
            class.nodes[other].iter().for_each(|node| classes.add_of(self.step(other, *node), number));
        }
        There { amount, own, keys, classes }
    }

    /// How much it is to be believed that the other build lost the frame of a call: that what is below it is right here.
    fn lost(&self, side: usize, open: u32, there: &There<'_>) -> Option<f32> {
        let other = 1 - side;
        let tree = self.builds.trees[side];
        // A callee of the lost one may be called from here as well.
        let children = &tree.node(open).children;
        let mut called: Vec<usize> =
            children.iter().flat_map(|child| there.classes.of(tree.node(*child).step)).collect();
        called.sort_unstable();
        called.dedup();
        let mut amount = there.amount.clone();
        let mut called_keys = Keys::new(self.builds.functions);
        for class in called {
            amount.add(&self.room(side, class));
            self.classes[class].nodes[other].iter().for_each(|node| called_keys.add(self.step(other, *node)));
        }
        let fits = self.amount(side, open).fits_into(&amount);
        let mut frontier = vec![open];
        let mut best = 0.0_f32;
        let mut weight = 1.0;
        for _ in 0..MAX_LOST {
            let mut met = 0;
            let mut next = Vec::new();
            for node in &frontier {
                let node = tree.node(*node);
                for group in node.groups.iter() {
                    met += tree.below.of_group(*group).common(&there.own);
                }
                for child in node.children.iter() {
                    let step = tree.node(*child).step;
                    if there.keys.has(step) || called_keys.has(step) {
                        met += tree.node(*child).blocks;
                    } else {
                        next.push(*child);
                    }
                }
            }
            best = best.max(weight * met as f32 / tree.node(open).blocks.max(1) as f32);
            weight *= 0.95;
            frontier = next;
        }
        let is_shown = self.builds.trees[other].shows(self.step(side, open).function);
        let believed = match (self.builds.may_lose[other], is_shown) {
            (true, false) => 0.95,
            (true, true) => 0.85,
            (false, false) => 0.75,
            (false, true) => 0.6,
        };
        let score = believed * (best.min(1.0) + fits) / 2.0;
        (best > 0.5 && score >= LEAST_LOST).then_some(score)
    }

    /// How much it is to be believed that the other build lost the frame of part of the calls of a class: what it has too
    /// little of there, it has right here, in calls of the same callees.
    fn lost_in_part(&self, side: usize, class: usize) -> Option<f32> {
        let other = 1 - side;
        let tree = self.builds.trees[side];
        // PERF: nearly everywhere, both have as many blocks.
        let [ours, theirs] = [side, other].map(|side| self.blocks(side, class));
        if ours < theirs.saturating_add(TELLING_BLOCKS) {
            return None;
        }
        let lacked = self.room(other, class);
        if lacked.blocks < TELLING_BLOCKS {
            return None;
        }
        let mut callees = Keys::new(self.builds.functions);
        let children =
            self.classes[class].nodes[side].iter().flat_map(|node| tree.node(*node).children.iter());
        children.for_each(|child| callees.add(tree.node(*child).step));
        let is_callee = |node: &u32| callees.has(self.step(other, *node));
        let mut here = Amount::default();
        let open = self.open[other].iter().filter(|node| is_callee(node));
        open.for_each(|node| here.add(&self.amount(other, *node)));
        let called = (0..self.classes.len())
            .filter(|called| *called != class && self.classes[*called].nodes[other].iter().any(is_callee));
        called.for_each(|called| here.add(&self.room(side, called)));
        let fits = lacked.fits_into(&here);
        (fits >= LEAST_ROOM).then_some(0.95 * fits)
    }

    /// How sure it is that two calls are the same one, if they are.
    fn kind(&self, nodes: [u32; 2]) -> MatchKind {
        let [base, new] = [0, 1].map(|side| self.step(side, nodes[side]));
        let relation = self.relation(0, base, new);
        // Where a function begins, nothing calls, as a build without optimisation tells: the optimiser left that line, as
        // that of `derive` instead of a field's.
        let is_left = |unoptimised: usize, call: Step, line: u32| {
            self.builds.is_by_optimiser
                && !self.builds.may_lose[unoptimised]
                && self.builds.lines.is_beginning(unoptimised, self.file(call), call, line)
        };
        match relation {
            Relation::SameFunction if is_left(0, base, new.line) || is_left(1, new, base.line) => {
                MatchKind::Exact
            }
            Relation::SameFunction if (0..2).any(|it| self.is_left_of_several(it, nodes)) => MatchKind::Exact,
            relation => relation.kind(),
        }
    }

    fn file(&self, step: Step) -> Option<u32> {
        self.builds.functions.known.get(step.function.0 as usize)?.file
    }

    /// Whether a call of one function is at the line that the optimiser left of several, by the build that is not
    /// optimised: that has the line as well, and what is allocated below this one; but nowhere does the optimised build
    /// show the line of this one.
    fn is_left_of_several(&self, unoptimised: usize, nodes: [u32; 2]) -> bool {
        let Builds { lines, is_by_optimiser, sizes_tell, may_lose, .. } = self.builds;
        let [ours, theirs] = [unoptimised, 1 - unoptimised].map(|side| (side, self.step(side, nodes[side])));
        let has_lines = ours.1.line > 0 && theirs.1.line > 0;
        let amounts = [0, 1].map(|side| self.amount(side, nodes[side]));
        *is_by_optimiser
            && *sizes_tell
            && !may_lose[unoptimised]
            && has_lines
            && lines.shows(unoptimised, ours.1.function, theirs.1.line)
            && !lines.shows(theirs.0, ours.1.function, ours.1.line)
            && amounts[0].blocks >= TELLING_BLOCKS
            && amounts[0].likeness(&amounts[1]) >= 1.0
            // Otherwise frames were lost, if anything.
            && !self.is_further_in(theirs.0, nodes[theirs.0], &[nodes[ours.0]], LEAST_ROOM)
    }

    /// Whether a call is of a closure that another crate's macro made, as an optimised build shows it: where it's inlined into
    /// the function that the macro is used in, its line is that of this use, from which it's called as well. Otherwise it
    /// is the macro's.
    fn is_of_macro(&self, side: usize, ours: Step, theirs: Step) -> bool {
        let function = |step: Step| self.builds.functions.known.get(step.function.0 as usize);
        let is_closure = |step: Step| function(step).is_some_and(|it| it.is_known && !it.is_named);
        let is_use = |node: &u32| {
            let caller = self.step(side, *node);
            (caller.line, caller.column) == (ours.line, ours.column) && self.file(caller) == self.file(ours)
        };
        self.builds.may_lose[side]
            && self.builds.is_by_optimiser
            && is_closure(ours)
            && is_closure(theirs)
            && ours.column > 0
            && self.file(ours).is_some()
            && self.file(theirs).is_some()
            && self.file(ours) != self.file(theirs)
            && self.nodes[side].iter().any(is_use)
    }

    /// What two calls have to do with each other by their names and positions.
    fn relation(&self, side: usize, ours: Step, theirs: Step) -> Relation {
        let other = 1 - side;
        if ours.function == theirs.function {
            return match ours.line == theirs.line || ours.line == 0 || theirs.line == 0 {
                true => Relation::SameLine,
                false => Relation::SameFunction,
            };
        }
        if self.is_of_macro(side, ours, theirs) || self.is_of_macro(other, theirs, ours) {
            return Relation::SamePosition;
        }
        if self.builds.functions.have_one_address(ours.function, theirs.function) {
            return Relation::OneAddress;
        }
        let is_position =
            ours.line > 0 && ours.column > 0 && (ours.line, ours.column) == (theirs.line, theirs.column);
        let shows = |side: usize, step: Step| self.builds.trees[side].shows(step.function);
        if is_position && self.file(ours).is_some() && self.file(ours) == self.file(theirs) {
            // A function that took others in is one that the other build has, too.
            return match shows(other, ours) || shows(side, theirs) {
                true => Relation::SamePosition,
                false => Relation::Renamed,
            };
        }
        match shows(other, ours) && shows(side, theirs) {
            true => Relation::Contradicted,
            false => Relation::Other,
        }
    }
}

/// What one side has at a place without a counterpart.
struct There<'a> {
    /// All that is below calls, and what callers allocate themselves.
    amount: Amount,
    own: Amount,
    /// The calls.
    keys: Keys<'a>,
    /// Those which have counterparts, with their classes.
    classes: Keys<'a>,
}

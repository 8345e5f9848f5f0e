//! What became of the blocks of a pair: each pair whose sides differ has one class of change.
//!
//! The rules are tried in the order of [`Class::ALL`], and the first that holds is taken: a count that differs says more
//! than sizes do, and sizes more than lives.

mod debug_only;
mod lives;
mod positions;
mod sums;

use super::coverage::Coverage;
use super::key::{Functions, Key};
use super::pair::{Pair, Sites};
use super::step::program_frames;
use super::work;
use crate::analyse::sampling::relative_error;
use crate::profile::{Frame, FrameId, Profile, Role};
use crate::source::names;
use alloc_probe_format::dump::{Build, Figures, Mode};
use alloc_probe_format::metric::Metric;
use debug_only::{debug_only, is_one_version};
use lives::{Buckets, TELLING_LIFETIMES, lifetime_change, typical_change};
use positions::Positions;
use std::cmp::Ordering;
pub(super) use sums::Places;
use sums::{Left, NOTABLE};

/// Counts that differ by less than this share of the larger are the same: with several threads, they never are to the
/// last block.
const SAME_COUNT: f64 = 0.02;
/// From this share of the blocks on that have another size, or this share of the bytes, sizes changed.
const OTHER_SIZES: f64 = NOTABLE;
const OTHER_BYTES: f64 = 0.05;
/// From this share of the blocks on that live at another time, lives changed; and so many of them at least: one block
/// more or less at the instant of the peak is a matter of that instant.
const OTHER_LIVES: f64 = 0.05;
const TELLING_LIVES: u64 = 2;
/// Powers of two by which lifetimes must have changed, beyond what those of most sites did: a faster build shortens all.
const OTHER_LIFETIME: f64 = 2.0;
/// And nanoseconds by which their mean must have changed beyond that: a thread that has to wait for a processor once makes all blocks that
/// it holds live so much longer.
const TIME_SLICE_NS: f64 = 1e7;
/// From this share of a run's bytes on whose functions have no name, nothing can be told: what stands beside each other
/// may be different code.
const NAMELESS: f64 = 0.05;
/// Where less than this was matched, in percent, what has no counterpart may have one that was not found.
const TRUSTED: f64 = 90.0;
/// A sample surely has something of a site that allocated so many times the mean distance between two samples.
const MISSED: f64 = 10.0;
/// Standard errors by which estimates must differ to be taken for different.
const ERRORS: f64 = 3.0;

/// What runs with fewer blocks than this may be chance, where threads share their work.
pub(super) const TELLING_BLOCKS: u64 = 8;
/// Functions of the C library in which threads begin. The standard library's is `thread_start`.
const THREAD_STARTS: [&str; 5] = ["start_thread", "clone", "clone3", "__clone", "__clone3"];

/// So much of a difference must be left when others' have been made up for: whoever reads that a site's blocks were
/// elided takes it for all of them, so what is not so has to be too little to be worth a word.
const SAID: f64 = 1.0 - NOTABLE;

/// What is counted by a figure of when blocks live.
#[derive(Clone, Copy)]
enum Counts {
    Live,
    Temporary,
    Bytes,
}

/// One of a site's figures.
type Figure = fn(&Figures) -> u64;

/// The figures that say when blocks live.
const LIVES: [(Figure, Counts); 5] = [
    (|figures| figures.end_blocks, Counts::Live),
    (|figures| figures.peak_blocks, Counts::Live),
    (|figures| figures.temporary_blocks, Counts::Temporary),
    (|figures| figures.peak_bytes, Counts::Bytes),
    (|figures| figures.end_bytes, Counts::Bytes),
];

/// What became of the blocks of a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Only a build with debug assertions calls the function that they come from: of two builds of one version, the other
    /// has nothing of it, neither under its name nor under another, though the optimiser can't have removed it.
    DebugOnly,
    /// Optimising removed them, or leaving the debug assertions out. Of two builds of one version of a program, the more
    /// optimised one has none of them, or fewer; both have the allocating function, or a caller of it; the more optimised
    /// one has nothing of its own there that could stand for them; and where it has fewer, most other sites have as many
    /// in both.
    Elided,
    /// The base alone has them.
    Gone,
    /// The new run alone has them.
    Added,
    /// The new run allocated more often: it did more work.
    MoreWork,
    /// It allocated less often.
    LessWork,
    /// As many blocks, reallocations aside, of other sizes: another capacity, another growth, or a larger type.
    Capacity,
    /// As many blocks of the same sizes that live longer, shorter, or at another time: more or fewer of them are live at
    /// the peak or at the end, or are freed at once, or their lifetimes changed by more than those of most sites.
    Lifetime,
}

impl Class {
    /// All of them, in the order of their rules.
    pub const ALL: [Class; 8] = [
        Class::DebugOnly,
        Class::Elided,
        Class::Gone,
        Class::Added,
        Class::MoreWork,
        Class::LessWork,
        Class::Capacity,
        Class::Lifetime,
    ];

    /// The word for it on the command line and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Class::DebugOnly => "debug-only",
            Class::Elided => "elided",
            Class::Gone => "gone",
            Class::Added => "added",
            Class::MoreWork => "more-work",
            Class::LessWork => "less-work",
            Class::Capacity => "capacity",
            Class::Lifetime => "lifetime",
        }
    }

    /// The same for people, in a table.
    pub const fn word(self) -> &'static str {
        match self {
            Class::DebugOnly => "debug only",
            Class::Elided => "elided",
            Class::Gone => "gone",
            Class::Added => "added",
            Class::MoreWork => "more work",
            Class::LessWork => "less work",
            Class::Capacity => "other sizes",
            Class::Lifetime => "other lives",
        }
    }

    /// What it says, in a few words. `assertions`: one of the builds has debug assertions.
    pub const fn meaning(self, assertions: bool) -> &'static str {
        match self {
            Class::DebugOnly => "by debug assertions alone",
            Class::Elided if assertions => "by optimising, or debug only",
            Class::Elided => "by optimising",
            Class::Gone => "only the base has them",
            Class::Added => "only the new run has them",
            Class::MoreWork => "allocated more often",
            Class::LessWork => "allocated less often",
            Class::Capacity => "as many, but for reallocations",
            Class::Lifetime => "live at other times",
        }
    }
}

/// All pairs of a class together.
#[derive(Clone, Copy, Debug)]
pub struct Sum {
    /// The class.
    pub class: Class,
    /// How many pairs.
    pub pairs: usize,
    /// The base's figures of these.
    pub base: Figures,
    /// The new run's.
    pub new: Figures,
}

/// The classes that occur, in their order.
pub(super) fn sums(pairs: &[Pair], classes: &[Option<Class>]) -> Vec<Sum> {
    let sum = |class: Class| {
        let mut sum = Sum { class, pairs: 0, base: Figures::default(), new: Figures::default() };
        for (pair, _) in pairs.iter().zip(classes).filter(|(_, of)| **of == Some(class)) {
            sum.pairs += 1;
            pair.base.iter().for_each(|sites| sum.base.add(&sites.figures));
            pair.new.iter().for_each(|sites| sum.new.add(&sites.figures));
        }
        (sum.pairs > 0).then_some(sum)
    };
    Class::ALL.into_iter().filter_map(sum).collect()
}

/// How much more the new build is optimised than the base: greater where it is; equal where neither is, or where they
/// are builds of different code, so that what differs can be anyone's doing.
pub(super) fn optimisation(base: &Build, new: &Build) -> Ordering {
    let rank = |build: &Build| match build.opt_level.as_str() {
        "0" => Some(0),
        "1" => Some(1),
        "2" | "s" | "z" => Some(2),
        "3" => Some(3),
        _ => None,
    };
    match (rank(base), rank(new)) {
        (Some(base_rank), Some(new_rank)) if is_one_version(base, new) => new_rank.cmp(&base_rank),
        _ => Ordering::Equal,
    }
}

/// The class of each pair; none where the sides are the same, or where nothing can be told.
pub(super) fn classes(
    base: &Profile,
    new: &Profile,
    functions: &Functions,
    pairs: &[Pair],
    places: &Places<'_>,
    matched: &Coverage,
) -> Vec<Option<Class>> {
    if is_nameless(base, &functions.base) || is_nameless(new, &functions.new) {
        return vec![None; pairs.len()];
    }
    let shown = [&functions.base, &functions.new].map(|keys| shown(keys, functions.count));
    let same_work = same_work(pairs);
    let runs = Runs {
        base,
        new,
        optimisation: optimisation(&base.dump.build, &new.dump.build),
        same_work,
        lifetimes: typical_change(base, new, pairs),
        sure: matched.bytes.percent >= TRUSTED,
        functions,
        debug_only: same_work.then(|| debug_only([base, new], functions, pairs, &shown)),
        shown,
        starts_thread: has_threads([base, new]).then(|| [base, new].map(starts_thread)),
        positions: (places.is_same_code || places.is_one_binary)
            .then(|| Positions::of([base, new], functions, pairs)),
        left: sums::cancel([base, new], pairs, places, &LIVES.map(|(figure, _)| figure)),
    };
    pairs.iter().enumerate().map(|(index, pair)| runs.class(index, pair)).collect()
}

/// What is known of both runs.
struct Runs<'a> {
    base: &'a Profile,
    new: &'a Profile,
    optimisation: Ordering,
    /// Whether most sites of both allocated as often in one run as in the other.
    same_work: bool,
    /// By how many powers of two most lifetimes changed.
    lifetimes: f64,
    /// Whether enough was matched to say that something has no counterpart.
    sure: bool,
    functions: &'a Functions,
    /// For each function, whether the base has it, and whether the new run has.
    shown: [Vec<bool>; 2],
    /// For each pair, whether debug assertions alone made it; none where the runs did different work.
    debug_only: Option<Vec<bool>>,
    /// For each frame of either profile, whether a thread other than the main one begins with it; none where there are no
    /// two such threads in a run.
    starts_thread: Option<[Vec<bool>; 2]>,
    /// Of builds of one code, what both allocate at the position where each pair does.
    positions: Option<Positions>,
    left: Left,
}

impl Runs<'_> {
    fn class(&self, index: usize, pair: &Pair) -> Option<Class> {
        let is_said = self.left.of_blocks(index) >= SAID;
        match (&pair.base, &pair.new) {
            (Some(base), Some(new)) => {
                self.both(index, base, new).filter(|class| *class == Class::Lifetime || is_said)
            }
            _ if !is_said || pair.distance(Metric::TotalBlocks) == 0 => None,
            _ if self.debug_only.as_ref().is_some_and(|debug_only| debug_only[index]) => {
                Some(Class::DebugOnly)
            }
            (Some(sites), None) if self.optimisation == Ordering::Greater && self.can_be_elided(0, sites) => {
                Some(Class::Elided)
            }
            (None, Some(sites)) if self.optimisation == Ordering::Less && self.can_be_elided(1, sites) => {
                Some(Class::Elided)
            }
            (base, _) if self.may_be_elsewhere(index, usize::from(base.is_none())) => {
                // Of a position, chance draws more in one run than in the other.
                if [self.base, self.new].iter().any(|run| run.dump.mode == Mode::Sample) {
                    return None;
                }
                match self.positions.as_ref()?.work(index, pair, TELLING_BLOCKS)? {
                    Ordering::Less => Some(Class::LessWork),
                    _ => Some(Class::MoreWork),
                }
            }
            (Some(_), None) => self.is_certain(pair, self.new).then_some(Class::Gone),
            (None, _) => self.is_certain(pair, self.base).then_some(Class::Added),
        }
    }

    /// Whether the optimiser may have removed what one build has alone. Nothing is known of code of which the other one has
    /// no caller; and what threads make few of that share their work, they need not make in another run.
    fn can_be_elided(&self, side: usize, sites: &Sites) -> bool {
        let is_by_chance = sites.figures.total_blocks < TELLING_BLOCKS && self.is_shared(side, sites);
        !is_by_chance && self.has_caller(side, sites)
    }

    /// Whether some sites are those of threads that may share their work, so that chance says how much each does.
    fn is_shared(&self, side: usize, sites: &Sites) -> bool {
        let Some(starts) = &self.starts_thread else { return false };
        let (profile, starts) = ([self.base, self.new][side], &starts[side]);
        let mut sites = sites.sites.iter().map(|site| &profile.sites[*site as usize]);
        sites.any(|site| profile.is_truncated(site) || starts[site.stack as usize])
    }

    /// Whether the other run has the allocating function of some sites, or a caller of it.
    fn has_caller(&self, side: usize, sites: &Sites) -> bool {
        let (profile, keys) = [(self.base, &self.functions.base), (self.new, &self.functions.new)][side];
        let site = sites.sites.first().and_then(|site| profile.sites.get(*site as usize));
        let mut frames = site.into_iter().flat_map(|site| program_frames(profile, site, keys));
        frames.any(|frame| self.shown[1 - side][keys[frame.0 as usize].function.0 as usize])
    }

    /// Whether what one side of a pair has alone may be among what the other run has elsewhere: of one code, at the position
    /// where it's allocated, or, as two builds differ in frames and lines, in the same function.
    fn may_be_elsewhere(&self, index: usize, side: usize) -> bool {
        let Some(positions) = &self.positions else { return false };
        let is_shown = |function: u32| self.shown[1 - side][function as usize];
        positions.have_both(index)
            || self.optimisation != Ordering::Equal && positions.function(index).is_some_and(is_shown)
    }

    /// Whether it is certain that a run has nothing of a pair: a sample may have missed it.
    fn is_certain(&self, pair: &Pair, without: &Profile) -> bool {
        let (base, new) = pair.of(Metric::TotalBytes);
        let mean = without.dump.sample_bytes.filter(|_| without.dump.mode == Mode::Sample).unwrap_or(0);
        self.sure && base.max(new) as f64 >= mean as f64 * MISSED
    }

    /// The class of a pair that both sides have.
    fn both(&self, index: usize, base: &Sites, new: &Sites) -> Option<Class> {
        let (b, n) = (&base.figures, &new.figures);
        let error = self.error(b, n);
        let (was, is) = (asked_for(b), asked_for(n));
        if error > 0.0 {
            return estimated(b, n, error);
        }
        if far(was, is) > SAME_COUNT {
            // The same word for both: the optimiser removes from the build that is optimised more.
            let fewer_in_new = was.cmp(&is);
            let may_be_elided = self.same_work && !self.is_shared(0, base) && !self.is_shared(1, new);
            return Some(match fewer_in_new {
                _ if may_be_elided && self.optimisation == fewer_in_new => Class::Elided,
                Ordering::Less => Class::MoreWork,
                _ => Class::LessWork,
            });
        }
        if self.has_other_sizes(base, new) {
            return Some(Class::Capacity);
        }
        self.has_other_lives(index, base, new).then_some(Class::Lifetime)
    }

    /// By how much, as a share, two estimates may differ and still be of the same; 0 where both were counted.
    fn error(&self, base: &Figures, new: &Figures) -> f64 {
        let error = |profile: &Profile, figures| {
            relative_error(&profile.dump, figures, Metric::TotalBytes).unwrap_or(0.0)
        };
        ERRORS * error(self.base, base).hypot(error(self.new, new))
    }

    fn has_other_sizes(&self, base: &Sites, new: &Sites) -> bool {
        let (was, is) = (
            Buckets::of(self.base, base, |site| &site.sizes),
            Buckets::of(self.new, new, |site| &site.sizes),
        );
        let (was_blocks, is_blocks) = (was.blocks(), is.blocks());
        let elsewhere: u64 = was.0.iter().zip(&is.0).map(|(was, is)| was.abs_diff(*is)).sum();
        let blocks = was_blocks.max(is_blocks) as f64;
        (was_blocks.min(is_blocks) > 0 && elsewhere as f64 / 2.0 > blocks * OTHER_SIZES)
            || far(base.figures.total_bytes, new.figures.total_bytes) > OTHER_BYTES
    }

    fn has_other_lives(&self, index: usize, base: &Sites, new: &Sites) -> bool {
        let (b, n) = (&base.figures, &new.figures);
        let blocks = b.total_blocks.max(n.total_blocks) as f64;
        let notable = |was: u64, is: u64| {
            was.abs_diff(is) >= TELLING_LIVES && was.abs_diff(is) as f64 > blocks * OTHER_LIVES
        };
        // A single block can only be there or not, and is nothing beside many; but it may be all there is.
        let alone = |was: u64, is: u64| (was == 0) != (is == 0) && blocks < 2.0 / OTHER_LIVES;
        // The same blocks were as large in all, but larger ones of them are live.
        let bytes = b.total_bytes.max(n.total_bytes) as f64;
        let larger = |was: u64, is: u64| was.abs_diff(is) as f64 > bytes * OTHER_LIVES;
        let is_other = LIVES.iter().enumerate().any(|(number, (figure, counts))| {
            let (was, is) = (figure(b), figure(n));
            let is_notable = match counts {
                Counts::Live => notable(was, is) || alone(was, is),
                Counts::Temporary => notable(was, is),
                Counts::Bytes => larger(was, is),
            };
            is_notable && self.left.of_life(index, number) >= SAID
        });
        if is_other {
            return true;
        }
        let telling = b.freed_blocks().min(n.freed_blocks()) >= TELLING_LIFETIMES;
        let change = lifetime_change((self.base, base), (self.new, new));
        let mean = |figures: &Figures| figures.lifetime_sum_ns as f64 / figures.freed_blocks().max(1) as f64;
        let beyond_others = (mean(n) - mean(b) * self.lifetimes.exp2()).abs();
        telling
            && beyond_others >= TIME_SLICE_NS
            && change.is_some_and(|change| (change - self.lifetimes).abs() >= OTHER_LIFETIME)
    }
}

/// The class of a pair whose figures are estimates: sizes and lives of a few drawn blocks tell nothing, and counts only
/// where the bytes say the same.
fn estimated(base: &Figures, new: &Figures, error: f64) -> Option<Class> {
    let apart = |was: u64, is: u64| if far(was, is) > error { is.cmp(&was) } else { Ordering::Equal };
    let blocks = apart(base.total_blocks, new.total_blocks);
    match (blocks, apart(base.total_bytes, new.total_bytes)) {
        (Ordering::Greater, Ordering::Greater) => Some(Class::MoreWork),
        (Ordering::Less, Ordering::Less) => Some(Class::LessWork),
        _ => None,
    }
}

/// Blocks that the program asked for: those that came from a `realloc` are earlier ones that grew, which is a matter of
/// capacity.
fn asked_for(figures: &Figures) -> u64 {
    figures.total_blocks.saturating_sub(figures.realloc_calls)
}

/// How far apart two counts are, as a share of the larger.
fn far(was: u64, is: u64) -> f64 {
    was.abs_diff(is) as f64 / was.max(is).max(1) as f64
}

/// Whether most pairs have as many blocks on one side as on the other. Pairs count alike: one hot site that was elided
/// would outweigh all others.
fn same_work(pairs: &[Pair]) -> bool {
    let both =
        pairs.iter().filter_map(|pair| Some((&pair.base.as_ref()?.figures, &pair.new.as_ref()?.figures)));
    let (mut same, mut all) = (0_usize, 0_usize);
    for (base, new) in both {
        all += 1;
        same += usize::from(far(asked_for(base), asked_for(new)) <= SAME_COUNT);
    }
    same * 2 > all && work::factor(pairs).is_none()
}

/// Whether a run had two threads or more besides the main one.
pub(super) fn has_threads(runs: [&Profile; 2]) -> bool {
    let threads = |run: &Profile| run.dump.threads.iter().map(|row| row.threads).fold(0, u64::saturating_add);
    runs.into_iter().any(|run| threads(run) > 2)
}

/// For each row of a run's stacks, whether it is of a thread that was started.
fn starts_thread(profile: &Profile) -> Vec<bool> {
    let starts = |frame: &Frame| {
        frame.role == Role::Runtime
            && (THREAD_STARTS.contains(&frame.function.as_str())
                || names::own_name(&names::short_name(&frame.function)) == "thread_start")
    };
    let starts: Vec<bool> = profile.frames.iter().map(starts).collect();
    profile.stacks.rows_with(|frame| starts[frame.0 as usize])
}

/// For each function, whether it's among some frames.
fn shown(keys: &[Key], functions: usize) -> Vec<bool> {
    let mut shown = vec![false; functions];
    keys.iter().for_each(|key| shown[key.function.0 as usize] = true);
    shown
}

/// Whether too many of the allocating functions have no name, for want of symbols.
fn is_nameless(profile: &Profile, keys: &[Key]) -> bool {
    let (mut nameless, mut all) = (0.0, 0.0);
    for site in &profile.sites {
        let bytes = site.figures.total_bytes as f64;
        all += bytes;
        // PERF: nearly all stacks have a frame of the program's, and it is near.
        let is_program = |frame: &FrameId| keys[frame.0 as usize].role == Role::Program;
        let innermost = profile.frames_of(site).find(is_program);
        let frame = innermost.or_else(|| program_frames(profile, site, keys).first().copied());
        if frame.is_none_or(|frame| profile.frames[frame.0 as usize].function.starts_with("0x")) {
            nameless += bytes;
        }
    }
    nameless > all * NAMELESS
}

#[cfg(test)]
mod tests;

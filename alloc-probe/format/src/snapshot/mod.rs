//! From a spool to a dump: the one path behind the dump at a normal end, a look at a running process and
//! what is read after a kill.
//!
//! Writers are never stopped. A snapshot of a process whose threads are running is therefore exact but for
//! the events under way while it is taken; of one that stands still, or has ended, it is exact.

mod ages;
mod blocks;
mod clock;
pub(crate) mod facts;
mod failures;
mod image_ranges;
mod lists;
mod marks;
mod mode;
mod operations;
mod pages;
mod part;
mod peak;
mod peak_memory;
mod process;
mod sites;
mod tally;
mod threads;
mod timeline;
mod tree;
mod words;

pub use blocks::{for_each_live_block, sites_at_a_time};
pub use clock::Now;
pub use lists::{SitesOf, StacksOf, TotalsOf};
pub(crate) use marks::has_passed;
pub use mode::{mode_number, mode_of};
pub use pages::PagesOfSites;
pub use part::part;

use crate::dump::*;
use crate::spool::{Spool, header};
use clock::ClockScale;
use facts::Facts;
use lists::Lists;
use peak::Peak;
use sites::Sites;
use tree::Rows;

/// The dump that a spool holds. What only the system knows (`memory`, but for the peak; `probe`) is left empty. `pages` is
/// who knows what each site's live blocks mean for resident memory.
pub fn snapshot(spool: &impl Spool, now: Now, pages: &dyn PagesOfSites) -> Dump {
    streamed(spool, now, pages).with_lists(|stacks, sites, totals| {
        let (stacks, sites) = (stacks.collect(), sites.collect());
        (stacks, sites, totals.figures())
    })
}

/// The same dump, whose stacks and sites are made as they are written, however many there are: in this order, and the totals
/// behind them.
pub fn streamed<'a, S: Spool>(spool: &'a S, now: Now, pages: &'a dyn PagesOfSites) -> Streamed<'a, S> {
    let clock = ClockScale::of(spool, now);
    let long_lived_ns = spool.header(header::LONG_LIVED_NS);
    let mode = mode::mode_of(spool.header(header::MODE));
    let mut facts = Facts::read(spool);
    if spool.header(header::IN_PART) != 0 && now.from_spool {
        facts.notes.push(IN_PART.to_owned());
    }
    if spool.header(header::NO_ROOM) != 0 {
        facts.notes.push(NO_ROOM.to_owned());
    }
    facts.notes.extend(marks::lost(spool));
    facts.notes.extend(operations::lost(spool));
    let (mut threads, mut counted) = threads::threads(spool);
    // A peak is noted when it is over. If more is live than at the last one, then this one is now.
    let epoch = spool.header(header::EPOCH);
    let peak = Peak { epoch, peak_is_now: counted.live_bytes > counted.peak_bytes };
    if peak.peak_is_now {
        counted.peak_is_now();
    }
    let counted = Figures {
        realloc_calls: threads.iter().map(|thread| thread.realloc_calls).sum(),
        ..counted.figures()
    };
    let has_sites = matches!(mode, Mode::Sample | Mode::Full);
    let deepest = threads.iter().map(|thread| thread.deepest_stack as usize);
    let nodes = has_sites.then(|| sites::nodes(spool)).into_iter().flatten();
    let rows = Rows::of(spool, &facts, nodes.chain(deepest));
    for thread in &mut threads {
        thread.deepest_stack = rows.row(thread.deepest_stack as usize);
    }
    let failures = failures::failures(spool, &rows, &clock);
    let peak_time_ns = match spool.header(header::PEAK_TICKS) {
        0 => 0,
        ticks => clock.nanos(ticks.wrapping_sub(clock.start_ticks)),
    };
    let marks = marks::marks(spool, &clock);
    let operations = operations::operations(spool, &clock);
    let at_peak = peak_memory::read(spool, &clock, counted.peak_bytes);
    // A killed process may have noted any of these after it last noted the time.
    let times = marks.iter().map(|mark| mark.last_ns).chain(at_peak.map(|peak| peak.time_ns));
    let last_ns = times.fold(peak_time_ns, u64::max);
    let process = process::process(spool, &clock, now, facts.executable, facts.command, last_ns);
    let (of_clock, timeline) = (Clock::of(spool, &clock), timeline::timeline(spool, &clock));
    let sites = has_sites.then(|| {
        let add_up_to = (mode == Mode::Full).then_some(counted);
        Sites::of(spool, clock, peak, pages, add_up_to)
    });
    // Of these, what the threads counted is exact; sites are estimates, if there are any.
    let is_counted = mode != Mode::Full || spool.header(header::SAMPLED) != 0;
    let lists = Lists { rows, sites, counted: is_counted.then_some(counted) };
    let (stacks, sites, totals) = lists.share();
    DumpOf {
        format: FORMAT.to_owned(),
        version: VERSION,
        recorded_by: None,
        unknown_figures: Vec::new(),
        sources: Vec::new(),
        mode,
        sample_bytes: (mode == Mode::Sample).then(|| spool.header(header::SAMPLE_BYTES)),
        process,
        build: facts.build,
        clock: of_clock,
        totals,
        peak_time_ns,
        long_lived_threshold_ns: long_lived_ns,
        images: facts.images,
        stacks,
        sites,
        threads,
        failures,
        timeline,
        marks,
        operations,
        memory: Memory { at_peak, cgroup: facts.cgroup.as_ref().map(process::noted), ..Memory::default() },
        lost: Lost {
            blocks: spool.header(header::LOST_BLOCKS),
            bytes: spool.header(header::LOST_BYTES),
            unattributed_blocks: spool.header(header::UNATTRIBUTED),
            truncated_stacks: spool.header(header::TRUNCATED),
            unknown_frees: spool.header(header::UNKNOWN_FREES),
            notes: facts.notes,
        },
        probe: ProbeUse::default(),
        symbols: None,
    }
}

/// A dump that is made as it is written.
pub type Streamed<'a, S> = DumpOf<StacksOf<'a, S>, SitesOf<'a, S>, TotalsOf<'a, S>>;

const NO_ROOM: &str = "there was no room for the whole profile: blocks, or their stacks, are missing";

/// Said of a spool that another process reads.
const IN_PART: &str =
    "a part of the profile is in the process's own memory, where it can't be read from outside";

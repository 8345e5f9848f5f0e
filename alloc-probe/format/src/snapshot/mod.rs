//! From a spool to a dump: the one path behind the dump at a normal end, a look at a running process and
//! what is read after a kill.
//!
//! Writers are never stopped. A snapshot of a process whose threads are running is therefore exact but for
//! the events under way while it is taken; of one that stands still, or has ended, it is exact.

mod blocks;
mod clock;
mod facts;
mod failures;
mod marks;
mod mode;
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

pub use blocks::{for_each_live_block, sample_weight};
pub use clock::Now;
pub use mode::mode_number;
pub use part::part;

use crate::dump::*;
use crate::site_figures::site_figures;
use crate::spool::{Spool, header};
use clock::ClockScale;
use facts::Facts;
use peak::Peak;
use tree::Rows;

macro_rules! counted {
    ($(#[doc = $meaning:literal] $name:ident [$($source:tt)+] $($metric:ident = $by:literal, $words:literal)?;)+) => {
        /// The figures with those that the threads counted, which are exact, in place of the sites'.
        fn with_counted(mut figures: Figures, counted: Figures) -> Figures {
            $(counted!(@$name figures counted $($source)+);)+
            figures
        }
    };
    (@$name:ident $figures:ident $counted:ident $(tally $key:ident = $number:literal,)? counted) => {
        $figures.$name = $counted.$name;
    };
    (@$name:ident $figures:ident $counted:ident $($other:tt)+) => {};
}

site_figures!(counted);

/// The dump that a spool holds. What only the system knows (`memory`, but for the peak; `probe`) is left empty. `pages` is
/// what each site's live blocks mean for resident memory, by the site's number in the spool, where that is known.
pub fn snapshot(spool: &impl Spool, now: Now, pages: &[SitePages]) -> Dump {
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
    let deepest = threads.iter().map(|thread| thread.deepest_stack as usize);
    let (rows, mut sites) = match mode {
        Mode::Off | Mode::Count => (Rows::of(spool, &facts, deepest), Vec::new()),
        Mode::Sample | Mode::Full => sites::sites(spool, &facts, &clock, &peak, pages, deepest),
    };
    for thread in &mut threads {
        thread.deepest_stack = rows.row(thread.deepest_stack as usize);
    }
    let failures = failures::failures(spool, &rows, &clock);
    let stacks = rows.rows;
    if mode == Mode::Full {
        sites::add_unattributed(&mut sites, &counted, pages);
    }
    let mut totals = Figures::default();
    for site in &sites {
        totals.add(&site.figures);
    }
    if mode != Mode::Full || spool.header(header::SAMPLED) != 0 {
        // What the threads counted is exact; sites are estimates, if there are any.
        totals = with_counted(totals, counted);
        // An estimate, beside a figure that was counted: never more than that.
        totals.realloc_moves = totals.realloc_moves.min(totals.realloc_calls);
    }
    let peak_time_ns = match spool.header(header::PEAK_TICKS) {
        0 => 0,
        ticks => clock.nanos(ticks.wrapping_sub(clock.start_ticks)),
    };
    let marks = marks::marks(spool, &clock);
    let at_peak = peak_memory::read(spool, &clock, counted.peak_bytes);
    // A killed process may have noted any of these after it last noted the time.
    let times = marks.iter().map(|mark| mark.last_ns).chain(at_peak.map(|peak| peak.time_ns));
    let last_ns = times.fold(peak_time_ns, u64::max);
    Dump {
        format: FORMAT.to_owned(),
        version: VERSION,
        recorded_by: None,
        unknown_figures: Vec::new(),
        sources: Vec::new(),
        mode,
        sample_bytes: (mode == Mode::Sample).then(|| spool.header(header::SAMPLE_BYTES)),
        process: process::process(spool, &clock, now, facts.executable, facts.command, last_ns),
        build: facts.build,
        clock: Clock::of(spool, &clock),
        totals,
        peak_time_ns,
        long_lived_threshold_ns: long_lived_ns,
        images: facts.images,
        stacks,
        sites,
        threads,
        failures,
        timeline: timeline::timeline(spool, &clock),
        marks,
        memory: Memory { at_peak, ..Memory::default() },
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

const NO_ROOM: &str = "there was no room for the whole profile: blocks, or their stacks, are missing";

/// Said of a spool that another process reads.
const IN_PART: &str =
    "a part of the profile is in the process's own memory, where it can't be read from outside";

//! Threads: more of them at once, or more arenas, and what they cost: the stacks that they touched, and what an
//! allocator keeps for each arena.

use super::finding::{Finding, Kind};
use super::pools::{Pool, pools};
use super::runs::Runs;
use crate::analyse::signed::signed;
use crate::units;
use alloc_probe_format::dump::Dump;

/// So many pools of threads are described.
const DESCRIBED: usize = 5;

/// Threads that one run has more of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Surplus {
    /// How many more the new run has.
    threads: i64,
    /// What their stacks hold.
    bytes: i64,
}

/// What more threads or arenas cost one of the runs.
pub(super) fn find(runs: &Runs<'_>) -> Vec<Finding> {
    let (base, new) = (&runs.base.dump, &runs.new.dump);
    let pools = pools(base, new);
    let mut alive: Vec<(&Pool<'_>, Surplus)> = pools.iter().map(|pool| (pool, alive(pool))).collect();
    alive.retain(|(_, surplus)| surplus.threads != 0);
    alive.sort_by_key(|(_, surplus)| std::cmp::Reverse(surplus.bytes.unsigned_abs()));
    let at_end = total(alive.iter().map(|(_, surplus)| surplus));
    let at_peak = at_peak(base, new, &pools);
    // A thread that has ended gave its stack back, so it counts where it was alive at the peak.
    let (stacks, when) = if at_peak.bytes.abs() > at_end.bytes.abs() {
        (at_peak, "at the peak")
    } else {
        (at_end, "at the end")
    };
    let arenas = arenas(base, new);
    let arenas_bytes = arenas.map_or(0, |arenas| arenas.bytes);
    let bytes = stacks.bytes + arenas_bytes;
    let more_arenas = arenas.map_or(0, |arenas| arenas.new - arenas.base);
    if bytes.abs() < runs.notable_bytes() || (stacks.threads == 0 && more_arenas == 0) {
        return Vec::new();
    }

    let more = |figure: i64, noun: &str| {
        let word = if figure < 0 { "fewer" } else { "more" };
        format!(
            "{} {word} {noun}{}",
            units::count(figure.unsigned_abs()),
            if figure.abs() == 1 { "" } else { "s" }
        )
    };
    let what = match (stacks.threads, more_arenas) {
        (threads, 0) => more(threads, "thread"),
        (0, arenas) => more(arenas, "arena"),
        (threads, arenas) => format!("{} and {}", more(threads, "thread"), more(arenas, "arena")),
    };
    let ever = |side: fn(&Pool<'_>) -> u64| units::count(pools.iter().map(side).sum());
    let mut evidence = vec![format!(
        "threads that were there: {} in the new run, {} in the base; alive at the end: {} and {}",
        ever(|pool| pool.new.ever()),
        ever(|pool| pool.base.ever()),
        ever(|pool| pool.new.alive().len() as u64),
        ever(|pool| pool.base.alive().len() as u64)
    )];
    if when == "at the end" {
        evidence.extend(alive.iter().take(DESCRIBED).map(|(pool, surplus)| {
            format!(
                "{}: {} at the end, whose stacks hold {}, {} each",
                pool.name,
                more(surplus.threads, "of them").trim_end_matches('s'),
                units::bytes(surplus.bytes.unsigned_abs()),
                units::bytes(surplus.bytes.unsigned_abs() / surplus.threads.unsigned_abs().max(1))
            )
        }));
    } else {
        evidence.push(format!(
            "{} were alive at the peak; the deepest stacks of such threads make {} of it",
            more(stacks.threads, "thread"),
            units::bytes(stacks.bytes.unsigned_abs())
        ));
    }
    evidence.extend(arenas.filter(|arenas| arenas.bytes != 0).map(|arenas| {
        format!(
            "arenas of the allocator: {} in the new run, {} in the base; the free pages and tables of the others take {}",
            arenas.new,
            arenas.base,
            units::bytes(arenas.bytes.unsigned_abs())
        )
    }));
    vec![Finding {
        kind: Kind::Threads,
        sentence: format!(
            "The new run has {what} {when}, which take {} {}.",
            units::bytes(bytes.unsigned_abs()),
            if bytes < 0 { "less" } else { "more" }
        ),
        bytes,
        in_both: false,
        evidence,
        sites: Vec::new(),
        advice: "See what decides how many threads there are (often the number of processors): pools can be bounded, \
                 and so can an allocator's arenas (`MALLOC_ARENA_MAX`, Jemalloc's `narenas`)."
            .to_owned(),
    }]
}

fn total<'a>(parts: impl Iterator<Item = &'a Surplus>) -> Surplus {
    parts.fold(Surplus::default(), |sum, part| Surplus {
        threads: sum.threads + part.threads,
        bytes: sum.bytes + part.bytes,
    })
}

/// The threads of a pool that only one run has at the end: of both runs' deepest ones, as many are the same.
fn alive(pool: &Pool<'_>) -> Surplus {
    let (base, new) = (pool.base.alive(), pool.new.alive());
    let both = base.len().min(new.len());
    let sum = |stacks: &[u64]| signed(stacks.iter().fold(0, |sum, bytes| sum.saturating_add(*bytes)));
    Surplus { threads: new.len() as i64 - base.len() as i64, bytes: sum(&new[both..]) - sum(&base[both..]) }
}

/// The threads that only one run had at its peak, with the stack of the pool that it had most more of.
fn at_peak(base: &Dump, new: &Dump, pools: &[Pool<'_>]) -> Surplus {
    let threads = |dump: &Dump| dump.memory.at_peak.map(|peak| signed(peak.threads));
    let (Some(base), Some(new)) = (threads(base), threads(new)) else { return Surplus::default() };
    let sign = (new - base).signum();
    let more = |pool: &&Pool<'_>| (signed(pool.new.ever()) - signed(pool.base.ever())) * sign;
    let Some(pool) = pools.iter().max_by_key(more) else { return Surplus::default() };
    let threads = (new - base).abs().min(more(&pool)).max(0);
    let rows = if sign < 0 { &pool.base } else { &pool.new };
    let stack = signed(rows.stack_bytes(0).unwrap_or(0));
    Surplus { threads: threads * sign, bytes: (threads * sign).saturating_mul(stack) }
}

/// What both runs' arenas are, and how much more the new one's take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Arenas {
    base: i64,
    new: i64,
    bytes: i64,
}

/// An arena's free pages and tables are what they are on average in the run where that is less. All of them together
/// take no more than what the runs differ by.
fn arenas(base: &Dump, new: &Dump) -> Option<Arenas> {
    let count = |dump: &Dump| {
        dump.memory.allocator.as_ref().map(|facts| signed(facts.arenas)).filter(|count| *count > 0)
    };
    let kept = |dump: &Dump| {
        let heap = dump.memory.heap.as_ref()?;
        let parts = [heap.retained_bytes, heap.fragmented_bytes, heap.metadata_bytes];
        Some(parts.into_iter().map(signed).sum::<i64>())
    };
    let (base_arenas, new_arenas) = (count(base)?, count(new)?);
    let bytes = kept(base).zip(kept(new)).map_or(0, |(base, new)| {
        let each = (base / base_arenas).min(new / new_arenas);
        let more = (new_arenas - base_arenas).saturating_mul(each);
        let differ = new - base;
        if more.signum() == differ.signum() { more.signum() * more.abs().min(differ.abs()) } else { 0 }
    });
    Some(Arenas { base: base_arenas, new: new_arenas, bytes })
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{found, profile, run};
    use super::*;
    use crate::profile::Profile;
    use alloc_probe_format::dump::{AllocatorFacts, Heap, PeakMemory, Thread};

    const MIB: u64 = 1 << 20;

    fn worker(number: u32, stack_bytes: u64) -> Thread {
        Thread {
            name: format!("worker-{number}"),
            tid: Some(100 + number),
            threads: 1,
            stack_bytes,
            ..Thread::default()
        }
    }

    fn pool(count: u32, stack_bytes: u64) -> Profile {
        let mut profile = profile(run(10), vec![]);
        profile.dump.threads = (0..count).map(|number| worker(number, stack_bytes)).collect();
        profile
    }

    #[test]
    fn more_threads_are_found() {
        let findings = found(find, &pool(2, MIB), &pool(12, MIB));
        let [finding] = &findings[..] else { panic!("{findings:?}") };
        assert_eq!((finding.kind, finding.bytes), (Kind::Threads, 10 << 20));
        assert_eq!(finding.sentence, "The new run has 10 more threads at the end, which take 10.0 MiB more.");
        assert_eq!(
            finding.evidence,
            [
                "threads that were there: 12 in the new run, 2 in the base; alive at the end: 12 and 2",
                "thread `worker-#`: 10 more of them at the end, whose stacks hold 10.0 MiB, 1.0 MiB each",
            ]
        );
        let findings = found(find, &pool(12, MIB), &pool(2, MIB));
        assert_eq!(findings[0].bytes, -(10 << 20));
        assert!(findings[0].sentence.starts_with("The new run has 10 fewer threads"), "{findings:?}");
    }

    #[test]
    fn as_many_threads_are_none() {
        assert!(
            found(find, &pool(4, MIB), &pool(4, 2 * MIB)).is_empty(),
            "deeper stacks are another finding"
        );
        assert!(found(find, &pool(4, 4096), &pool(9, 4096)).is_empty(), "20 KiB are nothing");
    }

    #[test]
    fn threads_of_the_peak_count_where_they_have_ended() {
        let ended = |threads, at_peak| {
            let mut profile = profile(run(10), vec![]);
            profile.dump.threads = vec![Thread { tid: None, threads, ..worker(1, MIB) }];
            profile.dump.memory.at_peak = Some(PeakMemory { threads: at_peak, ..PeakMemory::default() });
            profile
        };
        let findings = found(find, &ended(100, 3), &ended(100, 9));
        assert!(findings.is_empty(), "as many of each pool: {findings:?}");
        let findings = found(find, &ended(10, 3), &ended(100, 9));
        assert_eq!(findings[0].bytes, 6 << 20);
        assert_eq!(
            findings[0].sentence,
            "The new run has 6 more threads at the peak, which take 6.0 MiB more."
        );
    }

    #[test]
    fn arenas_cost_what_they_do_in_the_other_run() {
        let run = |arenas, retained_bytes| {
            let mut profile = pool(1, MIB);
            profile.dump.memory.allocator = Some(AllocatorFacts { arenas, ..AllocatorFacts::default() });
            profile.dump.memory.heap = Some(Heap { retained_bytes, ..Heap::default() });
            profile
        };
        let findings = found(find, &run(2, MIB), &run(6, 3 * MIB));
        assert_eq!(findings[0].bytes, 2 << 20);
        assert_eq!(
            findings[0].sentence,
            "The new run has 4 more arenas at the end, which take 2.0 MiB more."
        );
        assert!(found(find, &run(2, MIB), &run(6, MIB)).is_empty(), "they hold no more");
        // A spike in one of them is no matter of their number.
        assert_eq!(found(find, &run(2, MIB), &run(6, 100 * MIB))[0].bytes, 2 << 20);
    }
}

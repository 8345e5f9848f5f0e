//! How a process ended, where its memory may have to do with that: for want of memory, or killed by the kernel for it.

use super::run::Run;
use crate::units::{bytes, count, duration, percent, plural};
use alloc_probe_format::dump::{Cgroup, Dump, Ended};
use alloc_probe_format::metric::Metric;

/// None where it came to an end of its own.
pub(super) fn sentence(run: &Run<'_>) -> Option<String> {
    let dump = &run.profile.dump;
    let how = match dump.failures.count {
        0 if dump.process.ended != Ended::Killed => return None,
        0 => killed(dump),
        failed => format!("{} failed for lack of memory.", plural(failed, "allocation")),
    };
    Some(match last_growth(run) {
        Some(growth) => format!("{how} {growth}"),
        None => how,
    })
}

/// From this part of its control group's limit on, a process may have been killed for memory, in percent.
const NEAR: u64 = 85;

/// What is known of a process that could not say how it ended.
fn killed(dump: &Dump) -> String {
    let unknown = "It was killed, crashed, or called `_exit`: the system's log says which.";
    let Some(group) = &dump.memory.cgroup else { return unknown.to_owned() };
    let limit = match group.limit_bytes {
        0 => "which has no limit".to_owned(),
        limit => format!("which is limited to {}", bytes(limit)),
    };
    let near = near_limit(dump, group);
    match (group.oom_kills, group.oom_kills_at_start) {
        (Some(now), Some(before)) if now > before => format!(
            "It was killed for memory, as far as can be known: of its control group, {limit}, the kernel has killed {} for \
             memory since the process started.",
            match now - before {
                1 => "one process".to_owned(),
                more => format!("{} processes", count(more)),
            }
        ),
        (Some(now), Some(before)) if now == before => format!(
            "It was killed, crashed, or called `_exit`, but not for memory, as far as can be known: of its control group, \
             {limit}, the kernel has killed no process since this one started."
        ),
        _ if group.limit_bytes == 0 => unknown.to_owned(),
        _ => format!(
            "{} Its control group, {limit}, can no longer be asked whether the kernel killed it for memory{}",
            match near {
                Some(_) => "It was probably killed for memory.",
                None => "It was killed, crashed, or called `_exit`.",
            },
            match near {
                Some(part) => format!("; it had {part} of that."),
                None => ".".to_owned(),
            }
        ),
    }
}

/// How much of the limit the process had, if that is nearly all: what was resident when that was last read, and what has come to
/// be live since.
fn near_limit(dump: &Dump, group: &Cgroup) -> Option<String> {
    let last = dump.timeline.samples.iter().rev().find(|sample| sample.resident_bytes > 0)?;
    let since = dump.totals.end_bytes.saturating_sub(last.live_bytes);
    let had = last.resident_bytes.saturating_add(since).min(group.limit_bytes);
    (had >= group.limit_bytes / 100 * NEAR).then(|| percent(had, group.limit_bytes))
}

/// The last part of a run that is looked at if it was killed, and of a long run so much.
const LAST_PART: u64 = 4;
const LAST_NS: f64 = 10e9;
/// Less growth than this, or than this part of what the process had, is not spoken of.
const LEAST_BYTES: u64 = 256 << 10;
const LEAST_PART: u64 = 100;

/// What grew before a process was killed, and where: by the timeline, and by the ages of live blocks.
fn last_growth(run: &Run<'_>) -> Option<String> {
    let dump = &run.profile.dump;
    let longest = ((dump.process.duration_ns / LAST_PART) as f64).min(LAST_NS);
    // Ages are known by powers of two.
    let bucket = (longest / dump.clock.unit_ns).log2().floor();
    let bucket = if bucket.is_finite() && bucket >= 1.0 { bucket as u8 } else { return None };
    let window = (2_f64.powi(i32::from(bucket)) * dump.clock.unit_ns) as u64;
    let start = dump.process.duration_ns.saturating_sub(window);
    let before = dump.timeline.samples.iter().rev().find(|sample| sample.time_ns <= start)?;
    // The timeline may have nothing between that and the window, so this is what the growth is known for.
    let known_ns = dump.process.duration_ns.saturating_sub(before.time_ns);
    let (from, to) = (before.live_bytes, dump.totals.end_bytes);
    let grown = to.saturating_sub(from);
    if grown < LEAST_BYTES.max(run.own_bytes() / LEAST_PART) {
        return None;
    }
    let young = |site: usize| {
        let shown = run.sites.get(site);
        let ages = shown.histogram(|site| &site.ages);
        let of = |most: u8| -> f64 {
            let younger = ages.iter().filter(|(age, _)| *age <= most);
            younger.map(|(_, blocks)| *blocks as f64).sum()
        };
        let all = of(u8::MAX);
        if all > 0.0 { (shown.of(Metric::EndBytes) as f64 * of(bucket) / all) as u64 } else { 0 }
    };
    let most = (0..run.sites.len()).map(|site| (site, young(site))).max_by_key(|(_, bytes)| *bytes);
    let place = most.filter(|(_, bytes)| *bytes > 0).map_or_else(String::new, |(site, young)| {
        let about = if known_ns > window + window / 8 { "at least" } else { "about" };
        format!(", {about} {} of it at {}", bytes(young.min(grown)), run.place(site))
    });
    Some(format!(
        "In its last {} live bytes grew from {} to {}{place}.",
        duration(known_ns),
        bytes(from),
        bytes(to)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyse::evidence::fixtures::{profile, run};
    use crate::analyse::fold::Detail;
    use crate::analyse::sites::shown;
    use crate::profile::Site;
    use alloc_probe_format::dump::Figures;
    use alloc_probe_format::metric::Metric;

    /// What is said of the end of a run of four seconds, with a block of 1 KiB in each millisecond, all at one site.
    fn growth_of(dump: Dump) -> String {
        let end_bytes = dump.totals.end_bytes;
        let figures = Figures { end_bytes, end_blocks: 4_000, ..Figures::default() };
        let ages = vec![(9, 512), (12, 4_000 - 512)];
        let profile =
            profile(dump, vec![("app::leak:1", Site { figures, ages: ages.into(), ..Site::default() })]);
        let sites = shown(&profile, Metric::EndBytes, Detail::default());
        last_growth(&Run::new(&profile, &sites, None, None)).unwrap()
    }

    #[test]
    fn the_time_that_is_named_is_the_one_that_the_growth_is_known_for() {
        let mut dump = run(4_000);
        dump.totals.end_bytes = 4_000 << 10;
        let sentence = growth_of(dump.clone());
        assert!(
            sentence.starts_with("In its last 512.0 ms live bytes grew from 3.4 MiB to 3.9 MiB"),
            "{sentence}"
        );
        assert!(sentence.contains("about 512.0 KiB of it at `app::leak`"), "{sentence}");
        // From 2 to 3.9 s the timeline has nothing.
        dump.timeline.samples.retain(|sample| !(2_001_000_000..3_900_000_000).contains(&sample.time_ns));
        let sentence = growth_of(dump);
        assert!(
            sentence.starts_with("In its last 2.0 s live bytes grew from 2.0 MiB to 3.9 MiB"),
            "{sentence}"
        );
        assert!(sentence.contains("at least 512.0 KiB of it at `app::leak`"), "{sentence}");
    }

    /// A run that ended with 1,000 KiB live, of which 900 were resident when that was last read.
    fn ended(limit_bytes: u64, at_start: Option<u64>, now: Option<u64>) -> String {
        let mut dump = run(1_000);
        dump.process.ended = Ended::Killed;
        dump.totals.end_bytes = 1_000 << 10;
        dump.timeline.samples[899].resident_bytes = 900 << 10;
        dump.memory.cgroup =
            Some(Cgroup { limit_bytes, oom_kills: now, oom_kills_at_start: at_start, ..Cgroup::default() });
        killed(&dump)
    }

    #[test]
    fn what_the_control_group_says_decides() {
        for (limit, at_start, now, expected) in [
            (1 << 20, Some(0), Some(1), "killed for memory, as far as can be known"),
            (1 << 20, Some(3), Some(5), "has killed 2 processes for memory"),
            (1 << 20, Some(3), Some(3), "but not for memory"),
            (0, Some(0), Some(1), "which has no limit, the kernel has killed one process"),
            (
                1 << 20,
                Some(0),
                None,
                "It was probably killed for memory. Its control group, which is limited to 1.0 MiB",
            ),
            (1 << 20, None, None, "it had 97.7% of that"),
            (
                1 << 22,
                Some(0),
                None,
                "It was killed, crashed, or called `_exit`. Its control group, which is limited to 4.0 MiB",
            ),
            (0, None, None, "the system's log says which"),
        ] {
            let sentence = ended(limit, at_start, now);
            assert!(sentence.contains(expected), "{expected}: {sentence}");
        }
    }
}

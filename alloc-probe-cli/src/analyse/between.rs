//! What a program did between two marks: by what the dump noted as it first passed each.

use alloc_probe_format::dump::{Dump, Mode, TimelineSample};

/// The figures between two marks, or between one and the start or the end of recording.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Between {
    /// The name of the first mark; none where it is the start.
    pub from_mark: Option<String>,
    /// The name of the other; none where it is the end.
    pub to_mark: Option<String>,
    /// The process at the first of both.
    pub from: TimelineSample,
    /// The process at the other.
    pub to: TimelineSample,
    /// The most bytes live in between: known where the process's peak lies there.
    pub peak_bytes: Option<u64>,
    /// As much was live at least, by the timeline and at both ends.
    pub at_least_bytes: u64,
    /// Samples of the timeline in between.
    pub samples: Vec<TimelineSample>,
}

impl Between {
    /// How long it took, in nanoseconds.
    pub fn duration_ns(&self) -> u64 {
        self.to.time_ns.saturating_sub(self.from.time_ns)
    }

    /// Bytes and blocks that were allocated.
    pub fn total(&self) -> (u64, u64) {
        let since = |of: fn(&TimelineSample) -> u64| of(&self.to).saturating_sub(of(&self.from));
        (since(|sample| sample.total_bytes), since(|sample| sample.total_blocks))
    }

    /// Bytes and blocks that were freed: what was live and what came, but for what is live in the end.
    pub fn freed(&self) -> (u64, u64) {
        let (bytes, blocks) = self.total();
        let gone = |before: u64, more: u64, after: u64| before.saturating_add(more).saturating_sub(after);
        (
            gone(self.from.live_bytes, bytes, self.to.live_bytes),
            gone(self.from.live_blocks, blocks, self.to.live_blocks),
        )
    }
}

/// The figures from when the program first passed a mark, or from the start, to when it first passed another, or to the end.
///
/// # Errors
///
/// Where it passed one of them never, or the second before the first; in a sentence.
pub fn between(dump: &Dump, from: Option<&str>, to: Option<&str>) -> Result<Between, String> {
    if !dump.sources.is_empty() {
        return Err(
            "it is the sum of several dumps, which passed their marks at times of their own".to_owned()
        );
    }
    let passed = |name: &str| {
        let mark = dump.marks.iter().find(|mark| mark.name == name);
        mark.map(|mark| mark.first).ok_or_else(|| not_passed(dump, name))
    };
    let first = from.map_or(Ok(TimelineSample::default()), passed)?;
    let last = to.map_or_else(|| Ok(at_end(dump)), passed)?;
    if let (Some(from), Some(to)) = (from, to)
        && last.time_ns < first.time_ns
    {
        return Err(format!("the program first passed the mark `{to}` before it passed `{from}`"));
    }
    let is_within = |time_ns: u64| (first.time_ns..=last.time_ns).contains(&time_ns);
    let samples: Vec<TimelineSample> =
        dump.timeline.samples.iter().copied().filter(|sample| is_within(sample.time_ns)).collect();
    let seen = samples.iter().chain([&first, &last]).map(|sample| sample.live_bytes);
    // Where only counts are recorded, nobody knows when the peak was; with both ends of the run, it was in between.
    let is_whole = from.is_none() && to.is_none();
    let knows_when = dump.mode != Mode::Count && dump.peak_time_ns > 0;
    let has_peak = is_whole || (knows_when && is_within(dump.peak_time_ns));
    Ok(Between {
        peak_bytes: has_peak.then_some(dump.totals.peak_bytes),
        at_least_bytes: seen.fold(0, u64::max),
        samples,
        from_mark: from.map(str::to_owned),
        to_mark: to.map(str::to_owned),
        from: first,
        to: last,
    })
}

/// The process at the end, as a sample.
fn at_end(dump: &Dump) -> TimelineSample {
    let totals = &dump.totals;
    TimelineSample {
        time_ns: dump.process.duration_ns,
        live_bytes: totals.end_bytes,
        live_blocks: totals.end_blocks,
        total_bytes: totals.total_bytes,
        total_blocks: totals.total_blocks,
        resident_bytes: dump.memory.rss_bytes,
    }
}

fn not_passed(dump: &Dump, name: &str) -> String {
    let names: Vec<String> = dump.marks.iter().map(|mark| format!("`{}`", mark.name)).collect();
    match names.is_empty() {
        true => format!("the program never passed the mark `{name}`, nor any other"),
        false => format!("the program never passed the mark `{name}`; it passed {}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc_probe_format::dump::{Figures, Mark, Source, Timeline};

    fn sample([time_ns, live_bytes, live_blocks, total_bytes, total_blocks]: [u64; 5]) -> TimelineSample {
        TimelineSample { time_ns, live_bytes, live_blocks, total_bytes, total_blocks, resident_bytes: 0 }
    }

    fn dump() -> Dump {
        let mark = |name: &str, figures| Mark {
            name: name.to_owned(),
            count: 3,
            first: sample(figures),
            ..Mark::default()
        };
        let mut dump = Dump {
            mode: Mode::Full,
            marks: vec![mark("ready", [100, 10, 1, 40, 4]), mark("drained", [300, 30, 2, 100, 9])],
            timeline: Timeline {
                interval_ns: 50,
                samples: vec![
                    sample([50, 90, 1, 90, 1]),
                    sample([150, 60, 2, 90, 6]),
                    sample([350, 70, 2, 200, 10]),
                ],
            },
            totals: Figures {
                total_bytes: 250,
                total_blocks: 12,
                end_bytes: 5,
                end_blocks: 1,
                peak_bytes: 95,
                ..Figures::default()
            },
            peak_time_ns: 40,
            ..Dump::default()
        };
        dump.process.duration_ns = 400;
        dump
    }

    #[test]
    fn figures_between_marks_are_the_differences() {
        let dump = dump();
        let found = between(&dump, Some("ready"), Some("drained")).unwrap();
        assert_eq!((found.duration_ns(), found.total(), found.freed()), (200, (60, 5), (40, 4)));
        // The peak was before, and the timeline alone knows no peak.
        assert_eq!((found.peak_bytes, found.at_least_bytes, found.samples.len()), (None, 60, 1));
        let found = between(&dump, None, Some("ready")).unwrap();
        assert_eq!((found.total(), found.freed(), found.peak_bytes), ((40, 4), (30, 3), Some(95)));
        let found = between(&dump, Some("drained"), None).unwrap();
        assert_eq!((found.duration_ns(), found.total(), found.freed()), (100, (150, 3), (175, 4)));
        assert_eq!((found.peak_bytes, found.at_least_bytes), (None, 70));
        assert_eq!(between(&dump, None, None).unwrap().peak_bytes, Some(95));
    }

    #[test]
    fn what_was_not_passed_is_said() {
        let mut dump = dump();
        let told = |dump: &Dump, from, to| between(dump, from, to).unwrap_err();
        assert_eq!(
            told(&dump, Some("red"), None),
            "the program never passed the mark `red`; it passed `ready`, `drained`"
        );
        assert!(told(&dump, Some("drained"), Some("ready")).contains("`ready` before it passed `drained`"));
        dump.mode = Mode::Count;
        assert_eq!(between(&dump, None, Some("ready")).unwrap().peak_bytes, None);
        dump.sources = vec![Source::default()];
        assert!(told(&dump, None, None).starts_with("it is the sum of several dumps"));
        assert!(told(&Dump::default(), Some("ready"), None).ends_with("nor any other"));
    }
}

//! Runs all programs: in turns without recording, in turns to count, and then to record.

use super::conditions::{self, Processors, Throttling};
use super::program::{Program, Run, since_start, to_first_allocation};
use crate::commands::watch::Ended;
use crate::error::Error;
use crate::term::Terminal;
use alloc_probe_format::dump::{Dump, Figures, Operation};

/// What the runs of a program showed.
#[derive(Default)]
pub(super) struct Measured {
    /// Runs without recording that took their own time.
    pub(super) runs: Vec<Ended>,
    /// The most resident memory of each run without recording.
    pub(super) rss_bytes: Vec<u64>,
    /// From the start to the mark `ready`, or to the first allocation: of runs that only counted.
    pub(super) startups: Vec<u64>,
    /// What was done by name in each of these.
    pub(super) operations: Vec<Vec<Operation>>,
    /// The most resident memory of each of these, as the process itself saw it.
    pub(super) counted_rss_bytes: Vec<u64>,
    /// The figures of the whole process of each of these.
    pub(super) totals: Vec<Figures>,
    /// The run that was recorded.
    pub(super) recorded: Option<Ended>,
    /// Whether that left a dump.
    pub(super) has_dump: bool,
    /// What went wrong first, and in how many of how many runs something did.
    pub(super) failure: Option<String>,
    failed: usize,
    all: usize,
}

/// What is known of all.
pub(super) struct Together {
    /// From which resident memory on the system's figure of a run is the run's own.
    pub(super) rss_floor_bytes: u64,
    /// What skews the times.
    pub(super) caveats: Vec<String>,
}

/// Runs that only count, for what they say of the start and of operations: so many are enough for a median.
const COUNTED_RUNS: u32 = 3;

impl Measured {
    /// A caveat of a program that failed: what it did, and what that means for its figures.
    pub(super) fn caveat(&self, name: &str) -> Option<String> {
        let failure = self.failure.as_ref()?;
        let (all, failed) = (self.all, self.failed);
        let how_often = if failed < all { format!(" in {failed} of {all} runs") } else { String::new() };
        let figures = match self.runs.is_empty() {
            true => "its times are unknown, and its peak resident memory is the most it had until then",
            false => "its figures are those of such runs",
        };
        let heap = if self.has_dump { "" } else { "; of its heap nothing is known" };
        Some(format!("`{name}` failed{how_often}: {failure}; {figures}{heap}"))
    }

    /// Whether the program never came to an end of its own: to run it again shows nothing more.
    fn is_hopeless(&self) -> bool {
        self.runs.is_empty() && self.failure.is_some()
    }

    /// Notes how a run ended; says so if it is the first that failed.
    fn note(&mut self, program: &Program<'_>, run: &Run, terminal: &mut Terminal<'_>) -> Result<(), Error> {
        self.all += 1;
        let Some(failure) = &run.failure else { return Ok(()) };
        self.failed += 1;
        if self.failure.is_none() {
            program.show_end_of_log(terminal.err.as_mut())?;
            terminal.warn(failure)?;
            self.failure = Some(failure.clone());
        }
        Ok(())
    }

    /// What a run that only counted says.
    fn count(&mut self, dump: Dump, ended: &Ended) {
        self.counted_rss_bytes.extend(Some(dump.memory.peak_rss_bytes).filter(|bytes| *bytes > 0));
        self.totals.push(dump.totals);
        let startup = since_start(&dump, ended, "ready");
        self.startups.push(startup.unwrap_or_else(|| to_first_allocation(&dump, ended)));
        self.operations.push(dump.operations);
    }
}

/// Runs them all without recording, after a run to warm up.
///
/// # Errors
///
/// Where all of them fail, and like [`Program::time`].
pub(super) fn time(
    rounds: u32,
    programs: &[Program<'_>],
    measured: &mut [Measured],
    terminal: &mut Terminal<'_>,
) -> Result<Together, Error> {
    conditions::forget_own_peak();
    let mut failures = Vec::new();
    for (program, measured) in programs.iter().zip(measured.iter_mut()) {
        // What it reads is in memory from then on, for all alike.
        let run = program.time()?;
        failures.extend(run.failure.clone());
        if !run.has_times {
            measured.rss_bytes.push(run.ended.peak_rss_bytes);
        }
        if failures.len() == programs.len() {
            program.show_end_of_log(terminal.err.as_mut())?;
            let error = Error::new(failures.swap_remove(0));
            let is_late = run.ended.is_late && program.driver.is_none();
            return Err(if is_late {
                error.with_hint("`--timeout` says how long it may run")
            } else {
                error
            });
        }
        measured.note(program, &run, terminal)?;
        if run.has_times {
            // It counts for nothing, but it came to its end.
            measured.runs.push(run.ended);
        }
    }
    let processors = Processors::now();
    let throttling = Throttling::now();
    let mut order: Vec<usize> = (0..programs.len()).filter(|index| !measured[*index].is_hopeless()).collect();
    measured.iter_mut().for_each(|measured| measured.runs.clear());
    let mut own_seconds = 0.0;
    for _ in 0..rounds {
        // In turns: what disturbs the machine for a while disturbs them all.
        for &index in &order {
            let (program, measured) = (&programs[index], &mut measured[index]);
            let run = program.time()?;
            measured.note(program, &run, terminal)?;
            own_seconds += run.ended.cpu.as_secs_f64();
            measured.rss_bytes.push(run.ended.peak_rss_bytes);
            measured.runs.extend(run.has_times.then_some(run.ended));
        }
        // The other way round the next time: what becomes slower or faster all the time, as a processor does that becomes
        // warm, is no build's, nor is what a run leaves for the one after it.
        order.reverse();
    }
    let rss_floor_bytes = conditions::own_peak_bytes();
    let others = processors.zip(Processors::now());
    let others = others.and_then(|(before, after)| after.others_since(before, own_seconds));
    let caveats = others.into_iter().chain(Throttling::now().since(&throttling)).collect();
    Ok(Together { rss_floor_bytes, caveats })
}

/// Runs them to count, in turns as well, and then with full recording.
///
/// # Errors
///
/// Like [`Program::record`].
pub(super) fn record(
    rounds: u32,
    programs: &[Program<'_>],
    measured: &mut [Measured],
    terminal: &mut Terminal<'_>,
) -> Result<(), Error> {
    let mut goes_on: Vec<bool> = measured.iter().map(|measured| !measured.is_hopeless()).collect();
    for _ in 0..rounds.min(COUNTED_RUNS) {
        for ((program, measured), goes_on) in programs.iter().zip(measured.iter_mut()).zip(&mut goes_on) {
            if *goes_on {
                let (dump, run) = program.count()?;
                measured.note(program, &run, terminal)?;
                // One that leaves no dump leaves none the next time.
                *goes_on = dump.is_some();
                if let Some(dump) = dump {
                    measured.count(dump, &run.ended);
                }
            }
        }
    }
    for ((program, measured), _) in
        programs.iter().zip(measured.iter_mut()).zip(&goes_on).filter(|(_, goes_on)| **goes_on)
    {
        let (dump, run) = program.record("full", &program.log.with_extension("json"))?;
        measured.note(program, &run, terminal)?;
        measured.has_dump = dump.is_some();
        measured.recorded = run.has_times.then_some(run.ended);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_is_left() {
        let mut measured =
            Measured { failure: Some("it crashed".to_owned()), failed: 2, all: 2, ..Measured::default() };
        assert_eq!(
            measured.caveat("lto-fat").unwrap(),
            "`lto-fat` failed: it crashed; its times are unknown, and its peak resident memory is the most it had until \
             then; of its heap nothing is known"
        );
        assert!(measured.is_hopeless());
        (measured.all, measured.has_dump) = (5, true);
        assert!(measured.caveat("x").unwrap().starts_with("`x` failed in 2 of 5 runs: it crashed; "));
        assert_eq!(Measured::default().caveat("x"), None);
    }
}

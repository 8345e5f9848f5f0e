//! The timeline in equal steps.

use super::between::Between;
use alloc_probe_format::dump::TimelineSample;

/// Live bytes in each of `steps` equal parts of the run: the most there were. A part without a sample had no
/// allocation, so it is as the one before it.
pub fn live_bytes(samples: &[TimelineSample], duration_ns: u64, steps: usize) -> Vec<u64> {
    let end = samples.iter().map(|sample| sample.time_ns).chain([duration_ns]).max().unwrap_or(0);
    let mut live = Vec::with_capacity(steps);
    let mut last = 0;
    let mut samples = samples.iter().peekable();
    for step in 1..=steps {
        let until = (u128::from(end) * step as u128 / steps as u128) as u64;
        let mut most = None;
        while let Some(sample) = samples.next_if(|sample| sample.time_ns <= until) {
            most = most.max(Some(sample.live_bytes));
            last = sample.live_bytes;
        }
        live.push(most.unwrap_or(last));
    }
    live
}

/// The same between two marks, from what was live at the first of both.
pub fn live_bytes_between(between: &Between, steps: usize) -> Vec<u64> {
    let start = between.from.time_ns;
    let samples = [between.from].into_iter().chain(between.samples.iter().copied()).chain([between.to]);
    let shifted =
        samples.map(|sample| TimelineSample { time_ns: sample.time_ns.saturating_sub(start), ..sample });
    live_bytes(&shifted.collect::<Vec<_>>(), between.duration_ns(), steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_has_its_most_and_pauses_are_filled() {
        let sample =
            |(time_ns, live_bytes)| TimelineSample { time_ns, live_bytes, ..TimelineSample::default() };
        let samples = [(1, 5), (2, 9), (10, 4), (41, 7)].map(sample);
        assert_eq!(live_bytes(&samples, 50, 5), [9, 4, 4, 4, 7]);
        assert_eq!(live_bytes(&samples, 10, 2), [9, 7], "the samples may outlast the stated duration");
        assert_eq!(live_bytes(&[], 50, 3), [0, 0, 0]);
        assert_eq!(live_bytes(&samples, 50, 0), [0; 0]);
        assert_eq!(live_bytes(&samples[3..], u64::MAX, 1), [7]);
    }
}

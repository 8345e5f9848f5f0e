//! The process's resident memory at its peak, as the process read it.

use super::clock::ClockScale;
use crate::dump::PeakMemory;
use crate::spool::{Spool, header, peak_memory as word};

/// The later of the readings that are whole. None where that is too far from the peak to speak for it: in a process that
/// never had much, and where the system did not tell.
pub(super) fn read(spool: &impl Spool, clock: &ClockScale, peak_bytes: u64) -> Option<PeakMemory> {
    let places = (0..header::PEAK_MEMORY_PLACES).map(|place| {
        std::array::from_fn(|index| spool.header(header::PEAK_MEMORY + place * word::WORDS + index))
    });
    let whole = places.filter(|words: &[u64; word::WORDS]| words[word::CHECK] == word::check(words));
    let last = whole.max_by_key(|words| words[word::TICKS])?;
    let near = last[word::LIVE] >= peak_bytes - peak_bytes / 16;
    near.then(|| PeakMemory {
        time_ns: clock.nanos(last[word::TICKS]),
        live_bytes: last[word::LIVE],
        resident_bytes: last[word::RESIDENT],
        shared_bytes: last[word::SHARED],
        spool_bytes: last[word::SPOOL].min(last[word::SHARED]),
        threads: last[word::THREADS],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spool::{HEADER_WORDS, Section};
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    struct Header(Vec<AtomicU64>);

    impl Spool for Header {
        fn words(&self, section: Section) -> &[AtomicU64] {
            if section == Section::HEADER { &self.0 } else { &[] }
        }
    }

    const CLOCK: ClockScale = ClockScale { start_ticks: 0, now_ticks: 0, tick_ns: 1.0 };

    /// A header with these readings: ticks, live and resident bytes.
    fn header(readings: [[u64; 3]; 2]) -> Header {
        let words: Vec<AtomicU64> = (0..HEADER_WORDS).map(|_| AtomicU64::new(0)).collect();
        for (place, [ticks, live, resident]) in readings.into_iter().enumerate() {
            let mut reading = [ticks, live, resident, 10, 10, 1, 0, 0];
            reading[word::CHECK] = word::check(&reading);
            let place = &words[header::PEAK_MEMORY + place * word::WORDS..];
            place.iter().zip(reading).for_each(|(to, value)| to.store(value, Relaxed));
        }
        Header(words)
    }

    fn resident(header: &Header, peak_bytes: u64) -> Option<u64> {
        read(header, &CLOCK, peak_bytes).map(|memory| memory.resident_bytes)
    }

    #[test]
    fn the_later_reading_counts_if_it_is_whole() {
        let both = header([[7, 1000, 70], [5, 990, 50]]);
        assert_eq!(resident(&both, 1000), Some(70));
        for torn in 0..word::WORDS {
            let word = &both.0[header::PEAK_MEMORY + torn];
            let before = word.fetch_xor(1 << (7 * torn), Relaxed);
            assert_eq!(resident(&both, 1000), Some(50), "word {torn}");
            word.store(before, Relaxed);
        }
    }

    #[test]
    fn what_is_far_from_the_peak_does_not_speak_for_it() {
        let both = header([[7, 1000, 70], [5, 990, 50]]);
        assert_eq!((resident(&both, 1066), resident(&both, 1068)), (Some(70), None));
        let never: Vec<AtomicU64> = (0..HEADER_WORDS).map(|_| AtomicU64::new(0)).collect();
        assert_eq!(resident(&Header(never), 0), None, "nothing was read");
    }
}

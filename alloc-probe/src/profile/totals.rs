//! The process's figures: the sum of those of all threads.

use crate::spool;
use crate::thread::figures::ThreadFigures;
use crate::thread::registry;
use alloc_probe_format::spool::header;
use std::sync::atomic::Ordering::Relaxed;

/// The process's figures in sum: totals, live, and live at the peak.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sum {
    pub(crate) total: (u64, u64),
    pub(crate) live: (i64, i64),
    pub(crate) at_peak: (i64, i64),
    pub(crate) reallocs: u64,
}

impl Sum {
    /// Over all threads.
    pub(crate) fn of_process() -> Sum {
        let epoch = spool::header()[header::EPOCH].load(Relaxed);
        let mut sum = registry::while_none_ends(|| {
            let mut sum = Sum::default();
            registry::for_each_record(|record| {
                sum.add(&record.figures, record.reallocs.load(Relaxed), epoch)
            });
            sum
        });
        if sum.live.0 > sum.at_peak.0 {
            sum.at_peak = sum.live; // A peak that is not over.
        }
        sum
    }

    pub(crate) fn add(&mut self, figures: &ThreadFigures, reallocs: u64, epoch: u64) {
        // Read once, as the thread may be at it: what is not live was freed.
        let (freed, total) = (figures.freed(), figures.total());
        let live = (total.0.wrapping_sub(freed.0) as i64, total.1.wrapping_sub(freed.1) as i64);
        for (mine, theirs) in [(&mut self.live, live), (&mut self.at_peak, figures.at_peak(epoch))] {
            mine.0 = mine.0.wrapping_add(theirs.0);
            mine.1 = mine.1.wrapping_add(theirs.1);
        }
        self.total = (self.total.0.wrapping_add(total.0), self.total.1.wrapping_add(total.1));
        self.reallocs = self.reallocs.wrapping_add(reallocs);
    }
}

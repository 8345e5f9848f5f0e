//! Which counters know what was live at the peak.

/// The peak that a snapshot is of, the same for all sites.
pub(super) struct Peak {
    pub(super) epoch: u64,
    pub(super) peak_is_now: bool,
}

impl Peak {
    /// Whether a counter's figures at the peak are those that it keeps, rather than what it has live. Where the program
    /// goes on, a counter may know of later peaks than the header that was read first: then what it keeps is of the
    /// peak that was not over, or of one that was higher still.
    pub(super) fn has_kept_peak(&self, epoch: u32) -> bool {
        /// More peaks than there are while a snapshot is taken; fewer than would be met by chance in an old counter.
        const SOON: u32 = 1 << 16;
        match epoch.wrapping_sub(self.epoch as u32) {
            0 => !self.peak_is_now,
            ahead => ahead < SOON,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Peak;

    #[test]
    fn a_counter_that_knows_of_a_later_peak_has_kept_it() {
        for epoch in [7, u64::from(u32::MAX), (1 << 32) + 7] {
            let counter = |ahead: i32| (epoch as u32).wrapping_add_signed(ahead);
            for peak_is_now in [false, true] {
                let peak = Peak { epoch, peak_is_now };
                assert_eq!(peak.has_kept_peak(counter(0)), !peak_is_now);
                assert!(peak.has_kept_peak(counter(1)) && peak.has_kept_peak(counter(100)));
                assert!(!peak.has_kept_peak(counter(-1)) && !peak.has_kept_peak(counter(-7)));
            }
        }
    }
}

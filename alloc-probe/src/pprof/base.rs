//! What was counted up to a moment, so that a later profile can tell what came since.

use crate::dump::Instant;
use crate::os::Region;
use alloc_probe_format::dump::Figures;
use alloc_probe_format::snapshot::{Now, streamed};
use alloc_probe_format::spool::{Section, Spool as _};

/// The figures of each site at a moment: blocks and bytes, allocated and live.
#[derive(Debug)]
pub(crate) struct Base {
    /// By the site's number. Of several sites with one stack, the first has the figures of all.
    sites: Region,
    without_stack: [u64; FIGURES],
    pub(crate) mono_ns: u64,
}

pub(super) const FIGURES: usize = 4;

/// The figures of which there is a difference.
pub(super) fn figures(figures: &Figures) -> [u64; FIGURES] {
    [figures.total_blocks, figures.total_bytes, figures.end_blocks, figures.end_bytes]
}

impl Base {
    /// None where there is no memory for it.
    pub(super) fn of(instant: &Instant, now: Now) -> Option<Base> {
        let count = instant.count(Section::SITES) as usize;
        let mut sites = Region::of_words(count * FIGURES)?;
        let mut without_stack = [0; FIGURES];
        streamed(instant, now, &()).sites.for_each(|site, number| {
            let place = match number {
                Some(number) => sites.words_mut().chunks_exact_mut(FIGURES).nth(number as usize),
                None => Some(&mut without_stack[..]),
            };
            if let Some(place) = place {
                place.copy_from_slice(&figures(&site.figures));
            }
        });
        Some(Base { sites, without_stack, mono_ns: now.mono_ns })
    }

    /// What the site of a number had; without a number, what had no stack.
    pub(super) fn of_site(&self, number: Option<u32>) -> [u64; FIGURES] {
        let Some(number) = number else { return self.without_stack };
        let of_site = self.sites.words().chunks_exact(FIGURES).nth(number as usize);
        of_site.and_then(|figures| figures.try_into().ok()).unwrap_or_default()
    }
}

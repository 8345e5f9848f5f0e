//! The dump of a scope.

use super::{Scope, SiteFigures};
use crate::memory::os;
use crate::memory::spool::LiveSpool;
use crate::{clock, start, thread};
use alloc_probe_format::dump::{Dump, Ended, Figures, Site};
use alloc_probe_format::snapshot::{Now, part};
use std::collections::BTreeMap;

/// The figures of a scope by stack.
pub(crate) struct Report {
    pub(crate) dump: Dump,
    /// For each of the dump's sites, its figures.
    pub(crate) sites: Vec<SiteFigures>,
}

/// What a scope with sites measured so far.
pub(crate) fn of(scope: &Scope) -> Report {
    thread::as_own(start::list_images);
    let (usage, sites) = scope.usage_by_site();
    let (ticks, mono_ns) = (clock::ticks(), os::monotonic_ns());
    let now = Now { ticks, mono_ns, ended: Ended::Running, signal: None, from_spool: false };
    let nodes = sites.iter().map(|site| site.node).collect::<Vec<_>>();
    let (mut dump, rows) = part(&LiveSpool, now, &nodes);
    // Two threads that come to one place at the same time may have made two nodes of it.
    let mut by_stack = BTreeMap::<u32, SiteFigures>::new();
    for (site, row) in sites.into_iter().zip(rows) {
        by_stack.entry(row).or_default().absorb(&site);
    }
    dump.sites = by_stack
        .iter()
        .map(|(&stack, site)| Site { stack, figures: figures(site), ..Site::default() })
        .collect();
    dump.totals = dump.sites.iter().fold(Figures::default(), |mut totals, site| {
        totals.add(&site.figures);
        totals
    });
    dump.lost.notes.push(format!("the figures are those of one scope, not of the process: {usage}"));
    Report { dump, sites: by_stack.into_values().collect() }
}

fn figures(site: &SiteFigures) -> Figures {
    Figures {
        total_bytes: site.total.0,
        total_blocks: site.total.1,
        peak_bytes: site.peak.0,
        peak_blocks: site.peak.1,
        end_bytes: site.live.0,
        end_blocks: site.live.1,
        temporary_blocks: site.temporary_blocks,
        realloc_calls: site.reallocs,
        ..Figures::default()
    }
}

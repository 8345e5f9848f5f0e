//! The dump of a scope.

use super::scope::{Here, Scope};
use crate::lifecycle::threads;
use crate::os;
use crate::os::clock;
use crate::record::prepare;
use crate::scope::sites::SiteFigures;
use crate::shared::usage::Usage;
use crate::spool::LiveSpool;
use alloc_probe_format::dump::{Dump, Ended, Figures, Mode, Site};
use alloc_probe_format::snapshot::{Now, part};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

impl Scope {
    /// Writes what was measured so far to a file, as a dump for `alloc-probe`. It has call sites if the scope was made
    /// [with sites](Scope::with_sites).
    ///
    /// # Errors
    ///
    /// If the file can't be written.
    pub fn dump(&self, path: impl AsRef<Path>) -> io::Result<()> {
        Here::nowhere().run(|| crate::dump::save(path.as_ref(), &of(self)))
    }
}

/// What a scope with sites measured so far.
pub(crate) fn of(scope: &Scope) -> Dump {
    threads::in_probe(prepare::list_images);
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
    if dump.sites.is_empty() {
        dump.mode = Mode::Count;
        dump.totals = without_sites(&usage);
    }
    dump.sites.iter().for_each(|site| dump.totals.add(&site.figures));
    dump.lost.notes.push(format!("the figures are those of one scope, not of the process: {usage}"));
    dump
}

fn without_sites(usage: &Usage) -> Figures {
    Figures {
        total_bytes: usage.total_bytes,
        total_blocks: usage.total_blocks,
        peak_bytes: usage.peak_bytes,
        peak_blocks: usage.peak_blocks,
        end_bytes: usage.live_bytes,
        end_blocks: usage.live_blocks,
        temporary_blocks: usage.temporary_blocks,
        realloc_calls: usage.reallocs,
        ..Figures::default()
    }
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

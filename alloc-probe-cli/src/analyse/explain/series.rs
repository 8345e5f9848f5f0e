//! Earlier dumps of the same run.

use crate::analyse::fold;
use crate::analyse::sites::{ShownSite, ShownSites};
use crate::profile::{FrameId, Profile, Role};
use alloc_probe_format::metric::Metric;
use std::collections::HashMap;

/// The sites of earlier dumps of a run, the earliest first.
#[derive(Debug, Default)]
pub struct Series {
    dumps: Vec<Earlier>,
}

#[derive(Debug)]
struct Earlier {
    time_ns: u64,
    /// Live in all, which is counted, whatever of the sites is.
    live_bytes: u64,
    end_bytes: HashMap<Vec<Named>, u64>,
}

/// A frame as people read it, which is the same in all dumps of a build.
type Named = (String, Option<String>, Option<u32>);

/// What makes a site: the program's frames; all of them where there are none.
fn named(profile: &Profile, frames: &[FrameId]) -> Vec<Named> {
    let frames: Vec<_> = frames.iter().map(|frame| fold::frame(profile, *frame)).collect();
    let has_own = frames.iter().any(|frame| frame.role == Role::Program);
    let significant = frames.iter().filter(|frame| !has_own || frame.role == Role::Program);
    significant.map(|frame| (frame.function.clone(), frame.file.clone(), frame.line)).collect()
}

impl Series {
    /// Adds a dump with its sites as they are shown.
    pub fn add(&mut self, profile: &Profile, sites: &ShownSites<'_>) {
        let mut end_bytes: HashMap<Vec<Named>, u64> = HashMap::new();
        for site in sites.iter().filter(|site| site.of(Metric::EndBytes) > 0) {
            let bytes = end_bytes.entry(named(profile, &site.frames())).or_default();
            *bytes = bytes.saturating_add(site.of(Metric::EndBytes));
        }
        let dump = &profile.dump;
        let (time_ns, live_bytes) = (dump.process.duration_ns, dump.totals.end_bytes);
        self.dumps.push(Earlier { time_ns, live_bytes, end_bytes });
        self.dumps.sort_by_key(|dump| dump.time_ns);
    }

    /// When the dumps were taken, from the start of recording.
    pub(super) fn times_ns(&self) -> Vec<u64> {
        self.dumps.iter().map(|dump| dump.time_ns).collect()
    }

    /// What was live at each.
    pub(super) fn live_bytes(&self) -> Vec<u64> {
        self.dumps.iter().map(|dump| dump.live_bytes).collect()
    }

    /// What a site of a later dump held at each.
    pub(super) fn held(&self, profile: &Profile, site: ShownSite<'_>) -> Vec<u64> {
        let key = named(profile, &site.frames());
        self.dumps.iter().map(|dump| dump.end_bytes.get(&key).copied().unwrap_or(0)).collect()
    }
}

//! Figures, in JSON.

use crate::profile::Profile;
use alloc_probe_format::dump::Figures;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// All figures that are known, also those that are zero, which a dump leaves out.
#[derive(Debug)]
pub(super) struct AllFigures<'a> {
    figures: Figures,
    unknown: &'a [String],
}

impl<'a> AllFigures<'a> {
    /// Of a profile, or of one of its sites.
    pub(super) fn of(profile: &'a Profile, figures: Figures) -> AllFigures<'a> {
        AllFigures { figures, unknown: &profile.dump.unknown_figures }
    }
}

impl Serialize for AllFigures<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_map(None)?;
        let is_known = |name: &str| !self.unknown.iter().any(|unknown| unknown == name);
        for (name, value) in self.figures.each().filter(|(name, _)| is_known(name)) {
            fields.serialize_entry(name, &value)?;
        }
        fields.end()
    }
}

/// The figures of a whole process.
#[derive(Debug, Serialize)]
pub(super) struct Summary<'a> {
    #[serde(flatten)]
    figures: AllFigures<'a>,
    peak_time_ns: u64,
    long_lived_threshold_ns: u64,
}

impl<'a> Summary<'a> {
    pub(super) fn new(profile: &'a Profile) -> Summary<'a> {
        Summary {
            figures: AllFigures::of(profile, profile.dump.totals),
            peak_time_ns: profile.dump.peak_time_ns,
            long_lived_threshold_ns: profile.dump.long_lived_threshold_ns,
        }
    }
}

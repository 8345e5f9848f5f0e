//! Figures, in JSON.

use crate::profile::Profile;
use alloc_probe_format::dump::Figures;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// All figures, also those that are zero, which a dump leaves out.
#[derive(Debug)]
pub(super) struct AllFigures(pub(super) Figures);

impl Serialize for AllFigures {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_map(None)?;
        for (name, value) in self.0.each() {
            fields.serialize_entry(name, &value)?;
        }
        fields.end()
    }
}

/// The figures of a whole process.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    #[serde(flatten)]
    figures: AllFigures,
    peak_time_ns: u64,
    long_lived_threshold_ns: u64,
}

impl Summary {
    pub(super) fn new(profile: &Profile) -> Summary {
        Summary {
            figures: AllFigures(profile.dump.totals),
            peak_time_ns: profile.dump.peak_time_ns,
            long_lived_threshold_ns: profile.dump.long_lived_threshold_ns,
        }
    }
}

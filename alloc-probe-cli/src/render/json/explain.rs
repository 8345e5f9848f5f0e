//! `explain --json`.

use super::figures::Summary;
use super::frames::{FrameRow, FrameTable, Numbers};
use super::one_run::{FindingOf, Listed, MemoryOf, ProcessOf, Site};
use super::rows::{self, Rows, SCHEMA_VERSION};
use crate::analyse::explain::Explanation;
use crate::analyse::sites::ShownSites;
use crate::profile::Profile;
use alloc_probe_format::dump::{Build, Mode};
use serde::Serialize;
use std::io::{self, Write};

#[derive(Serialize)]
struct ExplainOf<'a, S> {
    schema_version: u32,
    mode: Mode,
    #[serde(skip_serializing_if = "Option::is_none")]
    sample_bytes: Option<u64>,
    process: ProcessOf<'a>,
    build: &'a Build,
    summary: Summary<'a>,
    headline: HeadlineOf<'a>,
    memory: MemoryOf<'a>,
    seen: Vec<SeenOf<'a>>,
    findings: Vec<FindingOf<'a>>,
    frames: Vec<FrameRow<'a>>,
    sites: S,
}

#[derive(Serialize)]
struct HeadlineOf<'a> {
    memory: &'a str,
    without_recording: Option<&'a str>,
    growth: Option<&'a str>,
    end: Option<&'a str>,
}

#[derive(Serialize)]
struct SeenOf<'a> {
    name: &'static str,
    bytes: u64,
    meaning: &'a str,
}

/// Writes an explanation, with the sites that its findings are about.
///
/// # Errors
///
/// Those of `out`.
pub fn write(
    profile: &Profile,
    sites: &ShownSites<'_>,
    explanation: &Explanation,
    out: &mut dyn Write,
) -> io::Result<()> {
    let dump = &profile.dump;
    let listed = Listed::of_findings(sites.len(), &explanation.findings);
    let mut table = FrameTable::default();
    let mut numbers = Numbers::of(profile);
    listed.sites(sites).for_each(|site| table.add(&mut numbers, &site.frames()));
    let headline = &explanation.headline;
    let json = ExplainOf {
        schema_version: SCHEMA_VERSION,
        mode: dump.mode,
        sample_bytes: dump.sample_bytes,
        process: ProcessOf::new(&dump.process),
        build: &dump.build,
        summary: Summary::new(profile),
        headline: HeadlineOf {
            memory: &headline.memory,
            without_recording: headline.without_recording.as_deref(),
            growth: headline.growth.as_deref(),
            end: headline.end.as_deref(),
        },
        memory: MemoryOf::new(&dump.memory, explanation.account.as_ref()),
        seen: (explanation.seen.iter())
            .map(|seen| SeenOf { name: seen.name, bytes: seen.bytes, meaning: &seen.meaning })
            .collect(),
        findings: listed.findings(&explanation.findings),
        frames: table.into_rows(),
        sites: Rows(|| listed.sites(sites).map(|site| Site::new(profile, site, &numbers))),
    };
    rows::write(&json, out)
}

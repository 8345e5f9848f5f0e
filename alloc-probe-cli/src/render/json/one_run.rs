//! What every `--json` about one run has: the process, its memory, findings, and sites.

use super::figures::{Errors, SomeFigures};
use super::frames::Numbers;
use crate::analyse::account::{Account, Line};
use crate::analyse::explain::finding::Finding;
use crate::analyse::sites::{ShownSite, ShownSites};
use crate::profile::Profile;
use alloc_probe_format::dump::{Ended, Histogram, Memory, Process};
use serde::Serialize;
use std::borrow::Cow;

/// Which process it was.
#[derive(Serialize)]
pub(super) struct ProcessOf<'a> {
    pid: u32,
    executable: &'a str,
    command: &'a [String],
    start_unix_ns: u64,
    duration_ns: u64,
    end_unix_ns: u64,
    ended: Ended,
    signal: Option<i32>,
    from_spool: bool,
}

/// Its memory.
#[derive(Serialize)]
pub(super) struct MemoryOf<'a> {
    #[serde(flatten)]
    memory: &'a Memory,
    account: Vec<AccountLine>,
}

/// A line of the account; without bytes where the dump can't tell them.
#[derive(Serialize)]
pub(super) struct AccountLine {
    name: &'static str,
    meaning: &'static str,
    bytes: Option<i64>,
}

/// A finding. Its sites are numbers of the list of sites.
#[derive(Serialize)]
pub(super) struct FindingOf<'a> {
    kind: &'static str,
    bytes: u64,
    sentence: &'a str,
    evidence: &'a [String],
    sites: Vec<usize>,
    site_bytes: Vec<u64>,
    advice: &'a str,
}

/// A site.
#[derive(Serialize)]
pub(super) struct Site<'a> {
    #[serde(flatten)]
    figures: SomeFigures<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<Errors>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    truncated: bool,
    #[serde(skip_serializing_if = "is_empty")]
    sizes: Cow<'a, Histogram>,
    #[serde(skip_serializing_if = "is_empty")]
    lifetimes: Cow<'a, Histogram>,
    #[serde(skip_serializing_if = "is_empty")]
    ages: Cow<'a, Histogram>,
    stacks: u64,
    turns: [u32; 2],
    stack: Vec<u32>,
}

#[expect(clippy::ptr_arg, reason = "serde hands over the field as it is")]
fn is_empty(histogram: &Cow<'_, Histogram>) -> bool {
    histogram.is_empty()
}

impl<'a> ProcessOf<'a> {
    pub(super) fn new(process: &'a Process) -> ProcessOf<'a> {
        ProcessOf {
            pid: process.pid,
            executable: &process.executable,
            command: &process.command,
            start_unix_ns: process.start_unix_ns,
            duration_ns: process.duration_ns,
            end_unix_ns: process.end_unix_ns,
            ended: process.ended,
            signal: process.signal,
            from_spool: process.from_spool,
        }
    }
}

impl<'a> MemoryOf<'a> {
    /// With the lines that add up to the resident memory; none where that is not known.
    pub(super) fn new(memory: &'a Memory, account: Option<&Account>) -> MemoryOf<'a> {
        let line = |line: &Line| AccountLine { name: line.name, meaning: line.meaning, bytes: line.figure };
        let account = account.map(|account| account.lines.iter().map(line).collect());
        MemoryOf { memory, account: account.unwrap_or_default() }
    }
}

impl<'a> Site<'a> {
    /// One of a run.
    pub(super) fn new(profile: &'a Profile, site: ShownSite<'a>, numbers: &Numbers<'_>) -> Site<'a> {
        let (figures, turns) = (site.figures(), site.turns());
        let sizes = site.histogram(|site| &site.sizes);
        Site {
            figures: SomeFigures::of(profile, figures),
            errors: Errors::of_blocks([(&*sizes, &figures)], &figures, &profile.dump),
            truncated: site.is_truncated(),
            sizes,
            lifetimes: site.histogram(|site| &site.lifetimes),
            ages: site.histogram(|site| &site.ages),
            stacks: site.members().len() as u64,
            turns: [turns.least, turns.most],
            stack: numbers.stack(&site.frames()),
        }
    }
}

/// Which sites are listed: so many, the largest first, and then those that a finding is about.
pub(super) struct Listed {
    order: Vec<usize>,
    /// The place of each site in the list.
    places: Vec<Option<usize>>,
}

impl Listed {
    /// Of so many sites the first `top`, and as many of each finding's.
    pub(super) fn new(sites: usize, top: usize, findings: &[Finding]) -> Listed {
        let mut listed = Listed { order: (0..sites.min(top)).collect(), places: vec![None; sites] };
        (0..sites.min(top)).for_each(|site| listed.places[site] = Some(site));
        listed.add(findings.iter().flat_map(|finding| finding.sites.iter().take(top)));
        listed
    }

    /// Those of the findings alone, all of them.
    pub(super) fn of_findings(sites: usize, findings: &[Finding]) -> Listed {
        let mut listed = Listed { order: Vec::new(), places: vec![None; sites] };
        listed.add(findings.iter().flat_map(|finding| &finding.sites));
        listed
    }

    fn add<'f>(&mut self, sites: impl Iterator<Item = &'f (usize, u64)>) {
        for (site, _) in sites {
            if self.places.get(*site) == Some(&None) {
                self.places[*site] = Some(self.order.len());
                self.order.push(*site);
            }
        }
    }

    pub(super) fn sites<'s>(&self, sites: &'s ShownSites<'s>) -> impl Iterator<Item = ShownSite<'s>> {
        self.order.iter().map(|site| sites.get(*site))
    }

    /// Findings, with the places that their sites have in the list.
    pub(super) fn findings<'f>(&self, findings: &'f [Finding]) -> Vec<FindingOf<'f>> {
        let of = |finding: &'f Finding| {
            let place = |(site, bytes): &(usize, u64)| Some(((*self.places.get(*site)?)?, *bytes));
            let (sites, site_bytes) = finding.sites.iter().filter_map(place).unzip();
            FindingOf {
                kind: finding.kind.name(),
                bytes: finding.bytes,
                sentence: &finding.sentence,
                evidence: &finding.evidence,
                sites,
                site_bytes,
                advice: &finding.advice,
            }
        };
        findings.iter().map(of).collect()
    }
}

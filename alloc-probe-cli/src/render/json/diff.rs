//! `diff --json`.

use super::figures::{Errors, SomeFigures, Summary};
use super::frames::{FrameRow, FrameTable, Numbers};
use super::operations::OfBoth;
use super::rows::{self, Rows, SCHEMA_VERSION};
use crate::analyse::diff::Diff;
use crate::analyse::diff::account::{Account as Lines, Line};
use crate::analyse::diff::class;
use crate::analyse::diff::coverage::Share;
use crate::analyse::diff::findings::finding::Finding;
use crate::analyse::diff::pair::Sites;
use crate::analyse::diff::work::Unit;
use crate::analyse::fold::stacks::Stacks;
use crate::profile::{FrameId, Profile};
use crate::render::diff::view::{Options, View};
use crate::render::diff::work;
use alloc_probe_format::dump::{Build, Category, Mode};
use alloc_probe_format::metric::Metric;
use serde::Serialize;
use std::io::{self, Write};

#[derive(Serialize)]
struct DiffOf<'a, S> {
    schema_version: u32,
    metric: &'static str,
    base: Side<'a>,
    new: Side<'a>,
    matched: Matched,
    caveats: &'a [String],
    work_factor: Option<f64>,
    unit: Option<PerUnit<'a>>,
    operations: Vec<OfBoth<'a>>,
    classes: Vec<ClassSum>,
    memory: Memory<'a>,
    findings: Vec<FindingOf<'a>>,
    frames: Vec<FrameRow<'a>>,
    sites: S,
}

/// A profile as a whole. Its figures stand beside the rest.
#[derive(Serialize)]
struct Side<'a> {
    file: String,
    mode: Mode,
    build: &'a Build,
    #[serde(flatten)]
    summary: Summary<'a>,
}

#[derive(Serialize)]
struct Matched {
    bytes_percent: f64,
    exact_percent: f64,
    blocks_percent: f64,
    exact_blocks_percent: f64,
    peak_bytes_percent: f64,
    exact_peak_bytes_percent: f64,
}

#[derive(Serialize)]
struct Memory<'a> {
    rss_bytes: Both,
    peak_rss_bytes: Both,
    virtual_bytes: Both,
    threads: Both,
    categories: Vec<CategoryOf<'a>>,
    account: Option<Account<'a>>,
}

/// What the resident memory consists of.
#[derive(Serialize)]
struct Account<'a> {
    resident: LineOf,
    lines: Vec<LineOf>,
    beside: Vec<LineOf>,
    at_peak: Option<AtPeak>,
    notes: &'a [String],
}

/// The same at the peak of live bytes.
#[derive(Serialize)]
struct AtPeak {
    resident: LineOf,
    lines: Vec<LineOf>,
}

/// One line of an account. What a dump can't tell is `null`.
#[derive(Serialize)]
struct LineOf {
    name: &'static str,
    meaning: &'static str,
    base: Option<i64>,
    new: Option<i64>,
    difference: Option<i64>,
}

/// A figure of both sides.
#[derive(Clone, Copy, Serialize)]
struct Both {
    base: u64,
    new: u64,
    difference: i64,
}

#[derive(Serialize)]
struct CategoryOf<'a> {
    name: &'a str,
    #[serde(flatten)]
    bytes: Both,
}

/// A finding. Its sites are numbers of the list of sites.
#[derive(Serialize)]
struct FindingOf<'a> {
    kind: &'static str,
    bytes: i64,
    in_both: bool,
    sentence: &'a str,
    evidence: &'a [String],
    sites: Vec<usize>,
    site_bytes: Vec<i64>,
    advice: &'a str,
}

/// The unit of work, and the runs' figures for each.
#[derive(Serialize)]
struct PerUnit<'a> {
    name: &'a str,
    count: Both,
    figures: Vec<FigurePerUnit>,
}

#[derive(Serialize)]
struct FigurePerUnit {
    name: &'static str,
    #[serde(flatten)]
    sides: BothPerUnit,
}

/// A figure of both sides for each unit of work.
#[derive(Clone, Copy, Serialize)]
struct BothPerUnit {
    base: f64,
    new: f64,
    difference: f64,
}

/// All sites of a class.
#[derive(Serialize)]
struct ClassSum {
    class: &'static str,
    sites: usize,
    total_bytes: Both,
    total_blocks: Both,
    peak_bytes: Both,
    end_bytes: Both,
}

#[derive(Serialize)]
struct Site<'a> {
    #[serde(rename = "match", skip_serializing_if = "Option::is_none")]
    matched: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    only_in: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<&'static str>,
    difference: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<u64>,
    told: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    per_unit: Option<BothPerUnit>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base: Option<SiteSide<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    new: Option<SiteSide<'a>>,
}

/// What one side has of a site, with the stack of the largest of those that are counted together.
#[derive(Serialize)]
struct SiteSide<'a> {
    #[serde(flatten)]
    figures: SomeFigures<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<Errors>,
    stacks: usize,
    turns: [u32; 2],
    stack: Vec<u32>,
}

/// Writes a diff with so many of its sites, those furthest apart by the metric first, and with those that a finding is
/// about; all of them where it is none.
///
/// # Errors
///
/// Those of `out`.
pub fn write<'a>(view: &View<'a>, top: Option<usize>, out: &mut dyn Write) -> io::Result<()> {
    let View { base, new, diff, .. } = *view;
    let Options { metric, unit, only, .. } = view.options;
    let top = top.unwrap_or(usize::MAX);
    let mut shown = diff.by_distance(metric, only);
    shown.truncate(top);
    let mut places: Vec<Option<usize>> = vec![None; diff.pairs.len()];
    shown.iter().enumerate().for_each(|(place, pair)| places[*pair] = Some(place));
    for (pair, _) in diff.findings.iter().flat_map(|finding| finding.sites.iter().take(top)) {
        if places.get(*pair) == Some(&None) {
            places[*pair] = Some(shown.len());
            shown.push(*pair);
        }
    }
    let detail = view.options.detail;
    let (mut of_base, mut of_new) = (Stacks::of(base, detail), Stacks::of(new, detail));
    // The stack of the largest of a side's sites; none where the side has none.
    let stack = |stacks: &mut Stacks<'_>, sites: Option<&Sites>, profile: &Profile| -> Vec<FrameId> {
        let largest = sites.and_then(|sites| sites.shown(profile, metric));
        largest.map(|site| stacks.shown(site).0).unwrap_or_default()
    };
    let stacks: Vec<[Vec<FrameId>; 2]> = shown
        .iter()
        .map(|pair| &diff.pairs[*pair])
        .map(|pair| {
            let base = stack(&mut of_base, pair.base.as_ref(), base);
            [base, stack(&mut of_new, pair.new.as_ref(), new)]
        })
        .collect();
    let (mut table, mut in_base, mut in_new) = (FrameTable::default(), Numbers::of(base), Numbers::of(new));
    for [of_base, of_new] in &stacks {
        table.add(&mut in_base, of_base);
        table.add(&mut in_new, of_new);
    }
    let side = |profile: &'a Profile,
                sites: Option<&Sites>,
                shown: &[FrameId],
                numbers: &Numbers<'_>|
     -> Option<SiteSide<'a>> {
        sites.map(|of| SiteSide {
            figures: SomeFigures::of(profile, of.figures),
            errors: Errors::of_blocks(
                (of.sites.iter().filter_map(|site| profile.sites.get(*site as usize)))
                    .map(|site| (&site.sizes, &site.figures)),
                &of.figures,
                &profile.dump,
            ),
            stacks: of.sites.len(),
            turns: if detail.all_stacks { [0, 0] } else { [of.turns.least, of.turns.most] },
            stack: numbers.stack(shown),
        })
    };
    let site = |(index, [of_base, of_new]): (&usize, &[Vec<FrameId>; 2])| {
        let pair = &diff.pairs[*index];
        Site {
            matched: pair.kind.map(|kind| kind.name()),
            only_in: match (&pair.base, &pair.new) {
                (Some(_), None) => Some("base"),
                (None, Some(_)) => Some("new"),
                _ => None,
            },
            class: diff.classes[*index].map(class::Class::name),
            difference: Both::of(pair.of(metric)).difference,
            error: diff.error(*index, metric).map(|error| error.round() as u64),
            told: diff.is_told(*index, metric),
            per_unit: unit.map(|unit| BothPerUnit::of(unit, pair.of(metric))),
            base: side(base, pair.base.as_ref(), of_base, &in_base),
            new: side(new, pair.new.as_ref(), of_new, &in_new),
        }
    };
    let json = DiffOf {
        schema_version: SCHEMA_VERSION,
        metric: metric.name(),
        base: Side::new(base),
        new: Side::new(new),
        matched: Matched::new(diff),
        caveats: &diff.caveats,
        work_factor: diff.work,
        unit: unit.map(|unit| PerUnit::new(unit, base, new)),
        operations: OfBoth::all(base, new),
        classes: diff.sums().iter().map(ClassSum::new).collect(),
        memory: Memory::new(base, new, diff),
        findings: diff.findings.iter().map(|finding| FindingOf::new(finding, &places)).collect(),
        frames: table.into_rows(),
        sites: Rows(|| shown.iter().zip(&stacks).map(site)),
    };
    rows::write(&json, out)
}

impl<'a> Side<'a> {
    fn new(profile: &'a Profile) -> Side<'a> {
        Side {
            file: profile.path.display().to_string(),
            mode: profile.dump.mode,
            build: &profile.dump.build,
            summary: Summary::new(profile),
        }
    }
}

impl Matched {
    fn new(diff: &Diff) -> Matched {
        // A ten-thousandth of a percent is finer than anyone asks, and reads well.
        let round = |percent: f64| (percent * 1e4).round() / 1e4;
        let shares = |share: Share| (round(share.percent), round(share.exact_percent));
        let (bytes_percent, exact_percent) = shares(diff.matched.bytes);
        let (blocks_percent, exact_blocks_percent) = shares(diff.matched.blocks);
        let (peak_bytes_percent, exact_peak_bytes_percent) = shares(diff.matched.peak_bytes);
        Matched {
            bytes_percent,
            exact_percent,
            blocks_percent,
            exact_blocks_percent,
            peak_bytes_percent,
            exact_peak_bytes_percent,
        }
    }
}

impl<'a> Memory<'a> {
    fn new(base: &'a Profile, new: &'a Profile, diff: &'a Diff) -> Memory<'a> {
        let (base, new) = (&base.dump.memory, &new.dump.memory);
        let mut names: Vec<&str> = Vec::new();
        for category in base.categories.iter().chain(&new.categories) {
            if !names.contains(&category.name.as_str()) {
                names.push(&category.name);
            }
        }
        let bytes = |categories: &[Category], name: &str| {
            let of_name = categories.iter().filter(|category| category.name == name);
            of_name.map(|category| category.bytes).fold(0, u64::saturating_add)
        };
        Memory {
            rss_bytes: Both::of((base.rss_bytes, new.rss_bytes)),
            peak_rss_bytes: Both::of((base.peak_rss_bytes, new.peak_rss_bytes)),
            virtual_bytes: Both::of((base.virtual_bytes, new.virtual_bytes)),
            threads: Both::of((base.threads, new.threads)),
            categories: names
                .into_iter()
                .map(|name| {
                    let sides = (bytes(&base.categories, name), bytes(&new.categories, name));
                    CategoryOf { name, bytes: Both::of(sides) }
                })
                .collect(),
            account: diff.account.as_ref().map(Account::new),
        }
    }
}

impl Both {
    fn of((base, new): (u64, u64)) -> Both {
        let difference = i128::from(new) - i128::from(base);
        let difference =
            i64::try_from(difference).unwrap_or(if difference > 0 { i64::MAX } else { i64::MIN });
        Both { base, new, difference }
    }
}

impl<'a> Account<'a> {
    fn new(account: &'a Lines) -> Account<'a> {
        let lines = |lines: &[Line]| lines.iter().map(LineOf::new).collect();
        Account {
            resident: LineOf::new(&account.resident),
            lines: lines(&account.lines),
            beside: lines(&account.beside),
            at_peak: account
                .resident_at_peak
                .as_ref()
                .map(|resident| AtPeak { resident: LineOf::new(resident), lines: lines(&account.at_peak) }),
            notes: &account.notes,
        }
    }
}

impl<'a> PerUnit<'a> {
    fn new(unit: &'a Unit, base: &Profile, new: &Profile) -> PerUnit<'a> {
        let figure = |(_, key, of): &work::Figure| FigurePerUnit {
            name: key,
            sides: BothPerUnit::of(unit, (of(&base.dump.totals), of(&new.dump.totals))),
        };
        PerUnit {
            name: &unit.name,
            count: Both::of((unit.base, unit.new)),
            figures: work::FIGURES.iter().map(figure).collect(),
        }
    }
}

impl BothPerUnit {
    fn of(unit: &Unit, sides: (u64, u64)) -> BothPerUnit {
        let (base, new) = unit.of(sides);
        BothPerUnit { base, new, difference: new - base }
    }
}

impl ClassSum {
    fn new(sum: &class::Sum) -> ClassSum {
        let both = |metric: Metric| Both::of((metric.of(&sum.base), metric.of(&sum.new)));
        ClassSum {
            class: sum.class.name(),
            sites: sum.pairs,
            total_bytes: both(Metric::TotalBytes),
            total_blocks: both(Metric::TotalBlocks),
            peak_bytes: both(Metric::PeakBytes),
            end_bytes: both(Metric::EndBytes),
        }
    }
}

impl LineOf {
    fn new(line: &Line) -> LineOf {
        let &Line { name, meaning, base, new, .. } = line;
        LineOf { name, meaning, base, new, difference: line.difference() }
    }
}

impl<'a> FindingOf<'a> {
    /// A finding, with the places that pairs have in the list of sites.
    fn new(finding: &'a Finding, places: &[Option<usize>]) -> FindingOf<'a> {
        let listed = finding.sites.iter().filter_map(|(pair, bytes)| Some(((*places.get(*pair)?)?, *bytes)));
        let (sites, site_bytes) = listed.unzip();
        FindingOf {
            kind: finding.kind.name(),
            bytes: finding.bytes,
            in_both: finding.in_both,
            sentence: &finding.sentence,
            evidence: &finding.evidence,
            sites,
            site_bytes,
            advice: &finding.advice,
        }
    }
}

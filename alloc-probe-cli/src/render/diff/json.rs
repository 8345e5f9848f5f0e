//! `diff --json`: stable, versioned, and described in `docs/json.md`.

use super::view::{Options, View};
use super::work;
use crate::analyse::diff::Diff;
use crate::analyse::diff::account::{Account as Lines, Line};
use crate::analyse::diff::class::{self, Class};
use crate::analyse::diff::coverage::Share;
use crate::analyse::diff::findings::finding::Finding;
use crate::analyse::diff::pair::{Pair, Sites};
use crate::analyse::diff::work::Unit;
use crate::analyse::fold;
use crate::profile::Profile;
use crate::render::json::{AllFigures, SiteFrame, Summary};
use alloc_probe_format::dump::{Build, Category, Mode};
use alloc_probe_format::metric::Metric;
use serde::Serialize;

/// What `schema_version` says of a diff. In 1, `causes` were the lines of what is `memory.account` now.
const SCHEMA_VERSION: u32 = 2;

/// What `diff --json` prints.
#[derive(Debug, Serialize)]
pub struct DiffJson<'a> {
    schema_version: u32,
    metric: &'static str,
    base: Side<'a>,
    new: Side<'a>,
    matched: Matched,
    obstacles: &'a [String],
    work_factor: Option<f64>,
    unit: Option<PerUnit<'a>>,
    classes: Vec<ClassSum>,
    memory: Memory<'a>,
    causes: Vec<Cause<'a>>,
    sites: Vec<Site<'a>>,
}

/// A profile as a whole. Its figures stand beside the rest.
#[derive(Debug, Serialize)]
struct Side<'a> {
    file: String,
    mode: Mode,
    build: &'a Build,
    #[serde(flatten)]
    summary: Summary,
}

#[derive(Debug, Serialize)]
struct Matched {
    bytes_percent: f64,
    exact_percent: f64,
    blocks_percent: f64,
    exact_blocks_percent: f64,
    peak_bytes_percent: f64,
    exact_peak_bytes_percent: f64,
}

#[derive(Debug, Serialize)]
struct Memory<'a> {
    rss_bytes: Both,
    peak_rss_bytes: Both,
    virtual_bytes: Both,
    threads: Both,
    categories: Vec<CategoryOf<'a>>,
    account: Option<Account<'a>>,
}

/// What the resident memory consists of.
#[derive(Debug, Serialize)]
struct Account<'a> {
    resident: LineOf,
    lines: Vec<LineOf>,
    beside: Vec<LineOf>,
    at_peak: Option<AtPeak>,
    notes: &'a [String],
}

/// The same at the peak of live bytes.
#[derive(Debug, Serialize)]
struct AtPeak {
    resident: LineOf,
    lines: Vec<LineOf>,
}

/// One line of an account. What a dump can't tell is `null`.
#[derive(Debug, Serialize)]
struct LineOf {
    name: &'static str,
    meaning: &'static str,
    base: Option<i64>,
    new: Option<i64>,
    difference: Option<i64>,
}

/// A figure of both sides.
#[derive(Clone, Copy, Debug, Serialize)]
struct Both {
    base: u64,
    new: u64,
    difference: i64,
}

#[derive(Debug, Serialize)]
struct CategoryOf<'a> {
    name: &'a str,
    #[serde(flatten)]
    bytes: Both,
}

/// A finding.
#[derive(Debug, Serialize)]
struct Cause<'a> {
    kind: &'static str,
    bytes: i64,
    in_both: bool,
    headline: &'a str,
    evidence: &'a [String],
    sites: Vec<CauseSite<'a>>,
    advice: &'a str,
}

/// A site that a finding is about, by its stack in the new run, or in the base where the new run has no such site.
#[derive(Debug, Serialize)]
struct CauseSite<'a> {
    bytes: i64,
    frames: Vec<SiteFrame<'a>>,
}

/// The unit of work, and the runs' figures for each.
#[derive(Debug, Serialize)]
struct PerUnit<'a> {
    name: &'a str,
    count: Both,
    figures: Vec<FigurePerUnit>,
}

#[derive(Debug, Serialize)]
struct FigurePerUnit {
    name: &'static str,
    #[serde(flatten)]
    sides: BothPerUnit,
}

/// A figure of both sides for each unit of work.
#[derive(Clone, Copy, Debug, Serialize)]
struct BothPerUnit {
    base: f64,
    new: f64,
    difference: f64,
}

/// All sites of a class.
#[derive(Debug, Serialize)]
struct ClassSum {
    class: &'static str,
    sites: usize,
    total_bytes: Both,
    total_blocks: Both,
    peak_bytes: Both,
    end_bytes: Both,
}

#[derive(Debug, Serialize)]
struct Site<'a> {
    #[serde(rename = "match")]
    matched: Option<&'static str>,
    only_in: Option<&'static str>,
    class: Option<&'static str>,
    difference: i64,
    per_unit: Option<BothPerUnit>,
    base: Option<SiteSide<'a>>,
    new: Option<SiteSide<'a>>,
}

/// What one side has of a site, with the stack of the largest of those that are counted together.
#[derive(Debug, Serialize)]
struct SiteSide<'a> {
    #[serde(flatten)]
    figures: AllFigures,
    stacks: usize,
    frames: Vec<SiteFrame<'a>>,
}

impl<'a> DiffJson<'a> {
    /// The diff with so many of its sites, those furthest apart by the metric first; all of them where it is none.
    pub fn new(view: &View<'a>, top: Option<usize>) -> DiffJson<'a> {
        let View { base, new, diff, .. } = *view;
        let Options { metric, unit, only, all_frames, .. } = view.options;
        let mut shown = diff.by_distance(metric, only);
        shown.truncate(top.unwrap_or(usize::MAX));
        let side = |sites: &Option<Sites>, profile| {
            sites.as_ref().map(|sites| SiteSide::new(sites, profile, metric, all_frames))
        };
        let site = |pair: &Pair, class: Option<Class>| Site {
            matched: pair.kind.map(|kind| kind.name()),
            only_in: match (&pair.base, &pair.new) {
                (Some(_), None) => Some("base"),
                (None, Some(_)) => Some("new"),
                _ => None,
            },
            class: class.map(Class::name),
            difference: Both::of(pair.of(metric)).difference,
            per_unit: unit.map(|unit| BothPerUnit::of(unit, pair.of(metric))),
            base: side(&pair.base, base),
            new: side(&pair.new, new),
        };
        DiffJson {
            schema_version: SCHEMA_VERSION,
            metric: metric.name(),
            base: Side::new(base),
            new: Side::new(new),
            matched: Matched::new(diff),
            obstacles: &diff.caveats,
            work_factor: diff.work,
            unit: unit.map(|unit| PerUnit::new(unit, base, new)),
            classes: diff.sums().iter().map(ClassSum::new).collect(),
            memory: Memory::new(base, new, diff),
            causes: diff
                .findings
                .iter()
                .map(|finding| Cause::new(finding, base, new, diff, metric, (top, all_frames)))
                .collect(),
            sites: shown.iter().map(|index| site(&diff.pairs[*index], diff.classes[*index])).collect(),
        }
    }
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

impl<'a> Cause<'a> {
    fn new(
        finding: &'a Finding,
        base: &'a Profile,
        new: &'a Profile,
        diff: &'a Diff,
        metric: Metric,
        (top, all_frames): (Option<usize>, bool),
    ) -> Cause<'a> {
        let frames = |pair: &'a Pair| match (&pair.new, &pair.base) {
            (Some(sites), _) => sites_frames(sites, new, metric, all_frames),
            (None, Some(sites)) => sites_frames(sites, base, metric, all_frames),
            (None, None) => Vec::new(),
        };
        Cause {
            kind: finding.kind.name(),
            bytes: finding.bytes,
            in_both: finding.in_both,
            headline: &finding.headline,
            evidence: &finding.evidence,
            sites: finding
                .sites
                .iter()
                .take(top.unwrap_or(usize::MAX))
                .filter_map(|(pair, bytes)| {
                    Some(CauseSite { bytes: *bytes, frames: frames(diff.pairs.get(*pair)?) })
                })
                .collect(),
            advice: &finding.advice,
        }
    }
}

impl<'a> SiteSide<'a> {
    fn new(sites: &Sites, profile: &'a Profile, metric: Metric, all_frames: bool) -> SiteSide<'a> {
        SiteSide {
            figures: AllFigures::from(&sites.figures),
            stacks: sites.sites.len(),
            frames: sites_frames(sites, profile, metric, all_frames),
        }
    }
}

/// The stack of the largest of some sites.
fn sites_frames<'a>(
    sites: &Sites,
    profile: &'a Profile,
    metric: Metric,
    all_frames: bool,
) -> Vec<SiteFrame<'a>> {
    let frames = sites.shown(profile, metric).map(|site| fold::visible(profile, site, all_frames));
    frames.unwrap_or_default().into_iter().map(|id| SiteFrame::new(fold::frame(profile, id))).collect()
}

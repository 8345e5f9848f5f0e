//! `diff --json`: stable, versioned, and described in `docs/json.md`.

use crate::analyse::diff::causes::Line;
use crate::analyse::diff::share::Share;
use crate::analyse::diff::{Diff, Pair, Sites};
use crate::analyse::fold;
use crate::profile::Profile;
use crate::render::json::{AllFigures, SCHEMA_VERSION, SiteFrame, Summary};
use alloc_probe_format::dump::{Build, Category, Mode};
use alloc_probe_format::metric::Metric;
use serde::Serialize;

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
    memory: Memory<'a>,
    causes: Vec<Cause>,
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

#[derive(Debug, Serialize)]
struct Cause {
    name: &'static str,
    meaning: &'static str,
    base_bytes: i64,
    new_bytes: i64,
    difference_bytes: i64,
}

#[derive(Debug, Serialize)]
struct Site<'a> {
    #[serde(rename = "match")]
    matched: Option<&'static str>,
    only_in: Option<&'static str>,
    difference: i64,
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
    pub fn new(
        base: &'a Profile,
        new: &'a Profile,
        diff: &'a Diff,
        metric: Metric,
        top: Option<usize>,
        all_frames: bool,
    ) -> DiffJson<'a> {
        let mut pairs: Vec<&Pair> = diff.pairs.iter().collect();
        pairs.sort_by_key(|pair| std::cmp::Reverse(pair.distance(metric)));
        pairs.truncate(top.unwrap_or(usize::MAX));
        let side = |sites: &Option<Sites>, profile| {
            sites.as_ref().map(|sites| SiteSide::new(sites, profile, metric, all_frames))
        };
        let site = |pair: &&Pair| Site {
            matched: pair.kind.map(|kind| kind.name()),
            only_in: match (&pair.base, &pair.new) {
                (Some(_), None) => Some("base"),
                (None, Some(_)) => Some("new"),
                _ => None,
            },
            difference: Both::of(pair.of(metric)).difference,
            base: side(&pair.base, base),
            new: side(&pair.new, new),
        };
        DiffJson {
            schema_version: SCHEMA_VERSION,
            metric: metric.name(),
            base: Side::new(base),
            new: Side::new(new),
            matched: Matched::new(diff),
            obstacles: &diff.obstacles,
            work_factor: diff.work,
            memory: Memory::new(base, new),
            causes: diff.account.iter().flat_map(|account| &account.lines).map(Cause::new).collect(),
            sites: pairs.iter().map(site).collect(),
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
    fn new(base: &'a Profile, new: &'a Profile) -> Memory<'a> {
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

impl Cause {
    fn new(line: &Line) -> Cause {
        Cause {
            name: line.name,
            meaning: line.meaning,
            base_bytes: line.base_bytes,
            new_bytes: line.new_bytes,
            difference_bytes: line.difference_bytes(),
        }
    }
}

impl<'a> SiteSide<'a> {
    fn new(sites: &Sites, profile: &'a Profile, metric: Metric, all_frames: bool) -> SiteSide<'a> {
        let frames = sites.shown(profile, metric).map(|site| fold::visible(profile, site, all_frames));
        SiteSide {
            figures: AllFigures::from(&sites.figures),
            stacks: sites.sites.len(),
            frames: frames
                .unwrap_or_default()
                .into_iter()
                .map(|id| SiteFrame::new(fold::frame(profile, id)))
                .collect(),
        }
    }
}

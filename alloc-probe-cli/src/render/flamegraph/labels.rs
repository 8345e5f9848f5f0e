//! What is written around a picture.

use super::draw::Labels;
use super::options::Widths;
use crate::profile::Profile;
use crate::render::summary;
use crate::units;
use alloc_probe_format::metric::Metric;

pub(super) fn labels(profile: &Profile, metric: Metric) -> Labels {
    let figure = units::figure(metric.of(&profile.dump.totals), metric.is_bytes());
    let title = format!("{}: {}, {figure}", program(profile), metric.meaning());
    Labels { title, subtitle: facts(profile), unit: unit(metric) }
}

/// The labels of a difference of which it is known whether any stack `differs`.
pub(super) fn difference_labels(
    base: &Profile,
    new: &Profile,
    metric: Metric,
    widths: Widths,
    differs: bool,
) -> Labels {
    let figure = |profile: &Profile| units::figure(metric.of(&profile.dump.totals), metric.is_bytes());
    let title = format!("{}: {}, {} → {}", program(new), metric.meaning(), figure(base), figure(new));
    let (width, shown) = match widths {
        Widths::Base => (base, "what is gone is there, what came is not"),
        Widths::New => (new, "what came is there, what is gone is not"),
    };
    let (base, new) = (file_name(base), file_name(new));
    let subtitle = match differs {
        true => format!("widths: {} ({shown}); red: more, blue: less in {new} than in {base}", facts(width)),
        false => format!("nothing differs between {base} and {new}; widths: {}", facts(width)),
    };
    Labels { title, subtitle, unit: unit(metric) }
}

fn facts(profile: &Profile) -> String {
    let mut facts = format!("{} ({})", file_name(profile), build(profile));
    if let Some(caveat) = summary::caveat(&profile.dump) {
        facts += &format!("; {caveat}");
    }
    facts
}

fn program(profile: &Profile) -> &str {
    summary::program(&profile.dump)
}

fn build(profile: &Profile) -> String {
    match profile.dump.build.opt_level.as_str() {
        "" => "build unknown".to_owned(),
        level => format!("opt-level {level}"),
    }
}

fn file_name(profile: &Profile) -> String {
    profile.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn unit(metric: Metric) -> &'static str {
    if metric.is_bytes() { "bytes" } else { "blocks" }
}

//! What is written around a picture.

use super::draw::Labels;
use super::options::Widths;
use crate::analyse::sampling;
use crate::profile::Profile;
use crate::render::diff::sides::file_names;
use crate::render::summary;
use crate::units;
use alloc_probe_format::metric::Metric;

pub(super) fn labels(profile: &Profile, metric: Metric) -> Labels {
    let figure = of_process(profile, metric);
    let title = format!("{}: {}, {figure}", program(profile), metric.meaning());
    Labels { title, subtitle: facts(&file_name(profile), profile), unit: unit(metric) }
}

/// The labels of a difference of which it is known whether any stack `differs`.
pub(super) fn difference_labels(
    base: &Profile,
    new: &Profile,
    metric: Metric,
    widths: Widths,
    differs: bool,
) -> Labels {
    let figure = |profile: &Profile| of_process(profile, metric);
    let title = format!("{}: {}, {} → {}", program(new), metric.meaning(), figure(base), figure(new));
    let (width, shown) = match widths {
        Widths::Base => (base, "shows what is gone, not what came"),
        Widths::New => (new, "shows what came, not what is gone"),
    };
    let [of_base, of_new] = file_names(base, new);
    let wide = facts(if widths == Widths::Base { &of_base } else { &of_new }, width);
    let subtitle = match differs {
        true => format!("widths: {wide} ({shown}); red: more, blue: less in {of_new} than in {of_base}"),
        false => format!("nothing differs between {of_base} and {of_new}; widths: {wide}"),
    };
    Labels { title, subtitle, unit: unit(metric) }
}

/// The process's figure; where it was sampled, what the picture adds up to, with its standard error.
fn of_process(profile: &Profile, metric: Metric) -> String {
    let text = |figure| units::figure(figure, metric.is_bytes());
    match sampling::error_of_sum(profile, |figures| metric.of(figures), metric.is_bytes()) {
        None => text(metric.of(&profile.dump.totals)),
        Some(error) => {
            let of_sites = profile.sites.iter().map(|site| metric.of(&site.figures));
            format!("{} ±{}", text(of_sites.fold(0, u64::saturating_add)), text(error.round() as u64))
        }
    }
}

fn facts(file: &str, profile: &Profile) -> String {
    let mut facts = format!("{file} ({})", build(profile));
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

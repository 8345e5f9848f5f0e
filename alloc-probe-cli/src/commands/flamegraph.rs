//! `alloc-probe flamegraph`.

use crate::analyse::diff::diff;
use crate::analyse::diff::merged::Merged;
use crate::analyse::folded::{Names, fold};
use crate::cli::FlamegraphArgs;
use crate::error::Error;
use crate::profile::Profile;
use crate::render::flamegraph::{self, Labels, Place, Widths};
use crate::render::summary;
use crate::term::{Terminal, units};
use alloc_probe_format::dump::Mode;
use alloc_probe_format::metric::Metric;
use std::path::{Path, PathBuf};

/// Runs the command.
///
/// # Errors
///
/// Where a file is no sound dump or has nothing to draw, or the picture can't be written.
pub fn run(args: &FlamegraphArgs, terminal: &mut Terminal<'_>) -> Result<u8, Error> {
    let (metric, all_frames) = (args.by.metric, args.frames.all);
    let svg = match &args.diff {
        None => {
            let profile = super::open_with(&args.file, &args.symbols, &args.frames, terminal)?;
            picture(&profile, metric, all_frames)?
        }
        Some(base) => {
            let (base, new) = super::open_both((base, &args.file), &args.symbols, &args.frames, terminal)?;
            let merged = diff(&base, &new).merged(&base, &new, metric, all_frames);
            let widths = args.widths.unwrap_or(Widths::New);
            difference(&base, &new, &merged, metric, (widths, Place::File))?
        }
    };
    let output = args.output.clone().unwrap_or_else(|| default_output(&args.file));
    std::fs::write(&output, svg).map_err(|error| Error::write(&output, &error))?;
    writeln!(terminal.err, "wrote {}", output.display())?;
    Ok(crate::SUCCESS)
}

/// Draws a profile.
///
/// # Errors
///
/// Where there is nothing to draw.
pub(super) fn picture(profile: &Profile, metric: Metric, all_frames: bool) -> Result<Vec<u8>, Error> {
    let stacks = fold(profile, &Names::of(&[profile]), metric, all_frames);
    if stacks.is_empty() {
        return Err(nothing_to_draw(profile, metric));
    }
    flamegraph::draw(&stacks, &labels(profile, metric)).map_err(|error| undrawn(profile, &error))
}

/// Draws how a profile differs from another, by the matched stacks of both.
///
/// # Errors
///
/// Where the one that gives the widths has nothing to draw.
pub(super) fn difference(
    base: &Profile,
    new: &Profile,
    merged: &Merged,
    metric: Metric,
    (widths, place): (Widths, Place),
) -> Result<Vec<u8>, Error> {
    let stacks = merged.folded();
    let wide = match widths {
        Widths::Base => base,
        Widths::New => new,
    };
    let has_width = |(base, new): &(u64, u64)| match widths {
        Widths::Base => *base > 0,
        Widths::New => *new > 0,
    };
    if !stacks.values().any(has_width) {
        return Err(nothing_to_draw(wide, metric));
    }
    let labels = difference_labels(base, new, metric, widths);
    flamegraph::draw_difference(&stacks, widths, place, &labels).map_err(|error| undrawn(wide, &error))
}

fn undrawn(profile: &Profile, error: &std::io::Error) -> Error {
    Error::new(format!("cannot draw `{}`: {error}", profile.path.display()))
}

/// Why there is no picture.
fn nothing_to_draw(profile: &Profile, metric: Metric) -> Error {
    let path = profile.path.display();
    match profile.dump.mode {
        Mode::Full | Mode::Sample => {
            Error::new(format!("cannot draw `{path}`: no site has any {}", metric.name()))
                .with_hint("`--by` draws another figure, such as total-bytes")
        }
        Mode::Count | Mode::Off => Error::new(format!("cannot draw `{path}`: it has no call sites"))
            .with_hint("run the program with ALLOC_PROBE=full, which records them"),
    }
}

fn labels(profile: &Profile, metric: Metric) -> Labels {
    let figure = units::figure(metric.of(&profile.dump.totals), metric.is_bytes());
    let title = format!("{}: {}, {figure}", program(profile), meaning(metric));
    Labels { title, subtitle: facts(profile), unit: unit(metric) }
}

fn difference_labels(base: &Profile, new: &Profile, metric: Metric, widths: Widths) -> Labels {
    let figure = |profile: &Profile| units::figure(metric.of(&profile.dump.totals), metric.is_bytes());
    let title = format!("{}: {}, {} → {}", program(new), meaning(metric), figure(base), figure(new));
    let (width, shown) = match widths {
        Widths::Base => (base, "what is gone is there, what came is not"),
        Widths::New => (new, "what came is there, what is gone is not"),
    };
    let subtitle = format!(
        "widths: {} ({shown}); red: more, blue: less in {} than in {}",
        facts(width),
        file_name(new),
        file_name(base)
    );
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

/// A metric in words.
fn meaning(metric: Metric) -> &'static str {
    match metric {
        Metric::PeakBytes => "bytes live at the peak",
        Metric::PeakBlocks => "blocks live at the peak",
        Metric::TotalBytes => "bytes allocated in all",
        Metric::TotalBlocks => "blocks allocated in all",
        Metric::EndBytes => "bytes live at the end",
        Metric::EndBlocks => "blocks live at the end",
        Metric::LongLivedBytes => "long-lived bytes at the end",
        Metric::LongLivedBlocks => "long-lived blocks at the end",
        Metric::TemporaryBlocks => "temporary blocks",
    }
}

/// `orders.json.gz` is drawn to `orders.svg`.
fn default_output(file: &Path) -> PathBuf {
    let is_compressed = file.extension().is_some_and(|extension| extension == "gz" || extension == "zst");
    let file = if is_compressed { file.with_extension("") } else { file.to_owned() };
    file.with_extension("svg")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_go_beside_the_dump() {
        for file in ["a/orders.json", "a/orders.json.gz", "a/orders.json.zst", "a/orders"] {
            assert_eq!(default_output(Path::new(file)), Path::new("a/orders.svg"));
        }
    }
}

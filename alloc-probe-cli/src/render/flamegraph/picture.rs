//! The picture of a profile, or of a difference, or why there is none.

use super::draw::{draw, draw_difference};
use super::labels::{difference_labels, labels};
use super::options::{Place, Widths};
use crate::analyse::diff::view::merged::{Merged, Sides};
use crate::analyse::diff::view::tree::tree;
use crate::analyse::fold::Detail;
use crate::analyse::folded::fold;
use crate::error::Error;
use crate::profile::Profile;
use alloc_probe_format::dump::Mode;
use alloc_probe_format::metric::Metric;

/// Draws a profile.
///
/// # Errors
///
/// Where there is nothing to draw.
pub fn picture(profile: &Profile, metric: Metric, detail: Detail) -> Result<Vec<u8>, Error> {
    let stacks = fold(profile, metric, detail);
    if stacks.is_empty() {
        return Err(nothing_to_draw(profile, metric));
    }
    draw(&stacks, &labels(profile, metric)).map_err(|error| undrawn(profile, &error))
}

/// Draws how a profile differs from another, by the matched stacks of both.
///
/// # Errors
///
/// Where the one that gives the widths has nothing to draw.
pub fn difference(
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
    let has_width = |sides: &Sides| match widths {
        Widths::Base => sides.base > 0,
        Widths::New => sides.new > 0,
    };
    if !stacks.values().any(has_width) {
        return Err(nothing_to_draw(wide, metric));
    }
    let differs = tree(merged, 1).is_some();
    let labels = difference_labels(base, new, metric, widths, differs);
    draw_difference(&stacks, merged.measure, (widths, place), &labels).map_err(|error| undrawn(wide, &error))
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

//! Flamegraphs, as SVG: of one profile, and of the difference of two.

mod change;
mod draw;
mod labels;
mod options;
mod picture;

pub use options::{Place, Widths};
pub use picture::{difference, picture};

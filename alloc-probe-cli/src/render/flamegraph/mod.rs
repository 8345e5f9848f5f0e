//! Flamegraphs, as SVG: of one profile, and of the difference of two.

mod change;
mod draw;
mod labels;
mod picture;

pub use draw::{Place, Widths};
pub use picture::{difference, picture};

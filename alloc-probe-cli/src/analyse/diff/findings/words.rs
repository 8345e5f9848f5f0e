//! Words that several findings about two runs use.

use crate::units;

/// A figure of both runs, that of the new one first.
pub(super) fn both((base, new): (u64, u64)) -> String {
    format!("{} in the new run, {} in the base", units::bytes(new), units::bytes(base))
}

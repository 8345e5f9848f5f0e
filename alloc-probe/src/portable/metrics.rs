//! The figures of the process as metrics.

use super::count::stats;
use super::state::{mode, prepared};
use crate::shared::exposition::Exposition;

/// The figures of the process in Prometheus' text format, version 0.0.4: of this platform those of [`stats`].
pub fn metrics() -> String {
    let stats = stats();
    let mut metrics = Exposition::new(mode(), 0);
    if prepared() {
        metrics.stats(&stats);
    }
    metrics.finish()
}

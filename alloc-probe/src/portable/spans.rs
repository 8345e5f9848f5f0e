//! Spans of `tracing`, which this platform has no operations to make of.

use super::state::is_missing;
use tracing_core::{Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::registry::LookupSpan;

/// A layer that does nothing on this platform. One line on standard error says so.
#[derive(Clone, Copy, Debug, Default)]
pub struct SpanOperations;

impl SpanOperations {
    /// A layer that does nothing on this platform.
    pub fn new() -> SpanOperations {
        is_missing();
        SpanOperations
    }

    /// The same layer.
    #[must_use]
    pub fn filter(self, _is_wanted: fn(&Metadata<'_>) -> bool) -> SpanOperations {
        self
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for SpanOperations {}

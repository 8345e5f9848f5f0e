//! The spans of `tracing` as operations.

use super::operation::idle_thread;
use crate::mode;
use crate::profile::operations::{self, End, Instance, Outer};
use crate::thread;
use std::cell::RefCell;
use tracing_core::span::{Attributes, Id};
use tracing_core::{Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// A layer of `tracing-subscriber` that makes spans [operations](crate::operation), by their names. For the feature `tracing`.
///
/// A span begins when it is made, ends when it is closed, and counts what threads allocate while they are in it.
///
/// ```ignore
/// use tracing_subscriber::prelude::*;
///
/// let handlers = alloc_probe::SpanOperations::new().filter(|span| span.target().starts_with("shop::handlers"));
/// tracing_subscriber::registry().with(handlers).init();
/// ```
#[derive(Clone, Copy, Debug)]
pub struct SpanOperations {
    is_wanted: fn(&Metadata<'_>) -> bool,
}

/// A span that a thread is in.
struct Entered {
    span: Id,
    outer: Outer,
}

thread_local! {
    /// The spans that the thread is in and that are operations, the innermost last.
    static INSIDE: RefCell<Vec<Entered>> = const { RefCell::new(Vec::new()) };
}

impl SpanOperations {
    /// Makes every span an operation. There is room for 256 names.
    pub fn new() -> SpanOperations {
        SpanOperations { is_wanted: |_| true }
    }

    /// Makes only those spans operations for which the function is true.
    #[must_use]
    pub fn filter(self, is_wanted: fn(&Metadata<'_>) -> bool) -> SpanOperations {
        SpanOperations { is_wanted }
    }
}

impl Default for SpanOperations {
    fn default() -> SpanOperations {
        SpanOperations::new()
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for SpanOperations {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if !(self.is_wanted)(attributes.metadata()) {
            return;
        }
        let Some(span) = context.span(id) else { return };
        if let Some(instance) = operations::begin(attributes.metadata().name()) {
            span.extensions_mut().insert(instance);
        }
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let extensions = span.extensions();
        let (Some(instance), Some(thread)) = (extensions.get::<Instance>(), idle_thread()) else { return };
        // Room is made before: what this takes is not the operation's.
        let has_room = INSIDE.try_with(|inside| inside.borrow_mut().reserve(1)).is_ok();
        if has_room {
            let outer = instance.enter(thread);
            INSIDE.with(|inside| inside.borrow_mut().push(Entered { span: id.clone(), outer }));
        }
    }

    fn on_exit(&self, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut extensions = span.extensions_mut();
        let (Some(instance), Some(thread)) = (extensions.get_mut::<Instance>(), thread::current()) else {
            return;
        };
        if mode::is_forked() {
            return;
        }
        // The outer of the span that is left, unless another was entered since and is not left yet: then that one goes on,
        // and returns to where this one came from.
        let left = INSIDE.try_with(|inside| {
            let mut inside = inside.borrow_mut();
            let at = inside.iter().rposition(|entered| entered.span == *id)?;
            let Entered { outer, .. } = inside.remove(at);
            match inside.get_mut(at) {
                Some(inner) => {
                    inner.outer = outer;
                    None
                }
                None => Some(outer),
            }
        });
        if let Ok(Some(outer)) = left {
            instance.leave(thread, outer);
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        let instance = span.extensions_mut().remove::<Instance>();
        if let Some(instance) = instance.filter(|_| !mode::is_forked()) {
            instance.end(End::Done);
        }
    }
}

//! Operations, which this platform has nothing to count in. One line on standard error says so.

use super::state::is_missing;
use std::future::Future;
use std::marker::PhantomData;

/// Nothing, on this platform.
#[derive(Debug)]
#[must_use = "the operation ends when this is dropped"]
pub struct Operation(PhantomData<*const ()>);

/// Does nothing on this platform. One line on standard error says so.
pub fn operation(_name: &str) -> Operation {
    is_missing();
    Operation(PhantomData)
}

/// Does nothing on this platform.
pub fn operation_failed() {}

/// The future itself, on this platform.
pub type Operated<F> = F;

/// Makes operations of futures, which on this platform they remain.
pub trait InOperation: Future + Sized {
    /// The future itself, on this platform. One line on standard error says so.
    fn in_operation(self, _name: &'static str) -> Operated<Self> {
        is_missing();
        self
    }
}

impl<F: Future> InOperation for F {}

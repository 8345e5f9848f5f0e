//! Operations: what a program does, by the names that it gives it.

use super::scope::this_thread;
use crate::mode;
use crate::profile::operations::{self, End, Instance, Outer};
use crate::thread::{self, Activity, Thread};
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Begins an operation, such as the handling of a request. It ends when the result is dropped.
///
/// A dump has for each name how often it was done, how long each took (as a histogram), how many failed, and how many blocks
/// and bytes were allocated in it. The operation is also the outermost frame of the stacks of all that is allocated in it. So
/// tables, flamegraphs, `explain` and `diff` show which operation holds memory, in `full` and in `sample`. A block counts for
/// the operation that made it, whoever frees it.
///
/// ```
/// # alloc_probe::install!();
/// # fn parse(_: &str) -> Result<(), ()> { Ok(()) }
/// # fn main() {
/// let _operation = alloc_probe::operation("create_order");
/// if parse("…").is_err() {
///     alloc_probe::operation_failed();
/// }
/// # }
/// ```
///
/// An operation within another counts what it allocates, and the outer one does not: it is the frame outward of it. Threads
/// that are started in an operation are in none; [`InOperation::in_operation`] is for futures.
///
/// It takes some 80 nanoseconds, and the next stack is unwound as a whole if the last was taken in another operation. It
/// allocates nothing. There is room for 256 names, of which the first 128 bytes are kept; operations of further names are counted as
/// lost, and the dump says so. Does nothing where nothing is recorded: without [`install!`](crate::install), with recording
/// off, in the forked child of a process that records, and in a signal handler that interrupted the probe.
pub fn operation(name: &str) -> Operation {
    let begun = idle_thread().and_then(|thread| {
        let instance = operations::begin(name)?;
        let outer = instance.enter(thread);
        Some((instance, outer))
    });
    Operation { begun, was_panicking: std::thread::panicking(), _not_send: PhantomData }
}

/// An operation that the thread is in until this is dropped: [`operation`] returns it. Drop several in the reverse order.
///
/// One that ends by a panic counts as failed, as one does of which [`operation_failed`] says so.
#[derive(Debug)]
#[must_use = "the operation ends when this is dropped"]
pub struct Operation {
    begun: Option<(Instance, Outer)>,
    was_panicking: bool,
    /// It's the thread's.
    _not_send: PhantomData<*const ()>,
}

impl Drop for Operation {
    fn drop(&mut self) {
        let Some((mut instance, outer)) = self.begun.take().filter(|_| !mode::is_forked()) else { return };
        if let Some(thread) = thread::current() {
            instance.leave(thread, outer);
        }
        let panicked = !self.was_panicking && std::thread::panicking();
        instance.end(if panicked { End::Failed } else { End::Done });
    }
}

/// Makes operations of futures.
pub trait InOperation: Future + Sized {
    /// The future as an operation of that name: from when it is first polled until it is ready. It counts what is allocated
    /// while it is polled, on whichever threads. See [`operation`].
    ///
    /// A future that is dropped before it is ready counts as cancelled. It has then no place among the latencies.
    ///
    /// ```
    /// use alloc_probe::InOperation;
    /// # alloc_probe::install!();
    /// # async fn handle() -> Vec<u8> { vec![0; 100] }
    /// # fn main() {
    /// let handled = handle().in_operation("create_order");
    /// # drop(handled);
    /// # }
    /// ```
    fn in_operation(self, name: &'static str) -> Operated<Self> {
        Operated { turns: Turns { name: Some(name), instance: None }, future: self }
    }
}

impl<F: Future> InOperation for F {}

/// A future that is an operation: [`InOperation::in_operation`] makes it.
#[derive(Debug)]
#[must_use = "a future does nothing unless it is polled"]
pub struct Operated<F> {
    turns: Turns,
    future: F,
}

/// The operation of a future.
#[derive(Debug)]
struct Turns {
    /// Its name, until it begins.
    name: Option<&'static str>,
    /// Until it ends; none where nothing is recorded.
    instance: Option<Instance>,
}

impl<F: Future> Future for Operated<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // SAFETY: nothing is moved out of the reference to the future, which is pinned wherever this is. There is no `Drop`,
        // and it is `Unpin` only where the future is; what comes before the future is never pinned.
        let (turns, future) = unsafe {
            let this = self.get_unchecked_mut();
            (&mut this.turns, Pin::new_unchecked(&mut this.future))
        };
        if let Some(name) = turns.name.take() {
            turns.instance = operations::begin(name);
        }
        let Some(instance) = &mut turns.instance else { return future.poll(context) };
        let turn = Turn::of(instance);
        let polled = future.poll(context);
        drop(turn);
        if polled.is_ready() {
            turns.end(End::Done);
        }
        polled
    }
}

impl Turns {
    fn end(&mut self, end: End) {
        if let Some(instance) = self.instance.take().filter(|_| !mode::is_forked()) {
            instance.end(end);
        }
    }
}

impl Drop for Turns {
    fn drop(&mut self) {
        self.end(if std::thread::panicking() { End::Failed } else { End::Cancelled });
    }
}

/// The thread does an operation, until this is dropped.
struct Turn<'a> {
    instance: &'a mut Instance,
    outer: Option<Outer>,
}

impl Turn<'_> {
    fn of(instance: &mut Instance) -> Turn<'_> {
        let outer = idle_thread().map(|thread| instance.enter(thread));
        Turn { instance, outer }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let outer = self.outer.filter(|_| !mode::is_forked());
        if let (Some(outer), Some(thread)) = (outer, thread::current()) {
            self.instance.leave(thread, outer);
        }
    }
}

/// The calling thread's state, unless a signal handler interrupted the probe: what it does is in no operation then.
pub(super) fn idle_thread() -> Option<&'static Thread> {
    this_thread().filter(|thread| thread.activity.get() == Activity::Idle)
}

/// Says that the operation which the thread does now has failed. It goes on. Does nothing outside of one.
pub fn operation_failed() {
    if let Some(thread) = thread::current() {
        thread.operation_failed.set(true);
    }
}

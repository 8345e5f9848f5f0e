//! Scopes by counting: what the threads that are in one allocate and free.
//!
//! Nothing tells whose a block is. So what is freed in a scope counts to it, wherever it was allocated, and what is freed
//! elsewhere stays live in it; and a thread that was started in a scope is in none until it enters one, as by [`here`].

use super::state::{NO_DUMPS, in_the_probe, mode, prepared};
use crate::shared::mode::Mode;
use crate::shared::usage::Usage;
use std::cell::Cell;
use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::path::Path;
use std::pin::Pin;
use std::ptr::null;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::task::{Context, Poll};

thread_local! {
    /// The scope that the thread is in. Whoever set it keeps it alive.
    static CURRENT: Cell<*const Slot> = const { Cell::new(null()) };
}

/// What a scope counts.
#[derive(Debug, Default)]
struct Slot {
    parent: Option<Scope>,
    allocations: AtomicU64,
    reallocs: AtomicU64,
    frees: AtomicU64,
    total_bytes: AtomicU64,
    live_bytes: AtomicI64,
    live_blocks: AtomicI64,
    peak_bytes: AtomicI64,
    peak_blocks: AtomicI64,
    largest_block: AtomicU64,
}

/// Calls `f` for the scopes that the thread is in, from the innermost.
fn each(mut f: impl FnMut(&Slot)) {
    // SAFETY: the pointer is null, or to a slot that the guard on this thread's stack keeps alive, which set it.
    let mut slot = CURRENT.with(|current| unsafe { current.get().as_ref() });
    while let Some(this) = slot {
        f(this);
        slot = this.parent.as_ref().map(|scope| &**scope.0);
    }
}

pub(super) fn began(bytes: u64, is_realloc: bool) {
    each(|slot| {
        (if is_realloc { &slot.reallocs } else { &slot.allocations }).fetch_add(1, Relaxed);
        slot.total_bytes.fetch_add(bytes, Relaxed);
        slot.largest_block.fetch_max(bytes, Relaxed);
        let live = slot.live_bytes.fetch_add(bytes as i64, Relaxed) + bytes as i64;
        let blocks = slot.live_blocks.fetch_add(1, Relaxed) + 1;
        if live >= slot.peak_bytes.fetch_max(live, Relaxed) {
            slot.peak_blocks.store(blocks, Relaxed);
        }
    });
}

pub(super) fn ended(bytes: u64, is_realloc: bool) {
    each(|slot| {
        slot.frees.fetch_add((!is_realloc).into(), Relaxed);
        slot.live_bytes.fetch_sub(bytes as i64, Relaxed);
        slot.live_blocks.fetch_sub(1, Relaxed);
    });
}

/// Measures what code allocates: it counts for the threads that [`enter`](Scope::enter) it, while they are in it. On this
/// platform it can't tell blocks apart, so blocks that are freed elsewhere stay live in it.
#[derive(Debug)]
pub struct Scope(ManuallyDrop<Arc<Slot>>);

impl Scope {
    /// Opens a scope inside the one that the thread is in, if any. The thread does not enter it.
    ///
    /// # Panics
    ///
    /// If nothing can be measured: without [`install!`](crate::install), and with recording off.
    #[must_use = "a scope closes when it is dropped"]
    #[track_caller]
    #[allow(clippy::new_without_default, reason = "a default that panics would be a surprise")]
    pub fn new() -> Scope {
        assert!(
            prepared() && mode() != Mode::Off,
            "nothing can be measured: recording is off, or this program does not allocate through alloc-probe"
        );
        let parent = here().0;
        in_the_probe(|| Scope(ManuallyDrop::new(Arc::new(Slot { parent, ..Slot::default() }))))
    }

    /// The same as [`Scope::new`] on this platform, which knows no call sites.
    ///
    /// # Panics
    ///
    /// As [`Scope::new`].
    #[must_use = "a scope closes when it is dropped"]
    #[track_caller]
    pub fn with_sites() -> Scope {
        Scope::new()
    }

    /// Puts the thread into the scope until the result is dropped.
    #[must_use = "the thread leaves the scope when this is dropped"]
    pub fn enter(&self) -> Entered<'_> {
        Entered { _inside: Inside::enter(Some(self.clone())), _scope: PhantomData }
    }

    /// Runs a closure in the scope.
    pub fn run<T>(&self, f: impl FnOnce() -> T) -> T {
        let _entered = self.enter();
        f()
    }

    /// Makes a future that is in the scope while it is polled.
    pub fn wrap<F: Future>(&self, future: F) -> InScope<F> {
        InScope { place: Here(Some(self.clone())), future }
    }

    /// What was measured so far.
    pub fn usage(&self) -> Usage {
        let Slot { allocations, reallocs, frees, total_bytes, largest_block, .. } = &**self.0;
        let positive = |figure: &AtomicI64| figure.load(Relaxed).max(0) as u64;
        let (allocations, reallocs) = (allocations.load(Relaxed), reallocs.load(Relaxed));
        Usage {
            allocations,
            reallocs,
            frees: frees.load(Relaxed),
            total_bytes: total_bytes.load(Relaxed),
            total_blocks: allocations + reallocs,
            peak_bytes: positive(&self.0.peak_bytes),
            peak_blocks: positive(&self.0.peak_blocks),
            live_bytes: positive(&self.0.live_bytes),
            live_blocks: positive(&self.0.live_blocks),
            largest_block: largest_block.load(Relaxed),
            // Not known here.
            temporary_blocks: 0,
            lost: 0,
        }
    }

    /// Writes a dump, which this platform does not have.
    ///
    /// # Errors
    ///
    /// Always.
    pub fn dump(&self, _path: impl AsRef<Path>) -> io::Result<()> {
        Err(io::Error::new(io::ErrorKind::Unsupported, NO_DUMPS))
    }
}

impl Clone for Scope {
    fn clone(&self) -> Scope {
        Scope(self.0.clone())
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        // SAFETY: it is dropped here alone, and not used again.
        in_the_probe(|| unsafe { ManuallyDrop::drop(&mut self.0) });
    }
}

/// Keeps a thread in a scope until it is dropped: [`Scope::enter`] returns it. Drop several in the reverse order.
#[derive(Debug)]
pub struct Entered<'a> {
    _inside: Inside,
    _scope: PhantomData<&'a Scope>,
}

/// The thread is in a scope, or in none, until this is dropped.
#[derive(Debug)]
struct Inside {
    before: *const Slot,
    /// Keeps it alive.
    _scope: Option<Scope>,
}

impl Inside {
    fn enter(scope: Option<Scope>) -> Inside {
        let slot = scope.as_ref().map_or(null(), |scope| Arc::as_ptr(&scope.0));
        Inside { before: CURRENT.with(|current| current.replace(slot)), _scope: scope }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        CURRENT.with(|current| current.set(self.before));
    }
}

/// The scope that the calling thread is in, for work that it hands to other threads.
pub fn here() -> Here {
    let slot = CURRENT.with(Cell::get);
    if slot.is_null() {
        return Here(None);
    }
    // SAFETY: the pointer is that of an `Arc` which the guard on this thread's stack holds; one more count is taken for
    // the one that is made of it.
    unsafe {
        Arc::increment_strong_count(slot);
        Here(Some(Scope(ManuallyDrop::new(Arc::from_raw(slot)))))
    }
}

/// The scope that a thread was in, or none: [`here`] returns it. It keeps the scope open.
#[derive(Clone, Debug)]
pub struct Here(Option<Scope>);

impl Here {
    /// Runs a closure in the same scope, or in none if that is where the thread was.
    pub fn run<T>(&self, f: impl FnOnce() -> T) -> T {
        let _inside = Inside::enter(self.0.clone());
        f()
    }

    /// Makes a future that is in the same scope while it is polled, or in none if that is where the thread was.
    pub fn wrap<F: Future>(&self, future: F) -> InScope<F> {
        InScope { place: self.clone(), future }
    }
}

/// A future that is in a scope while it is polled.
#[derive(Debug)]
#[must_use = "a future does nothing unless it is polled"]
pub struct InScope<F> {
    place: Here,
    future: F,
}

impl<F: Future> Future for InScope<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // SAFETY: nothing is moved out of the reference: of the two fields one is only read, and the other is pinned
        // wherever this is. There is no `Drop`, and it is `Unpin` only where the future is.
        let (place, future) = unsafe {
            let this = self.get_unchecked_mut();
            (&this.place, Pin::new_unchecked(&mut this.future))
        };
        let _inside = Inside::enter(place.0.clone());
        future.poll(context)
    }
}

/// Runs a closure and measures what it allocates. Returns the closure's value, and the usage.
///
/// # Panics
///
/// As [`Scope::new`], and if the closure panics.
#[track_caller]
pub fn measure<T>(f: impl FnOnce() -> T) -> (T, Usage) {
    let scope = Scope::new();
    let value = scope.run(f);
    (value, scope.usage())
}

/// [`measure`] for a future: what it allocates while it is polled.
///
/// # Panics
///
/// As [`Scope::new`].
pub async fn measure_future<F: Future>(future: F) -> (F::Output, Usage) {
    let scope = Scope::new();
    let value = scope.wrap(future).await;
    (value, scope.usage())
}

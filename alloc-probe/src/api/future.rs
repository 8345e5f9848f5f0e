//! Futures that count to a scope wherever they are polled.

use super::scope::{Here, Place, Scope};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A future that is in a scope while it is polled: [`Scope::wrap`] and [`Here::wrap`](crate::Here::wrap) make it.
#[derive(Debug)]
#[must_use = "a future does nothing unless it is polled"]
pub struct InScope<F> {
    place: Place,
    future: F,
}

impl Scope {
    /// Makes a future that is in the scope while it is polled.
    pub fn wrap<F: Future>(&self, future: F) -> InScope<F> {
        InScope { place: Place(Some(self.clone())), future }
    }
}

impl Here {
    /// Makes a future that is in the same scope while it is polled, or in none if that is where the thread was.
    pub fn wrap<F: Future>(&self, future: F) -> InScope<F> {
        InScope { place: self.0.clone(), future }
    }
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
        let _entered = place.enter();
        future.poll(context)
    }
}

/// [`measure`](crate::measure) for a future: what it allocates while it is polled, on whichever threads.
///
/// Wrap the tasks that it spawns: `tokio::spawn(alloc_probe::here().wrap(task))`.
///
/// # Panics
///
/// As [`Scope::new`].
pub async fn measure_future<F: Future>(future: F) -> (F::Output, crate::shared::usage::Usage) {
    let scope = Scope::new();
    let value = scope.wrap(future).await;
    (value, scope.usage())
}

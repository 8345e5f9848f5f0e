//! The assertions: a scope with call sites around an expression, and a message that names them when a figure is off.
//!
//! * [`figure`] has the words of what [a macro says](crate::shared::statement).
//! * [`sites`] finds the user's code in the stacks, which are symbolized on failure only; [`message`] lays it out.
//! * [`budget`] holds usages against a file, which [`budget_file`] reads and writes.

#[macro_use]
mod macros;
mod budget;
mod budget_file;
mod figure;
mod message;
mod origin;
mod sites;

use crate::api::future::InScope;
use crate::api::scope::{Here, Scope};
use crate::shared::statement::{Comparison, Figure, Origin};
use std::future::Future;
use std::time::{Duration, Instant};

/// How long a failing assertion on what is live waits for it to be freed: `std::thread::scope` returns when its threads
/// have run, which is shortly before they have freed what they were started with, and on a busy machine not so shortly.
const PATIENCE: Duration = Duration::from_secs(1);

/// An assertion under way.
#[derive(Debug)]
pub struct Check {
    scope: Scope,
    origin: Origin,
}

impl Check {
    /// Opens the scope of the expression.
    #[track_caller]
    pub fn new(origin: Origin) -> Check {
        Check { scope: Scope::with_sites(), origin }
    }

    /// Evaluates the expression.
    pub fn run<T>(&self, expression: impl FnOnce() -> T) -> T {
        self.scope.run(expression)
    }

    /// Polls the future of the expression.
    pub fn wrap<F: Future>(&self, future: F) -> InScope<F> {
        self.scope.wrap(future)
    }

    /// Holds the figure against its limit.
    ///
    /// # Panics
    ///
    /// Where it does not hold, or the figures are not complete.
    #[track_caller]
    pub fn holds(self, figure: Figure, comparison: Comparison, limit: u64) {
        let patience = Instant::now() + PATIENCE;
        loop {
            let usage = self.scope.usage();
            if usage.lost == 0 && comparison.holds(figure.of(&usage), limit) {
                return;
            }
            if usage.lost != 0 || !figure.is_of_live() || Instant::now() > patience {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let message =
            Here::nowhere().run(|| message::of_failure(&self.scope, &self.origin, figure, comparison, limit));
        panic!("{message}");
    }

    /// Holds the usage against the budget of a name.
    ///
    /// # Panics
    ///
    /// Where it does not hold, there is none, or its file can't be read or written.
    #[track_caller]
    pub fn within_budget(self, name: &str) {
        if let Err(message) = Here::nowhere().run(|| budget::check(&self.scope, &self.origin, name)) {
            panic!("{message}");
        }
    }
}

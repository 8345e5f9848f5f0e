//! Assertions by counting: the same macros, without call sites and without budgets.

use super::scope::{InScope, Scope};
use super::state::is_missing;
use crate::shared::statement::{Comparison, Figure, Origin};
use std::future::Future;

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
        Check { scope: Scope::new(), origin }
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
    /// Where it does not hold.
    #[track_caller]
    pub fn holds(self, figure: Figure, comparison: Comparison, limit: u64) {
        if figure == Figure::temporary_blocks {
            return is_missing();
        }
        let usage = self.scope.usage();
        if !comparison.holds(figure.of(&usage), limit) {
            let (is, function) = (figure.of(&usage), self.origin.function.trim_end_matches("::{{closure}}"));
            panic!(
                "memory assertion failed in {function}: {figure:?} is {is}, not {comparison:?} {limit}\n   {usage}\n\
                 by counting alone: this platform knows no call sites"
            );
        }
    }

    /// Budgets are those of a platform that knows whose each block is: this one has none, which is said once.
    pub fn within_budget(self, _name: &str) {
        is_missing();
    }
}

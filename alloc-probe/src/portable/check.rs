//! Assertions by counting: the same macros, without call sites and without budgets.

use super::scope::{InScope, Scope};
use super::state::is_missing;
use crate::usage::Usage;
use std::future::Future;

macro_rules! figures {
    ($($figure:ident),*) => {
        /// A figure of a [`Usage`], by the name of its field.
        #[allow(non_camel_case_types, reason = "the macros name them as the fields of `Usage`")]
        #[allow(missing_docs, reason = "the fields of `Usage` have it")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Figure { $($figure),* }

        impl Figure {
            fn of(self, usage: &Usage) -> u64 {
                match self { $(Figure::$figure => usage.$figure),* }
            }
        }
    };
}
figures!(
    allocations,
    reallocs,
    frees,
    total_bytes,
    total_blocks,
    peak_bytes,
    peak_blocks,
    live_bytes,
    live_blocks,
    largest_block,
    temporary_blocks
);

/// How a figure has to compare with its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `<=`
    AtMost,
    /// `<`
    Below,
    /// `==`
    Equal,
    /// `>=`
    AtLeast,
    /// `>`
    Above,
}

impl Comparison {
    fn holds(self, figure: u64, limit: u64) -> bool {
        match self {
            Comparison::AtMost => figure <= limit,
            Comparison::Below => figure < limit,
            Comparison::Equal => figure == limit,
            Comparison::AtLeast => figure >= limit,
            Comparison::Above => figure > limit,
        }
    }
}

/// Where an assertion stands. The macros fill it in.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    /// The name of a closure in the function, as the compiler has it.
    pub function: &'static str,
    /// The folder of the package.
    pub package: Option<&'static str>,
    /// Whether debug assertions are on.
    pub debug: bool,
}

/// A limit, of any type that counts.
pub trait Limit {
    /// The limit as a figure.
    fn figure(self) -> u64;
}

macro_rules! counted_limits {
    ($($integer:ty),*) => { $(
        impl Limit for $integer {
            #[track_caller]
            fn figure(self) -> u64 {
                u64::try_from(self).unwrap_or_else(|_| panic!("{self} is no limit for a figure of memory"))
            }
        }
    )* };
}
counted_limits!(i32, u32, i64, u64, usize, u128);

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

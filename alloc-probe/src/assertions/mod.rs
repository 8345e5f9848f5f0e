//! The assertions: a scope with call sites around an expression, and a message that names them when a figure is off.
//!
//! * [`figure`] has the figures that can be held against a limit, and their words.
//! * [`sites`] finds the user's code in the stacks, which are symbolized on failure only; [`message`] lays it out.
//! * [`budget`] holds usages against a file, which [`budget_file`] reads and writes.

#[macro_use]
mod macros;
mod budget;
mod budget_file;
mod figure;
mod message;
mod sites;

pub use figure::{Comparison, Figure};

use crate::api::future::InScope;
use crate::api::scope::{Here, Scope};
use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a failing assertion on what is live waits for it to be freed: `std::thread::scope` returns when its threads
/// have run, which is shortly before they have freed what they were started with.
const PATIENCE: Duration = Duration::from_millis(100);

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

macro_rules! limits {
    ($($integer:ty),*) => { $(
        impl Limit for $integer {
            #[track_caller]
            fn figure(self) -> u64 {
                u64::try_from(self).unwrap_or_else(|_| panic!("{self} is no limit for a figure of memory"))
            }
        }
    )* };
}
limits!(i32, u32, i64, u64, usize, u128);

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

impl Origin {
    /// The path of the function, without the crate: `tests::parse_stays_small`.
    fn test(&self) -> String {
        let path = self.function.split_once("::").map_or(self.function, |(_, path)| path);
        let closure = ["::{{closure}}", "::{closure"].iter().filter_map(|closure| path.find(closure)).min();
        sites::without_parameters(&path[..closure.unwrap_or(path.len())])
    }

    fn crate_name(&self) -> &'static str {
        self.function.split("::").next().unwrap_or_default()
    }

    /// The folder of the package: where it is now, and else where it was compiled.
    fn package(&self) -> Option<PathBuf> {
        std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).or(self.package.map(PathBuf::from))
    }
}

/// Cargo's target folder: what lies above the running program and is marked by cargo, or the package's.
fn target_folder(origin: &Origin) -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    let marked = program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file());
    marked.map_or_else(|| origin.package().unwrap_or_default().join("target"), Path::to_owned)
}

/// A path as people would type it: from the workspace, the package or the current folder, where it lies in one.
fn shown(path: &Path, origin: &Origin) -> String {
    let target = target_folder(origin);
    let package = origin.package();
    let current = std::env::current_dir().ok();
    // The target folder is in the workspace, unless it was put elsewhere.
    let workspace =
        target.parent().filter(|root| package.as_ref().is_some_and(|package| package.starts_with(root)));
    let roots = [package.as_deref(), current.as_deref(), workspace];
    let short = roots.into_iter().flatten().find_map(|root| path.strip_prefix(root).ok());
    short.unwrap_or(path).display().to_string()
}

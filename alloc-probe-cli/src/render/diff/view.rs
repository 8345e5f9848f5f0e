//! A diff as it is shown: both runs, what was found, and what the reader asked to see.

use crate::analyse::diff::Diff;
use crate::analyse::diff::class::Class;
use crate::analyse::diff::work::Unit;
use crate::analyse::fold::Detail;
use crate::profile::Profile;
use alloc_probe_format::metric::Metric;

/// A diff of two profiles, and how it is shown.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The run that is compared with.
    pub base: &'a Profile,
    /// The new run.
    pub new: &'a Profile,
    /// What changed between them.
    pub diff: &'a Diff,
    /// How it is shown.
    pub options: Options<'a>,
}

/// How the sites are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// Those that changed most, each with its stack.
    Sites,
    /// The tree of their callers.
    Tree,
}

/// How a diff is shown.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// The metric that sites are ordered by.
    pub metric: Metric,
    /// The unit of work that figures are shown for, beside the absolute ones.
    pub unit: Option<&'a Unit>,
    /// The class of the sites that are listed; all where it is none.
    pub only: Option<Class>,
    /// How the sites are listed.
    pub listing: Listing,
    /// Whether figures of sites are estimates, which are shown with their errors.
    pub has_estimates: bool,
    /// How many sites are listed, or branches of the tree.
    pub top: usize,
    /// How much of the stacks is listed.
    pub detail: Detail,
    /// Whether paths of files are whole.
    pub full_paths: bool,
    /// The width of the page.
    pub width: usize,
}

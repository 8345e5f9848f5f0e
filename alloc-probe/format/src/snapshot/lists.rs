//! The long lists of a dump, as they are written: one item at a time.

use super::sites::Sites;
use super::tree::Rows;
use crate::dump::{Figures, Site, StackNode};
use crate::site_figures::site_figures;
use crate::spool::Spool;
use serde::ser::{Serialize, SerializeSeq as _, Serializer};
use std::rc::Rc;

macro_rules! counted {
    ($(#[doc = $meaning:literal] $name:ident [$($source:tt)+] $($metric:ident = $by:literal, $words:literal)?;)+) => {
        /// The figures with those that the threads counted, which are exact, in place of the sites'.
        fn with_counted(mut figures: Figures, counted: Figures) -> Figures {
            $(counted!(@$name figures counted $($source)+);)+
            figures
        }
    };
    (@$name:ident $figures:ident $counted:ident $(tally $key:ident = $number:literal,)? counted) => {
        $figures.$name = $counted.$name;
    };
    (@$name:ident $figures:ident $counted:ident $($other:tt)+) => {};
}

site_figures!(counted);

/// What the lists are made from.
pub(super) struct Lists<'a, S> {
    pub(super) rows: Rows<'a>,
    /// None where no stacks were recorded.
    pub(super) sites: Option<Sites<'a, S>>,
    /// What the threads counted, where that is exact and the sites' sum is not.
    pub(super) counted: Option<Figures>,
}

/// The tree of stacks.
pub struct StacksOf<'a, S>(Rc<Lists<'a, S>>);

/// The sites.
pub struct SitesOf<'a, S>(Rc<Lists<'a, S>>);

/// The totals, which are known when the sites have been written.
pub struct TotalsOf<'a, S>(Rc<Lists<'a, S>>);

impl<'a, S: Spool> Lists<'a, S> {
    pub(super) fn share(self) -> (StacksOf<'a, S>, SitesOf<'a, S>, TotalsOf<'a, S>) {
        let lists = Rc::new(self);
        (StacksOf(Rc::clone(&lists)), SitesOf(Rc::clone(&lists)), TotalsOf(lists))
    }

    fn for_each_site(&self, mut f: impl FnMut(&Site)) {
        if let Some(sites) = &self.sites {
            sites.for_each(&self.rows, true, |site, _| f(site));
        }
    }
}

impl<S: Spool> StacksOf<'_, S> {
    /// How many rows there are.
    pub fn count(&self) -> usize {
        self.0.rows.count()
    }

    /// Calls `f` with each row, a parent before its children.
    pub fn for_each(&self, f: impl FnMut(StackNode)) {
        self.0.rows.for_each(f);
    }

    pub(super) fn collect(&self) -> Vec<StackNode> {
        self.0.rows.collect()
    }
}

impl<S: Spool> SitesOf<'_, S> {
    /// Calls `f` with each site and its number in the spool, which stays as long as the process; the site without a stack has
    /// none. What only the table of live blocks tells is left out: their ages.
    pub fn for_each(&self, f: impl FnMut(&Site, Option<u32>)) {
        if let Some(sites) = &self.0.sites {
            sites.for_each(&self.0.rows, false, f);
        }
    }

    pub(super) fn collect(&self) -> Vec<Site> {
        let mut sites = Vec::new();
        self.0.for_each_site(|site| sites.push(site.clone()));
        sites
    }
}

impl<S: Spool> TotalsOf<'_, S> {
    pub(super) fn figures(&self) -> Figures {
        let sum = self.0.sites.as_ref().map_or_else(Figures::default, Sites::sum);
        let Some(counted) = self.0.counted else { return sum };
        let mut totals = with_counted(sum, counted);
        // An estimate, beside a figure that was counted: never more than that.
        totals.realloc_moves = totals.realloc_moves.min(totals.realloc_calls);
        totals
    }
}

impl<S: Spool> Serialize for StacksOf<'_, S> {
    fn serialize<T: Serializer>(&self, serializer: T) -> Result<T::Ok, T::Error> {
        let mut rows = serializer.serialize_seq(Some(self.0.rows.count()))?;
        let mut result = Ok(());
        self.0.rows.for_each(|row| {
            if result.is_ok() {
                result = rows.serialize_element(&row);
            }
        });
        result?;
        rows.end()
    }
}

impl<S: Spool> Serialize for SitesOf<'_, S> {
    fn serialize<T: Serializer>(&self, serializer: T) -> Result<T::Ok, T::Error> {
        let mut sites = serializer.serialize_seq(None)?;
        let mut result = Ok(());
        self.0.for_each_site(|site| {
            if result.is_ok() {
                result = sites.serialize_element(site);
            }
        });
        result?;
        sites.end()
    }
}

impl<S: Spool> Serialize for TotalsOf<'_, S> {
    fn serialize<T: Serializer>(&self, serializer: T) -> Result<T::Ok, T::Error> {
        self.figures().serialize(serializer)
    }
}

//! Pairs of runs made up for tests.

use super::finding::Finding;
use super::runs::Runs;
use crate::analyse::diff::key::{Functions, TypesTold};
use crate::analyse::diff::pair::{MatchKind, Pair, Sites};
pub(super) use crate::analyse::evidence::fixtures::{profile, run, stack};
use crate::profile::Profile;

/// What a finder says of two profiles whose sites are the same by their places; those without blocks are not there.
pub(super) fn found(find: fn(&Runs<'_>) -> Vec<Finding>, base: &Profile, new: &Profile) -> Vec<Finding> {
    let side = |profile: &Profile, index: usize| {
        let site = profile.sites.get(index).filter(|site| site.figures.total_blocks > 0)?;
        Some(Sites { sites: vec![index as u32], figures: site.figures, ..Sites::default() })
    };
    let pair = |index| {
        let (base, new) = (side(base, index), side(new, index));
        Pair { kind: (base.is_some() && new.is_some()).then_some(MatchKind::Exact), base, new }
    };
    let pairs: Vec<Pair> = (0..base.sites.len().max(new.sites.len())).map(pair).collect();
    let functions = Functions::of([base, new], TypesTold::ByEach);
    find(&Runs { base, new, pairs: &pairs, functions: &functions })
}

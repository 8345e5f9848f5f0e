//! Two trees of calls, laid on each other.
//!
//! A *place* is where both builds are in the same chain of calls. Of calls that only go on to one call, the same in both, it's
//! the last. It has nodes of both trees: one of each as a rule; several of one build, where the other merged them into one; and
//! also those whose frame the other build lost, as their callees are called from there. From place to place, what the nodes of
//! both builds call is compared, and what finds no counterpart there is left over, with all below it.

use super::builds::Builds;
use super::compared::Compared;
use super::few::Few;
use super::node::ROOT;
use crate::analyse::diff::pair::MatchKind;
use crate::join::join;
use std::iter;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The nodes of both trees that are at one place.
#[derive(Debug)]
pub(super) struct Place {
    /// The place that it's called from; the root's is its own.
    pub(super) parent: u32,
    /// The nodes of the base, and those of the new build.
    pub(super) nodes: [Few; 2],
    /// Nodes of either that have no counterpart, where there are any.
    left: Option<Box<[Vec<u32>; 2]>>,
    /// How sure it is that they are the same.
    pub(super) kind: MatchKind,
}

impl Place {
    fn new(parent: u32, nodes: [Few; 2], kind: MatchKind) -> Place {
        Place { parent, nodes, left: None, kind }
    }

    /// Nodes of a side that have no counterpart.
    pub(super) fn left(&self, side: usize) -> &[u32] {
        self.left.as_ref().map_or(&[], |left| &left[side])
    }
}

/// All places; each comes after its caller's.
#[derive(Debug)]
pub(super) struct Alignment {
    pub(super) places: Vec<Place>,
}

impl Alignment {
    pub(super) fn of(builds: &Builds<'_>) -> Alignment {
        let mut places = vec![Place::new(0, [Few::One(ROOT), Few::One(ROOT)], MatchKind::Exact)];
        let mut at = 0;
        while at < places.len() {
            // What is as far from the root has nothing to do with each other.
            let level = at..places.len();
            for called in called_from(builds, &places[level]) {
                match called {
                    Called::Only(next) => {
                        let kind = places[at].kind;
                        places.extend(next.map(|nodes| Place::new(at as u32, nodes, kind)));
                    }
                    Called::Several(several) => {
                        let Several { nodes, kind, left, next } = *several;
                        let place = &mut places[at];
                        (place.nodes, place.kind, place.left) = (nodes, kind, left);
                        let next = next.into_iter().map(|(nodes, kind)| Place::new(at as u32, nodes, kind));
                        places.extend(next);
                    }
                }
                at += 1;
            }
        }
        Alignment { places }
    }
}

/// What is called from a place.
enum Called {
    /// Nothing, or a single call.
    Only(Option<[Few; 2]>),
    Several(Box<Several>),
}

/// What a place is once its calls were compared, and where these lead.
struct Several {
    nodes: [Few; 2],
    kind: MatchKind,
    left: Option<Box<[Vec<u32>; 2]>>,
    next: Vec<([Few; 2], MatchKind)>,
}

/// So many places are compared before it's asked who takes the next.
const AT_ONCE: usize = 64;

/// What is called from each of some places. Two threads share them out as they go, as some take much longer than others.
fn called_from(builds: &Builds<'_>, places: &[Place]) -> Vec<Called> {
    let called = |places: &[Place]| places.iter().map(|place| compared(builds, place)).collect::<Vec<_>>();
    if places.len() <= AT_ONCE {
        return called(places);
    }
    let parts: Vec<&[Place]> = places.chunks(AT_ONCE).collect();
    let next = AtomicUsize::new(0);
    let take = || {
        let taken = iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
        let parts = taken.map_while(|part| parts.get(part).map(|places| (part, called(places))));
        parts.collect::<Vec<_>>()
    };
    let (mut all, others) = join(take, take);
    all.extend(others);
    all.sort_unstable_by_key(|(part, _)| *part);
    all.into_iter().flat_map(|(_, called)| called).collect()
}

fn compared(builds: &Builds<'_>, place: &Place) -> Called {
    // PERF: nearly everywhere, one call goes on to one call, the same in both.
    if let Some(next) = only_call(builds, &place.nodes) {
        return Called::Only(next.map(|nodes| innermost(builds, nodes.map(Few::One))));
    }
    let compared = Compared::explained(builds, &place.nodes, place.kind);
    let of_class = |class: &[Vec<u32>; 2], kind: MatchKind| {
        let mut nodes =
            (0..).zip(class).flat_map(|(side, nodes)| nodes.iter().map(move |node| (side, *node)));
        let is_loose = nodes.any(|node| compared.loose.contains(&node));
        kind.max(place.kind).max(if is_loose { MatchKind::Subsequence } else { MatchKind::Exact })
    };
    // A class of which part was lost has nothing left.
    let classes = compared.classes.iter().filter(|class| class.nodes.iter().any(|side| !side.is_empty()));
    let next = classes.map(|class| {
        let kind = of_class(&class.nodes, class.kind);
        (innermost(builds, class.nodes.clone().map(Few::from)), kind)
    });
    let next = next.collect();
    let Compared { nodes, open, kind, .. } = compared;
    let left = open.iter().any(|side| !side.is_empty()).then(|| Box::new(open));
    Called::Several(Box::new(Several { nodes: nodes.map(Few::from), kind, left, next }))
}

/// Where calls go on to the very same one, and allocate nothing themselves, the last of them: there is nothing to be
/// explained on the way.
fn innermost(builds: &Builds<'_>, mut nodes: [Few; 2]) -> [Few; 2] {
    while let Some(Some(next)) = only_call(builds, &nodes) {
        let allocates = |side: usize| {
            let tree = builds.trees[side];
            nodes[side].iter().any(|node| !tree.node(*node).groups.is_empty())
        };
        if allocates(0) || allocates(1) {
            break;
        }
        nodes = next.map(Few::One);
    }
    nodes
}

/// The calls from some nodes where each side has none, or the very same one.
fn only_call(builds: &Builds<'_>, nodes: &[Few; 2]) -> Option<Option<[u32; 2]>> {
    let children = |side: usize| match nodes[side][..] {
        [node] => Some(&builds.trees[side].node(node).children[..]),
        _ => None,
    };
    match (children(0)?, children(1)?) {
        ([], []) => Some(None),
        (&[base], &[new]) => {
            let step = |side: usize, node| builds.trees[side].node(node).step;
            (step(0, base) == step(1, new)).then_some(Some([base, new]))
        }
        _ => None,
    }
}

//! Files that import each other in a circle.

use super::arrows::Arrows;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// One circle for each group of files that can all be reached from each other: the shortest that its first file is in, or
/// else another file of it. With the number of files in the group.
pub(super) fn of(arrows: &Arrows) -> Vec<(Vec<&str>, usize)> {
    let targets = targets(arrows);
    let reachable =
        targets.keys().map(|&file| (file, reached_from(&targets, file))).collect::<BTreeMap<_, _>>();
    let mut seen = BTreeSet::new();
    let mut circles = Vec::new();
    for (&file, reached) in &reachable {
        if !reached.contains_key(file) || seen.contains(file) {
            continue;
        }
        let in_circle = |other: &&str| reachable.get(other).is_some_and(|back| back.contains_key(file));
        let group = reached.keys().copied().filter(in_circle).collect::<Vec<_>>();
        seen.extend(group.iter().copied());
        let shortest = group.iter().map(|&file| way(&reachable[file], file)).min_by_key(Vec::len);
        circles.extend(shortest.map(|circle| (circle, group.len())));
    }
    circles
}

/// Whether there is a way from one file to another along the arrows.
pub(super) fn leads(arrows: &Arrows, from: &str, to: &str) -> bool {
    reached_from(&targets(arrows), from).contains_key(to)
}

fn targets(arrows: &Arrows) -> BTreeMap<&str, Vec<&str>> {
    let mut targets = BTreeMap::<_, Vec<_>>::new();
    for (from, to) in arrows.keys() {
        targets.entry(from.as_str()).or_default().push(to.as_str());
    }
    targets
}

/// What can be reached in one step or more, each with the file before it on a shortest way.
fn reached_from<'a>(targets: &BTreeMap<&'a str, Vec<&'a str>>, start: &'a str) -> BTreeMap<&'a str, &'a str> {
    let mut before = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(file) = queue.pop_front() {
        for &next in targets.get(file).into_iter().flatten() {
            if !before.contains_key(next) {
                before.insert(next, file);
                queue.push_back(next);
            }
        }
    }
    before
}

/// The shortest way from a file back to itself, both ends included.
fn way<'a>(before: &BTreeMap<&'a str, &'a str>, file: &'a str) -> Vec<&'a str> {
    let mut way = vec![file];
    let mut at = before[file];
    while at != file {
        way.push(at);
        at = before[at];
    }
    way.push(file);
    way.reverse();
    way
}

//! Which blocks of two builds are the same ones, by the order in which they were allocated.
//!
//! In one step of a program two builds allocate the same blocks in the same order, but for those that the optimiser
//! did away with, or whose size differs from build to build. So the longest common subsequence of their keys says
//! which is which, where there is just one. Of neighbours with the same key, one of which is missing, nobody knows
//! which: that is so where the leftmost longest common subsequence is another than the rightmost. Then their ends may tell:
//! the same block ends between the same two others whose counterparts are known.

#[cfg(test)]
use super::log::Life;
use super::log::{Block, Key};
use std::ops::Range;

/// More differences than this are not looked into.
const MOST_DIFFERENCES: usize = 6_000;

/// What became of the blocks of one step. The numbers are those of blocks in the step, on each side.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Alignment {
    /// Blocks of the base with the new build's that are the same.
    pub(crate) same: Vec<(usize, usize)>,
    /// Blocks that only the base has.
    pub(crate) only_in_base: Vec<usize>,
    /// Blocks that only the new build has.
    pub(crate) only_in_new: Vec<usize>,
    // Of any others nothing is known.
}

/// Aligns the blocks of one step of two builds.
pub(crate) fn align(base_blocks: &[Block], new_blocks: &[Block]) -> Alignment {
    let keys = |blocks: &[Block]| blocks.iter().map(|block| block.key).collect::<Vec<_>>();
    let (base, new) = (keys(base_blocks), keys(new_blocks));
    let Some(Certain { mut same, .. }) = certain(&base, &new) else { return Alignment::default() };
    loop {
        let told = told_by_ends((base_blocks, new_blocks), (&base, &new), &same);
        if told.is_empty() {
            break;
        }
        same.extend(told);
        same.sort_unstable();
    }
    let mut alignment = Alignment::default();
    same.push((base.len(), new.len()));
    let (mut base_from, mut new_from) = (0, 0);
    for &(b, n) in &same {
        alignment.between((base_from, &base[base_from..b]), (new_from, &new[new_from..n]));
        (base_from, new_from) = (b + 1, n + 1);
        if b < base.len() {
            alignment.same.push((b, n));
        }
    }
    alignment
}

impl Alignment {
    /// What lies between two blocks that are known to be the same.
    fn between(&mut self, (base_from, base): (usize, &[Key]), (new_from, new): (usize, &[Key])) {
        let bases = base_from..base_from + base.len();
        let news = new_from..new_from + new.len();
        if new.is_empty() {
            self.only_in_base.extend(bases);
        } else if base.is_empty() {
            self.only_in_new.extend(news);
        } else {
            // As many, of the same kinds, and with no size in common: the same blocks of other sizes.
            let kinds = |keys: &[Key]| keys.iter().map(|key| key.replaces.is_some()).collect::<Vec<_>>();
            if kinds(base) == kinds(new) && !base.iter().any(|key| new.contains(key)) {
                self.same.extend(bases.zip(news));
            }
        }
    }
}

/// Pairs that are in every longest common subsequence, and how long these are.
struct Certain {
    same: Vec<(usize, usize)>,
    longest: usize,
}

fn certain<K: PartialEq + Copy>(base: &[K], new: &[K]) -> Option<Certain> {
    let (left, right) = (leftmost(base, new)?, rightmost(base, new)?);
    let longest = left.len();
    Some(Certain {
        same: left.into_iter().filter(|pair| right.binary_search(pair).is_ok()).collect(),
        longest,
    })
}

/// Between two neighbours of those that are known to be the same: the pairs that the blocks' ends tell, where all that can be
/// paired there is in pairs that end alike.
fn told_by_ends(
    (base_blocks, new_blocks): (&[Block], &[Block]),
    (base, new): (&[Key], &[Key]),
    same: &[(usize, usize)],
) -> Vec<(usize, usize)> {
    let births = |blocks: &[Block], number: fn(&(usize, usize)) -> usize| {
        same.iter().map(|pair| blocks[number(pair)].life.born).collect::<Vec<_>>()
    };
    let births = [births(base_blocks, |pair| pair.0), births(new_blocks, |pair| pair.1)];
    // How many of those that are known were allocated before it ended.
    let ended = |side: usize, block: &Block| {
        block.life.died.map(|died| births[side].partition_point(|born| *born < died))
    };
    let mut told = Vec::new();
    for (of_base, of_new) in between(same, base.len(), new.len()) {
        let Some(by_key) = certain(&base[of_base.clone()], &new[of_new.clone()]) else { continue };
        let with_ends = |side: usize, blocks: &[Block]| {
            let with_end = |block: &Block| (block.key, ended(side, block));
            blocks.iter().map(with_end).collect::<Vec<_>>()
        };
        let ends = [with_ends(0, &base_blocks[of_base.clone()]), with_ends(1, &new_blocks[of_new.clone()])];
        let Some(by_end) = certain(&ends[0], &ends[1]) else { continue };
        if by_end.longest == by_key.longest {
            told.extend(by_end.same.into_iter().map(|(b, n)| (of_base.start + b, of_new.start + n)));
        }
    }
    told
}

/// What lies between neighbours of pairs, and before the first and after the last, where both sides have something there.
fn between(
    same: &[(usize, usize)],
    base: usize,
    new: usize,
) -> impl Iterator<Item = (Range<usize>, Range<usize>)> {
    let ends = same.iter().copied().chain([(base, new)]);
    let starts = std::iter::once((0, 0)).chain(same.iter().map(|(b, n)| (b + 1, n + 1)));
    let gaps = starts.zip(ends).map(|((from_base, from_new), (base, new))| (from_base..base, from_new..new));
    gaps.filter(|(base, new)| !base.is_empty() && !new.is_empty())
}

/// The longest common subsequence whose pairs come as early as they can.
fn leftmost<K: PartialEq + Copy>(base: &[K], new: &[K]) -> Option<Vec<(usize, usize)>> {
    // E. W. Myers, "An O(ND) difference algorithm and its variations": the furthest that `differences` edits lead to
    // on each diagonal, all of them kept.
    let (b, n) = (base.len() as isize, new.len() as isize);
    let most = MOST_DIFFERENCES.min(base.len() + new.len()) as isize;
    let mut rows: Vec<Vec<isize>> = Vec::new();
    for differences in 0..=most {
        let mut row = Vec::with_capacity(differences as usize + 1);
        for diagonal in (-differences..=differences).step_by(2) {
            let mut x = rows.last().map_or(0, |before| start(before, differences, diagonal).0);
            let mut y = x - diagonal;
            while x < b && y < n && x >= 0 && y >= 0 && base[x as usize] == new[y as usize] {
                (x, y) = (x + 1, y + 1);
            }
            row.push(x);
            if x >= b && diagonal == b - n {
                rows.push(row);
                return Some(way_back(&rows, (b, n)));
            }
        }
        rows.push(row);
    }
    None
}

/// Where on a diagonal one more edit leads to, and the diagonal it comes from.
fn start(before: &[isize], differences: isize, diagonal: isize) -> (isize, isize) {
    let at = |diagonal: isize| before[((diagonal + differences - 1) / 2) as usize];
    let down = diagonal == -differences || (diagonal != differences && at(diagonal - 1) < at(diagonal + 1));
    if down { (at(diagonal + 1), diagonal + 1) } else { (at(diagonal - 1) + 1, diagonal - 1) }
}

fn way_back(rows: &[Vec<isize>], (b, n): (isize, isize)) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    let (mut x, mut diagonal) = (b, b - n);
    for differences in (0..rows.len()).rev() {
        let (from, next) = match differences.checked_sub(1) {
            Some(before) => start(&rows[before], differences as isize, diagonal),
            None => (0, 0),
        };
        while x > from {
            x -= 1;
            pairs.push((x as usize, (x - diagonal) as usize));
        }
        x = if next > diagonal { from } else { from - 1 };
        diagonal = next;
    }
    pairs.reverse();
    pairs
}

/// The one whose pairs come as late as they can.
fn rightmost<K: PartialEq + Copy>(base: &[K], new: &[K]) -> Option<Vec<(usize, usize)>> {
    let reversed = |keys: &[K]| keys.iter().rev().copied().collect::<Vec<_>>();
    let pairs = leftmost(&reversed(base), &reversed(new))?;
    Some(pairs.into_iter().rev().map(|(b, n)| (base.len() - 1 - b, new.len() - 1 - n)).collect())
}

#[test]
fn blocks_are_told_apart_where_that_can_be() {
    // A letter is a size; an upper-case one is a reallocation.
    let blocks = |text: &str| -> Vec<Block> {
        let block = |letter: char| {
            let replaces = letter.is_uppercase().then_some(1);
            let key = Key { replaces, size: letter.to_ascii_lowercase().into() };
            Block { site: 0, key, life: Life::default() }
        };
        text.chars().map(block).collect()
    };
    let check =
        |base: &str, new: &str, same: &[(usize, usize)], only_in_base: &[usize], only_in_new: &[usize]| {
            let mut alignment = align(&blocks(base), &blocks(new));
            alignment.same.sort_unstable();
            let expected = Alignment {
                same: same.to_vec(),
                only_in_base: only_in_base.to_vec(),
                only_in_new: only_in_new.to_vec(),
            };
            assert_eq!(alignment, expected, "{base} and {new}");
        };
    check("", "", &[], &[], &[]);
    check("abc", "abc", &[(0, 0), (1, 1), (2, 2)], &[], &[]);
    check("abc", "ac", &[(0, 0), (2, 1)], &[1], &[]);
    check("ac", "abc", &[(0, 0), (1, 2)], &[], &[1]);
    check("xabcabcy", "xabcy", &[(0, 0), (7, 4)], &[], &[]);
    // One of two equal neighbours is gone, nobody knows which.
    check("abbc", "abc", &[(0, 0), (3, 2)], &[], &[]);
    // Another size, at the same place.
    check("abc", "axc", &[(0, 0), (1, 1), (2, 2)], &[], &[]);
    check("aBc", "axc", &[(0, 0), (2, 2)], &[], &[]);
    // The same two, in another order or not: nobody knows.
    check("abdc", "adbc", &[(0, 0), (3, 3)], &[], &[]);
    check("aB", "ab", &[(0, 0)], &[], &[]);
    check("abcdef", "", &[], &[0, 1, 2, 3, 4, 5], &[]);
}

#[test]
fn ends_tell_neighbours_apart() {
    // A letter is a size; the number says when the block ends: before the block of that number in the text.
    let blocks = |text: &str| -> Vec<Block> {
        let block = |(number, word): (usize, &str)| {
            let (letter, end) = word.split_at(1);
            let died = end.parse::<u64>().ok().map(|end| 10 * end - 5);
            let life = Life { born: 10 * number as u64, died, ..Life::default() };
            let size = letter.bytes().next().map_or(0, u64::from);
            Block { site: 0, key: Key { replaces: None, size }, life }
        };
        text.split(' ').enumerate().map(block).collect()
    };
    let same = |base: &str, new: &str| {
        let alignment = align(&blocks(base), &blocks(new));
        (alignment.same, alignment.only_in_base)
    };
    // One of two equal neighbours is gone: the one that ended before `c`.
    assert_eq!(same("a b2 b c", "a b c"), (vec![(0, 0), (2, 1), (3, 2)], vec![1]));
    assert_eq!(same("a b b3 c", "a b c"), (vec![(0, 0), (1, 1), (3, 2)], vec![2]));
    // Both ended before it, or the one that is left ends otherwise than either.
    assert_eq!(same("a b2 b3 c", "a b2 c"), (vec![(0, 0), (3, 2)], vec![]));
    assert_eq!(same("a b b c d", "a b3 c d"), (vec![(0, 0), (3, 2), (4, 3)], vec![]));
    // What that tells may tell more.
    assert_eq!(
        same("a b2 b b5 b c", "a b b4 b c"),
        (vec![(0, 0), (2, 1), (3, 2), (4, 3), (5, 4)], vec![1]),
        "the third ended before `c`, and so did one of the new build's"
    );
}

#[test]
fn the_longest_common_subsequence_is_found() {
    let mut numbers = 1_u64;
    let mut below = |limit: u64| {
        numbers = numbers.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (numbers >> 33) % limit
    };
    for _ in 0..300 {
        let (b, n) = (below(30), below(30));
        let mut keys = |length: u64| -> Vec<Key> {
            (0..length).map(|_| Key { replaces: None, size: below(4) }).collect()
        };
        let (base, new) = (keys(b), keys(n));
        let mut longest = vec![vec![0; new.len() + 1]; base.len() + 1];
        for b in 0..base.len() {
            for n in 0..new.len() {
                longest[b + 1][n + 1] = if base[b] == new[n] {
                    longest[b][n] + 1
                } else {
                    longest[b][n + 1].max(longest[b + 1][n])
                };
            }
        }
        for pairs in [leftmost(&base, &new), rightmost(&base, &new)] {
            let pairs = pairs.expect("there are few differences");
            assert_eq!(pairs.len(), longest[base.len()][new.len()]);
            assert!(pairs.iter().all(|(b, n)| base[*b] == new[*n]));
            assert!(pairs.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 < pair[1].1));
        }
    }
}

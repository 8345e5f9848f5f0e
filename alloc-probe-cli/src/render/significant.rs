//! What tells rows of a table apart that would read the same, as only a few frames of each stack are listed.

use std::collections::HashMap;
use std::hash::Hash;

/// A number for each different thing that may be shown of a frame: what is not shown tells no rows apart.
pub(super) struct Numbers<K, S> {
    // PERF: stacks of thousands of frames have few different ones, and their names take long to make.
    known: HashMap<K, u32>,
    shown: HashMap<S, u32>,
}

impl<K: Hash + Eq, S: Hash + Eq> Numbers<K, S> {
    pub(super) fn new() -> Numbers<K, S> {
        Numbers { known: HashMap::new(), shown: HashMap::new() }
    }

    /// The number of what is shown of a frame.
    pub(super) fn of(&mut self, frame: K, show: impl FnOnce() -> S) -> u32 {
        let shown = &mut self.shown;
        *self.known.entry(frame).or_insert_with(|| {
            let next = shown.len() as u32;
            *shown.entry(show()).or_insert(next)
        })
    }
}

/// One frame of a row's stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The number of what is shown of it.
    pub(super) shown: u32,
    /// Whether it is one of those that tell what the stack is.
    pub(super) tells: bool,
}

/// For rows with their texts and their stacks, the frames of each stack at which it parts from those of other rows with
/// the same text: of what tells what stacks are, if rows part there, and else of all.
pub(super) fn marks<T: Hash + Eq>(texts: &[T], stacks: &[Vec<Place>]) -> Vec<Vec<usize>> {
    let shown = |stack: &[Place], only: bool| -> Vec<u32> {
        stack.iter().filter(|place| place.tells || !only).map(|place| place.shown).collect()
    };
    let telling: Vec<Vec<u32>> = stacks.iter().map(|stack| shown(stack, true)).collect();
    let whole: Vec<Vec<u32>> = stacks.iter().map(|stack| shown(stack, false)).collect();
    let mut told = significant(texts, &telling);
    for (told, stack) in told.iter_mut().zip(stacks) {
        let mut places = (0..stack.len()).filter(|place| stack[*place].tells).enumerate();
        told.iter_mut().for_each(|at| *at = places.find(|(nth, _)| nth == at).map_or(0, |(_, place)| place));
    }
    let alike: Vec<(&T, &[u32])> = texts.iter().zip(telling.iter().map(Vec::as_slice)).collect();
    for (told, rest) in told.iter_mut().zip(significant(&alike, &whole)) {
        told.extend(rest);
        told.sort_unstable();
    }
    told
}

/// For rows with their texts and their stacks, the places in each stack at which it parts from those of other rows with the
/// same text.
fn significant<T: Hash + Eq, K: Ord>(texts: &[T], stacks: &[Vec<K>]) -> Vec<Vec<usize>> {
    let mut told = vec![Vec::new(); texts.len()];
    let mut by_text: HashMap<&T, Vec<usize>> = HashMap::new();
    for (row, text) in texts.iter().enumerate() {
        by_text.entry(text).or_default().push(row);
    }
    for mut rows in by_text.into_values() {
        rows.sort_unstable_by(|a, b| stacks[*a].cmp(&stacks[*b]));
        part(&rows, 0, stacks, &mut told);
    }
    told
}

/// Notes where rows part whose stacks are in order and share so many frames.
fn part<K: Ord>(rows: &[usize], shared: usize, stacks: &[Vec<K>], told: &mut [Vec<usize>]) {
    // What has stacks of thousands of frames must not have as many calls of this.
    let (mut rows, mut shared) = (rows, shared);
    while let [first, .., last] = rows {
        let (least, greatest) = (&stacks[*first][shared..], &stacks[*last][shared..]);
        shared += least.iter().zip(greatest).take_while(|(a, b)| a == b).count();
        if least.len() == greatest.len() && stacks[*first].len() == shared {
            return;
        }
        let frame = |row: &usize| stacks[*row].get(shared);
        let groups: Vec<&[usize]> = rows.chunk_by(|a, b| frame(a) == frame(b)).collect();
        for row in rows.iter().filter(|row| frame(row).is_some()) {
            told[*row].push(shared);
        }
        let Some((longest, others)) =
            groups.iter().enumerate().max_by_key(|(_, group)| group.len()).map(|(at, longest)| {
                (*longest, groups.iter().enumerate().filter(move |(other, _)| *other != at))
            })
        else {
            return;
        };
        for (_, group) in others {
            part(group, shared, stacks, told);
        }
        rows = longest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(rows: &[(&str, &str)]) -> Vec<Vec<usize>> {
        let texts: Vec<&str> = rows.iter().map(|(text, _)| *text).collect();
        let stacks: Vec<Vec<char>> = rows.iter().map(|(_, stack)| stack.chars().collect()).collect();
        significant(&texts, &stacks)
    }

    #[test]
    fn rows_that_read_the_same_part_somewhere() {
        assert_eq!(told(&[("x", "abcd"), ("y", "abed"), ("x", "abfd")]), [vec![2], vec![], vec![2]]);
        assert_eq!(told(&[("x", "abcd"), ("x", "abce"), ("x", "agh")]), [vec![1, 3], vec![1, 3], vec![1]]);
        // One has nothing where the other goes on.
        assert_eq!(told(&[("x", "ab"), ("x", "abc")]), [vec![], vec![2]]);
        assert_eq!(told(&[("x", "ab"), ("x", "ab")]), [vec![0; 0], vec![]]);
    }

    #[test]
    fn each_of_two_rows_shows_where_they_part() {
        let stacks = ["abcdef", "abcxef", "abcdez", "abq", "b", "abcxefg", "abc"];
        let rows: Vec<(&str, &str)> = stacks.iter().map(|stack| ("same", *stack)).collect();
        let shown: Vec<String> = told(&rows)
            .iter()
            .zip(stacks)
            .map(|(places, stack)| places.iter().map(|at| format!("{at}{}", &stack[*at..=*at])).collect())
            .collect();
        for (index, one) in shown.iter().enumerate() {
            assert!(!shown[index + 1..].contains(one), "{shown:?}");
        }
    }

    #[test]
    fn deep_stacks_and_many_rows_are_no_trouble() {
        let stacks: Vec<Vec<u32>> = (0..2000_u32).map(|row| (0..row).chain([u32::MAX]).collect()).collect();
        let told = significant(&vec![0; stacks.len()], &stacks);
        assert_eq!(told[0], [0]);
        assert_eq!(told[1999].len(), 1999);
    }

    #[test]
    fn what_tells_stacks_apart_goes_before_what_else_differs() {
        // Lower-case letters tell what a stack is.
        let place = |letter: u8| Place { shown: letter.into(), tells: letter.is_ascii_lowercase() };
        let marks = |stacks: &[&str]| -> Vec<Vec<usize>> {
            let places: Vec<Vec<Place>> =
                stacks.iter().map(|stack| stack.bytes().map(place).collect()).collect();
            super::marks(&vec!["same"; stacks.len()], &places)
        };
        assert_eq!(marks(&["VTab", "VCab"]), [[1], [1]]);
        assert_eq!(marks(&["VTab", "VCabc", "VCxb"]), [vec![2], vec![2, 4], vec![2]]);
        assert_eq!(marks(&["VTab", "VCab", "VCxb"]), [vec![1, 2], vec![1, 2], vec![2]]);
        assert_eq!(marks(&["VTab", "VTab"]), [vec![0; 0], vec![]], "nothing that is shown differs");
    }

    #[test]
    fn what_reads_the_same_has_one_number() {
        let mut numbers = Numbers::new();
        let shown = ["to_vec", "to_vec", "clone", "to_vec"];
        let of: Vec<u32> = [0, 1, 2, 0].iter().map(|frame| numbers.of(*frame, || shown[*frame])).collect();
        assert_eq!(of, [0, 0, 1, 0]);
    }
}

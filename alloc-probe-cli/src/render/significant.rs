//! What tells rows of a table apart that would read the same, as only a few frames of each stack are listed.

use std::collections::HashMap;
use std::hash::Hash;

/// For rows with their texts and their stacks, the places in each stack at which it parts from those of other rows with the
/// same text.
pub(super) fn significant<T: Hash + Eq, K: Ord>(texts: &[T], stacks: &[Vec<K>]) -> Vec<Vec<usize>> {
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
}

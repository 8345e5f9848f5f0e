//! What the resident memory of two processes consists of: an account that adds up on both sides.
//!
//! Each line is taken from what its own dump says of the process at the time it was written, and the last line is
//! what the others leave. So the lines of a side add up to its resident memory to the byte. A line that a dump can't tell
//! is none there, and the notes say why; what it would have had is then in a line that stands for several.

#[cfg(test)]
mod tests;

use crate::analyse::account::{is_free_known, parts, unknown};
use alloc_probe_format::dump::Dump;

/// The resident memory of both, line by line.
#[derive(Clone, Debug)]
pub struct Account {
    /// The resident memory itself.
    pub resident: Line,
    /// What it consists of; these add up to it.
    pub lines: Vec<Line>,
    /// What is not part of it, but belongs beside it.
    pub beside: Vec<Line>,
    /// The same at the peak of live bytes, as far as it could be read there; empty where a side has not read it.
    pub at_peak: Vec<Line>,
    /// The resident memory there.
    pub resident_at_peak: Option<Line>,
    /// What could not be had, and why, and what else must be known: sentences.
    pub notes: Vec<String>,
}

/// One line of an [`Account`]. What is live but not resident counts below zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What it is, in a word or two, such as `live blocks`.
    pub name: &'static str,
    /// What that means, in a few words.
    pub meaning: &'static str,
    /// The base's figure; none where it can't be told.
    pub base: Option<i64>,
    /// The new process's figure; none where it can't be told.
    pub new: Option<i64>,
    /// Whether the figures are bytes, and not a count.
    pub is_bytes: bool,
    /// Whether the sides know it in different ways, such as page by page and as a bound, so that what is between the figures is
    /// no difference of the processes.
    pub is_other: bool,
}

impl Line {
    /// How much more the new process has; none where that can't be told.
    pub fn difference(&self) -> Option<i64> {
        if self.is_other {
            return None;
        }
        Some(self.new?.saturating_sub(self.base?))
    }

    /// Whether there is nothing to show.
    pub fn is_empty(&self) -> bool {
        self.base.unwrap_or(0) == 0 && self.new.unwrap_or(0) == 0
    }
}

/// So many lines are named as those that the difference is in.
const NAMED: usize = 3;

impl Account {
    /// The lines in which most of the difference is, the largest first: three at the most, and none that has less than a
    /// tenth of what the largest has.
    pub fn main_differences(&self) -> Vec<&Line> {
        let apart = |line: &Line| line.difference().map_or(0, i64::unsigned_abs);
        let mut lines: Vec<&Line> = self.lines.iter().filter(|line| apart(line) > 0).collect();
        lines.sort_by_key(|line| std::cmp::Reverse(apart(line)));
        let least = lines.first().map_or(0, |line| apart(line) / 10);
        lines.retain(|line| apart(line) >= least);
        lines.truncate(NAMED);
        lines
    }

    /// The account of two processes; none where one of them does not know its resident memory.
    pub fn of(base: &Dump, new: &Dump) -> Option<Account> {
        if base.memory.rss_bytes == 0 || new.memory.rss_bytes == 0 {
            return None;
        }
        let line = |(name, meaning, is_bytes, of): &parts::Part| Line {
            name,
            meaning,
            base: of(base),
            new: of(new),
            is_bytes: *is_bytes,
            is_other: false,
        };
        let has_code = base.memory.code.is_some() && new.memory.code.is_some();
        let code: &[parts::Part] = if has_code { &parts::CODE } else { &parts::IMAGES };
        let parts = parts::HEAP.iter().chain(code).chain(&parts::OTHERS);
        let mut lines: Vec<Line> = parts.map(line).collect();
        let knows = |dump: &Dump| (dump.memory.heap.is_some(), is_free_known(dump));
        if knows(base) != knows(new) {
            // What is live is counted, whatever is known of its pages.
            let of_heap = lines[..parts::HEAP.len()].iter_mut().skip(1);
            of_heap.filter(|line| !line.is_empty()).for_each(|line| line.is_other = true);
        }
        let resident = line(&parts::RESIDENT);
        let resident_at_peak = line(&parts::RESIDENT_AT_PEAK);
        let at_peak: Vec<Line> = match resident_at_peak.difference() {
            Some(_) => parts::AT_PEAK.iter().map(line).collect(),
            None => Vec::new(),
        };
        Some(Account {
            lines: with_rest(lines, &resident),
            resident,
            beside: parts::BESIDE.iter().map(line).filter(|line| !line.is_empty()).collect(),
            resident_at_peak: (!at_peak.is_empty()).then(|| resident_at_peak.clone()),
            at_peak: if at_peak.is_empty() { at_peak } else { with_rest(at_peak, &resident_at_peak) },
            notes: notes(base, new),
        })
    }
}

/// The lines, and one more for what they leave of the whole.
fn with_rest(mut lines: Vec<Line>, whole: &Line) -> Vec<Line> {
    let rest = |of: fn(&Line) -> Option<i64>| Some(of(whole)? - lines.iter().filter_map(of).sum::<i64>());
    let rest = Line {
        name: parts::REST.0,
        meaning: parts::REST.1,
        base: rest(|line| line.base),
        new: rest(|line| line.new),
        is_bytes: true,
        is_other: false,
    };
    lines.push(rest);
    lines
}

/// What must be said of the two, and of each.
fn notes(base: &Dump, new: &Dump) -> Vec<String> {
    let sides = [("the base", base), ("the new run", new)];
    let mut notes: Vec<String> = match [base, new].map(unknown::why_no_heap) {
        [Some(why), Some(same)] if why == same => {
            vec![format!("what is on the heap's pages is not known: {why}")]
        }
        reasons => sides
            .iter()
            .zip(reasons)
            .filter_map(|((side, _), why)| {
                Some(format!("what is on the heap's pages of {side} is not known: {}", why?))
            })
            .collect(),
    };
    for (side, dump) in sides {
        notes.extend(unknown::notes(dump).into_iter().map(|note| note.of(side)));
    }
    notes
}

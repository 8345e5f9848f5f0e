//! What the resident memory of a process consists of: an account that adds up.
//!
//! Each line is taken from what the dump says of the process at the time it was written, and the last line is what the
//! others leave. A line that the dump can't tell is none, and a note says why.

pub(in crate::analyse) mod parts;
pub(in crate::analyse) mod unknown;

pub use parts::is_free_known;

use crate::analyse::signed::signed;
use alloc_probe_format::dump::Dump;
use parts::Part;

/// The resident memory of a process, line by line.
#[derive(Clone, Debug)]
pub struct Account {
    /// The resident memory itself.
    pub resident: i64,
    /// What it consists of; these add up to it.
    pub lines: Vec<Line>,
    /// What is not part of it, but belongs beside it.
    pub beside: Vec<Line>,
    /// The same at the peak of live bytes, as far as it could be read there.
    pub at_peak: Option<AtPeak>,
    /// What could not be had, and why, and what else must be known: sentences.
    pub notes: Vec<String>,
}

/// The account at the peak of live bytes.
#[derive(Clone, Debug)]
pub struct AtPeak {
    /// When it was read, in nanoseconds since recording started.
    pub time_ns: u64,
    /// The resident memory then.
    pub resident: i64,
    /// What it consisted of.
    pub lines: Vec<Line>,
}

/// One line. What is live but not resident counts below zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What it is, in a word or two, such as `live blocks`.
    pub name: &'static str,
    /// What that means, in a few words.
    pub meaning: &'static str,
    /// The figure; none where it can't be told.
    pub figure: Option<i64>,
    /// Whether it counts bytes.
    pub is_bytes: bool,
}

impl Account {
    /// That of a process; none where its resident memory is not known.
    pub fn of(dump: &Dump) -> Option<Account> {
        if dump.memory.rss_bytes == 0 {
            return None;
        }
        let line = |(name, meaning, is_bytes, of): &Part| Line {
            name,
            meaning,
            figure: of(dump),
            is_bytes: *is_bytes,
        };
        let code: &[Part] = if dump.memory.code.is_some() { &parts::CODE } else { &parts::IMAGES };
        let resident = signed(dump.memory.rss_bytes);
        let lines = parts::HEAP.iter().chain(code).chain(&parts::OTHERS).map(line).collect();
        let at_peak = dump.memory.at_peak.as_ref().map(|peak| {
            let resident = signed(peak.resident_bytes);
            let lines = with_rest(parts::AT_PEAK.iter().map(line).collect(), resident);
            AtPeak { time_ns: peak.time_ns, resident, lines }
        });
        let mut notes: Vec<String> = (unknown::why_no_heap(dump).into_iter())
            .map(|why| format!("what is on the heap's pages is not known: {why}"))
            .collect();
        notes.extend(unknown::notes(dump).into_iter().map(unknown::Note::alone));
        Some(Account {
            resident,
            lines: with_rest(lines, resident),
            beside: parts::BESIDE.iter().map(line).filter(|line| line.figure.unwrap_or(0) != 0).collect(),
            at_peak,
            notes,
        })
    }

    /// The figure of a line; 0 where it can't be told, or there is none of the name.
    pub fn bytes(&self, name: &str) -> i64 {
        self.lines.iter().find(|line| line.name == name).and_then(|line| line.figure).unwrap_or(0)
    }
}

/// The lines, and one more for what they leave of the whole.
fn with_rest(mut lines: Vec<Line>, whole: i64) -> Vec<Line> {
    let known: i64 = lines.iter().filter_map(|line| line.figure).sum();
    let (name, meaning) = parts::REST;
    lines.push(Line { name, meaning, figure: Some(whole - known), is_bytes: true });
    lines
}

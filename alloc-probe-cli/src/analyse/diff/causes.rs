//! Why the resident memory of two processes differs: an account that adds up on both sides.
//!
//! Each line is taken from what its own dump says of the process at the time it was written, and the last line is
//! what the others leave. So the lines of a side add up to its resident memory to the byte, and their differences
//! to the difference.

use alloc_probe_format::dump::Dump;

/// The resident memory of both, line by line.
#[derive(Clone, Debug)]
pub struct Account {
    /// The resident memory itself.
    pub resident: Line,
    /// What it consists of; these add up to it.
    pub lines: Vec<Line>,
    /// Threads alive, which most of the stacks' memory goes with.
    pub threads: (u64, u64),
}

/// One line of an [`Account`]. The heap beyond live blocks can be below zero: blocks whose pages were never touched
/// are live, but not resident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What it is, in a word or two, such as `live blocks`.
    pub name: &'static str,
    /// What that means, in a few words.
    pub meaning: &'static str,
    /// Bytes in the base.
    pub base_bytes: i64,
    /// Bytes in the new process.
    pub new_bytes: i64,
}

impl Line {
    /// How much more the new process has.
    pub const fn difference_bytes(&self) -> i64 {
        self.new_bytes.saturating_sub(self.base_bytes)
    }
}

/// What a line of the account adds up.
type Part = (&'static str, &'static str, fn(&Dump) -> i64);

const PARTS: [Part; 7] = [
    ("live blocks", "asked for and not freed", |dump| signed(dump.totals.end_bytes)),
    ("heap beyond them", "free memory kept, rounding, C code", |dump| {
        (category(dump, "heap") + category(dump, "anonymous")).saturating_sub(signed(dump.totals.end_bytes))
    }),
    ("stacks", "of threads, as far as touched", |dump| category(dump, "stacks")),
    ("executable", "the program's code and data", |dump| category(dump, "executable")),
    ("libraries", "shared libraries' code and data", |dump| category(dump, "libraries")),
    ("files", "other files mapped into memory", |dump| category(dump, "files")),
    ("probe", "what recording took", |dump| category(dump, "probe")),
];

impl Account {
    /// The account of two processes; none where one of them does not know its resident memory.
    pub(super) fn of(base: &Dump, new: &Dump) -> Option<Account> {
        if base.memory.rss_bytes == 0 || new.memory.rss_bytes == 0 {
            return None;
        }
        let resident = Line {
            name: "resident memory",
            meaning: "the memory of the process that is in RAM",
            base_bytes: signed(base.memory.rss_bytes),
            new_bytes: signed(new.memory.rss_bytes),
        };
        let mut lines: Vec<Line> = PARTS
            .iter()
            .map(|(name, meaning, bytes)| Line {
                name,
                meaning,
                base_bytes: bytes(base),
                new_bytes: bytes(new),
            })
            .collect();
        let rest = |of: fn(&Line) -> i64| of(&resident) - lines.iter().map(of).sum::<i64>();
        let rest = Line {
            name: "the rest",
            meaning: "resident, but none of these",
            base_bytes: rest(|line| line.base_bytes),
            new_bytes: rest(|line| line.new_bytes),
        };
        lines.push(rest);
        Some(Account { resident, lines, threads: (base.memory.threads, new.memory.threads) })
    }
}

fn category(dump: &Dump, name: &str) -> i64 {
    let of_name = dump.memory.categories.iter().filter(|category| category.name == name);
    signed(of_name.map(|category| category.bytes).fold(0, u64::saturating_add))
}

/// Leaves room for sums. No process has so much memory that this would cut it; a damaged file may say so.
fn signed(bytes: u64) -> i64 {
    bytes.min(1 << 56) as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc_probe_format::dump::{Category, Figures, Memory};

    fn dump(rss_bytes: u64, end_bytes: u64, categories: &[(&str, u64)]) -> Dump {
        let category = |&(name, bytes): &(&str, u64)| Category { name: name.to_owned(), bytes };
        Dump {
            totals: Figures { end_bytes, ..Figures::default() },
            memory: Memory {
                rss_bytes,
                categories: categories.iter().map(category).collect(),
                ..Memory::default()
            },
            ..Dump::default()
        }
    }

    #[test]
    fn the_lines_add_up_on_both_sides() {
        let base = dump(
            1000,
            300,
            &[("heap", 400), ("anonymous", 100), ("stacks", 50), ("probe", 70), ("other", 5)],
        );
        // 600 bytes live, but only 500 of heap resident: pages never touched.
        let new = dump(900, 600, &[("heap", 500), ("executable", 100), ("libraries", 150), ("files", 10)]);
        let account = Account::of(&base, &new).unwrap();
        let sides: Vec<(i64, i64)> =
            account.lines.iter().map(|line| (line.base_bytes, line.new_bytes)).collect();
        assert_eq!(
            sides,
            [(300, 600), (200, -100), (50, 0), (0, 100), (0, 150), (0, 10), (70, 0), (380, 140)]
        );
        assert_eq!(sides.iter().map(|side| side.0).sum::<i64>(), 1000);
        assert_eq!(sides.iter().map(|side| side.1).sum::<i64>(), 900);
        let differences: i64 = account.lines.iter().map(Line::difference_bytes).sum();
        assert_eq!(differences, account.resident.difference_bytes());
    }

    #[test]
    fn absurd_figures_still_add_up() {
        let absurd =
            dump(u64::MAX, u64::MAX, &[("heap", u64::MAX), ("stacks", u64::MAX), ("heap", u64::MAX)]);
        let account = Account::of(&absurd, &dump(1, 0, &[])).unwrap();
        let sum: i64 = account.lines.iter().map(|line| line.base_bytes).sum();
        assert_eq!(sum, account.resident.base_bytes);
    }

    #[test]
    fn without_resident_memory_there_is_no_account() {
        assert!(Account::of(&dump(0, 5, &[]), &dump(9, 5, &[])).is_none());
    }
}

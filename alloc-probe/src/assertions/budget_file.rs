//! `alloc-budgets.toml`: read and written without a library, as it is in every program that has a budget.
//!
//! It is the part of TOML that is written here: tables of two names, and numbers.

use std::collections::BTreeMap;
use std::fmt::{self, Display};

/// The tolerance of a new file, in percent.
const TOLERANCE: f64 = 5.0;

const TOLERANCE_KEY: &str = "tolerance_percent";

/// Which budget: its name, and the builds it is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) name: String,
    pub(super) profile: &'static str,
}

/// One budget.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Budget {
    /// By name, in the order of the file's writing.
    pub(super) figures: BTreeMap<String, u64>,
    tolerance: Option<f64>,
}

/// The budgets of a package.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct BudgetFile {
    tolerance: Option<f64>,
    budgets: BTreeMap<Key, Budget>,
}

impl BudgetFile {
    pub(super) fn get(&self, key: &Key) -> Option<&Budget> {
        self.budgets.get(key)
    }

    /// Replaces the figures of a budget, or adds it. Its tolerance stays.
    pub(super) fn set(&mut self, key: Key, figures: BTreeMap<String, u64>) {
        self.budgets.entry(key).or_default().figures = figures;
    }

    /// By how much the bytes of a budget may be off, in percent.
    pub(super) fn tolerance_of(&self, budget: &Budget) -> f64 {
        budget.tolerance.or(self.tolerance).unwrap_or(TOLERANCE)
    }

    /// Reads a file's text. The error names the line.
    pub(super) fn parse(text: &str) -> Result<BudgetFile, String> {
        let mut file = BudgetFile::default();
        let mut current = None;
        for (number, line) in (1..).zip(text.lines()) {
            let line = without_comment(line).trim();
            let wrong = |what: &str| format!("line {number}: {what}: {line}");
            if line.is_empty() {
                continue;
            }
            if let Some(header) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                let key =
                    parse_header(header).ok_or_else(|| wrong("expected [name.debug] or [name.release]"))?;
                if file.budgets.insert(key.clone(), Budget::default()).is_some() {
                    return Err(wrong("a second budget of that name"));
                }
                current = Some(key);
                continue;
            }
            let (name, value) = line.split_once('=').ok_or_else(|| wrong("expected a name and a number"))?;
            let (name, value) = (name.trim(), value.trim().replace('_', ""));
            let budget = current.as_ref().and_then(|key| file.budgets.get_mut(key));
            if name == TOLERANCE_KEY {
                let percent = value.parse().ok().filter(|percent: &f64| (0.0..=100.0).contains(percent));
                let percent = Some(percent.ok_or_else(|| wrong("expected a percentage"))?);
                match budget {
                    Some(budget) => budget.tolerance = percent,
                    None => file.tolerance = percent,
                }
                continue;
            }
            let figure = value.parse().map_err(|_| wrong("expected a whole number"))?;
            let budget = budget.ok_or_else(|| wrong("a figure before the first budget"))?;
            if budget.figures.insert(name.to_owned(), figure).is_some() {
                return Err(wrong("a figure that was given before"));
            }
        }
        Ok(file)
    }
}

/// A line up to its comment. Names have no `#` in them unless they are quoted.
fn without_comment(line: &str) -> &str {
    let mut quoted = false;
    let comment = line.char_indices().find(|&(_, c)| {
        quoted ^= c == '"';
        c == '#' && !quoted
    });
    &line[..comment.map_or(line.len(), |(index, _)| index)]
}

fn parse_header(header: &str) -> Option<Key> {
    let (name, profile) = header.rsplit_once('.')?;
    let profile = ["debug", "release"].into_iter().find(|known| *known == profile.trim())?;
    let name = name.trim();
    let name = match name.strip_prefix('"') {
        Some(quoted) => unquote(quoted.strip_suffix('"')?)?,
        None if is_bare(name) => name.to_owned(),
        None => return None,
    };
    Some(Key { name, profile })
}

/// Whether a name can stand without quotes.
fn is_bare(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

fn quote(name: &str) -> String {
    let mut quoted = String::from("\"");
    for c in name.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted += "\\n",
            '\t' => quoted += "\\t",
            c if c.is_control() => quoted += &format!("\\u{:04X}", u32::from(c)),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

fn unquote(text: &str) -> Option<String> {
    let mut name = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        name.push(match c {
            '\\' => match chars.next()? {
                'n' => '\n',
                't' => '\t',
                'u' => {
                    let digits = chars.by_ref().take(4).collect::<String>();
                    char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?
                }
                c @ ('"' | '\\') => c,
                _ => return None,
            },
            '"' => return None,
            c => c,
        });
    }
    Some(name)
}

impl Display for BudgetFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# What tests allocate, held by `alloc_probe::assert_budget!` and written by")?;
        writeln!(
            f,
            "# `ALLOC_PROBE_BLESS=1 cargo test`. Blocks are exact; bytes may be off by the tolerance."
        )?;
        writeln!(f, "{TOLERANCE_KEY} = {}", self.tolerance.unwrap_or(TOLERANCE))?;
        for (Key { name, profile }, budget) in &self.budgets {
            let name = if is_bare(name) { name.clone() } else { quote(name) };
            writeln!(f, "\n[{name}.{profile}]")?;
            if let Some(tolerance) = budget.tolerance {
                writeln!(f, "{TOLERANCE_KEY} = {tolerance}")?;
            }
            for (figure, value) in &budget.figures {
                writeln!(f, "{figure} = {value}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# What tests allocate, held by `alloc_probe::assert_budget!` and written by
# `ALLOC_PROBE_BLESS=1 cargo test`. Blocks are exact; bytes may be off by the tolerance.
tolerance_percent = 2.5

[\"a \\\"b\\\".c#d\".release]
allocations = 1

[parse.debug]
tolerance_percent = 0
allocations = 12
peak_bytes = 4096
";

    #[test]
    fn a_file_is_written_as_it_was_read() {
        let file = BudgetFile::parse(TEXT).unwrap();
        let parse = file.get(&Key { name: "parse".into(), profile: "debug" }).unwrap();
        assert_eq!((parse.figures["peak_bytes"], file.tolerance_of(parse)), (4096, 0.0));
        let quoted = file.get(&Key { name: "a \"b\".c#d".into(), profile: "release" }).unwrap();
        assert_eq!((quoted.figures["allocations"], file.tolerance_of(quoted)), (1, 2.5));
        assert_eq!(file.to_string(), TEXT);
        assert_eq!(BudgetFile::default().tolerance_of(parse), 0.0);
    }

    #[test]
    fn what_people_write_is_read() {
        let text = "[ parse.debug ] # mine\n  peak_bytes=4_096 # 4 KiB\n";
        let file = BudgetFile::parse(text).unwrap();
        assert_eq!(
            file.get(&Key { name: "parse".into(), profile: "debug" }).unwrap().figures["peak_bytes"],
            4096
        );
    }

    #[test]
    fn errors_name_the_line() {
        for (text, error) in [
            ("[parse]", "line 1: expected [name.debug] or [name.release]: [parse]"),
            ("\n[a b.debug]", "line 2: expected [name.debug] or [name.release]: [a b.debug]"),
            ("peak_bytes = 1", "line 1: a figure before the first budget: peak_bytes = 1"),
            ("[a.debug]\npeak_bytes = many", "line 2: expected a whole number: peak_bytes = many"),
            ("[a.debug]\nx", "line 2: expected a name and a number: x"),
            ("[a.debug]\n[a.debug]", "line 2: a second budget of that name: [a.debug]"),
            ("[a.debug]\nx = 1\nx = 2", "line 3: a figure that was given before: x = 2"),
            ("tolerance_percent = -1", "line 1: expected a percentage: tolerance_percent = -1"),
        ] {
            assert_eq!(BudgetFile::parse(text), Err(error.to_owned()), "{text}");
        }
    }
}

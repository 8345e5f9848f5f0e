//! The call tree of what differs: a row for each branch, with its figures on the left.

use super::change::Change;
use super::view::Options;
use crate::analyse::diff::view::tree::Branch;
use crate::term::{style, text};
use crate::units::{count, figure};
use std::io::{self, Write};

/// Columns of a figure, of a percentage, and of the gap before the tree.
const FIGURE: usize = 12;
const PERCENT: usize = 8;
const GAP: usize = 2;
/// Narrower pages have no room for the sides themselves.
const WIDE: usize = 100;
/// Columns of a step to the right; deeper trees take as many as leave half of the page.
const STEP: usize = 3;

/// Writes the tree.
pub(super) fn write(root: Option<&Branch>, options: &Options<'_>, out: &mut dyn Write) -> io::Result<()> {
    let metric = options.metric;
    let Some(root) = root else {
        return writeln!(out, "\nNo site differs by {}.", metric.name());
    };
    let (strong, faint) = (style::STRONG, style::FAINT);
    writeln!(out, "\n{strong}Call tree of what differs{strong:#} by {}, callers first\n", metric.name())?;
    let sides =
        if options.width >= WIDE { format!("{:>FIGURE$}{:>FIGURE$}", "base", "new") } else { String::new() };
    let error = if options.has_estimates { format!("{:>FIGURE$}", "±") } else { String::new() };
    let header = format!("{:>FIGURE$}{:PERCENT$}{error}{sides}", "difference", "");
    writeln!(out, "{faint}{}{faint:#}", header.trim_end())?;
    let mut page = Page { options, indent: Vec::new(), out };
    page.row((root.base, root.new), Some(root.error), "", "all")?;
    page.below(root)
}

struct Page<'a> {
    options: &'a Options<'a>,
    /// For each level above, whether more of its branches follow.
    indent: Vec<bool>,
    out: &'a mut dyn Write,
}

impl Page<'_> {
    fn below(&mut self, branch: &Branch) -> io::Result<()> {
        let rows = branch.branches.len() + usize::from(branch.rest.is_some());
        for (index, next) in branch.branches.iter().enumerate() {
            let is_last = index + 1 == rows;
            let mark = self.mark(is_last);
            let name = chain(&next.names, self.room().saturating_sub(text::width(&mark)));
            self.row((next.base, next.new), Some(next.error), &mark, &name)?;
            self.indent.push(!is_last);
            self.below(next)?;
            self.indent.pop();
        }
        if let Some(rest) = &branch.rest {
            let name = match rest.branches {
                1 => "1 smaller branch".to_owned(),
                more => format!("{} smaller branches", count(more as u64)),
            };
            self.row((rest.base, rest.new), None, &self.mark(true), &name)?;
        }
        Ok(())
    }

    /// The lines that lead to a branch. Of a deep tree, those further out are left out.
    fn mark(&self, is_last: bool) -> String {
        let levels = (self.room() / 2 / STEP).max(1);
        let (skipped, shown) = match self.indent.len().checked_sub(levels) {
            Some(over @ 1..) => ("…", &self.indent[over..]),
            _ => ("", &self.indent[..]),
        };
        let lines: String = shown.iter().map(|more| if *more { "│  " } else { "   " }).collect();
        format!("{skipped}{lines}{}", if is_last { "└─ " } else { "├─ " })
    }

    fn room(&self) -> usize {
        let sides = if self.has_sides() { 2 * FIGURE } else { 0 };
        let error = if self.options.has_estimates { FIGURE } else { 0 };
        self.options.width.saturating_sub(FIGURE + PERCENT + error + sides + GAP)
    }

    fn has_sides(&self) -> bool {
        self.options.width >= WIDE
    }

    fn row(&mut self, sides: (u64, u64), error: Option<u64>, mark: &str, name: &str) -> io::Result<()> {
        let change = Change::of(sides, self.options.metric.is_bytes());
        let (look, faint) = (change.style(), style::FAINT);
        write!(self.out, "{look}{:>FIGURE$}{:>PERCENT$}{look:#}", change.difference(), change.percent())?;
        if self.options.has_estimates {
            let error = error.map(|error| format!("±{}", figure(error, self.options.metric.is_bytes())));
            write!(self.out, "{:>FIGURE$}", error.unwrap_or_default())?;
        }
        if self.has_sides() {
            write!(self.out, "{:>FIGURE$}{:>FIGURE$}", change.base_text(), change.new_text())?;
        }
        let room = self.room().saturating_sub(text::width(mark));
        writeln!(self.out, "{:GAP$}{faint}{mark}{faint:#}{}", "", text::cut_start(name, room))
    }
}

/// A chain of functions in so many columns: of a longer one, as many of the last as there is room for, and the first.
fn chain(names: &[String], columns: usize) -> String {
    const ARROW: &str = " → ";
    const CUT: &str = "… → ";
    let whole = names.join(ARROW);
    let ([first, inner @ .., last], true) = (names, text::width(&whole) > columns) else { return whole };
    let mut end = last.clone();
    let fits = |text: &str, more: &str| text::width(text) + text::width(more) <= columns;
    for name in inner.iter().rev() {
        let longer = format!("{name}{ARROW}{end}");
        if !fits(&longer, CUT) {
            break;
        }
        end = longer;
    }
    let begin = format!("{first}{ARROW}{CUT}");
    if fits(&begin, &end) { begin + &end } else { CUT.to_owned() + &end }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_keep_their_ends() {
        let names = ["a::main", "a::serve", "a::handle"].map(str::to_owned);
        assert_eq!(chain(&names, 40), "a::main → a::serve → a::handle");
        assert_eq!(chain(&names, 24), "… → a::serve → a::handle");
        assert_eq!(chain(&names, 23), "a::main → … → a::handle");
        assert_eq!(chain(&names, 14), "… → a::handle");
        assert_eq!(chain(&names[..1], 3), "a::main");
        assert_eq!(chain(&names[..2], 12), "… → a::serve");
    }
}

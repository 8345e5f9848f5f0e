//! The lines of source around a call: `show --source`.

use crate::term::{style, text};
use std::io::{self, Write};

/// Lines before and after the one that is meant.
const CONTEXT: usize = 5;

/// Writes the lines around `line` (from 1) of a source file. A file that has changed may have no such line.
///
/// # Errors
///
/// Those of `out`.
pub fn write(source: &str, line: u32, width: usize, out: &mut dyn Write) -> io::Result<()> {
    let lines: Vec<&str> = source.lines().collect();
    let line = line as usize;
    if line == 0 || line > lines.len() {
        return writeln!(out, "  (the file has {} lines: it is not the one that was built)", lines.len());
    }
    let first = line.saturating_sub(CONTEXT).max(1);
    let last = (line + CONTEXT).min(lines.len());
    let digits = last.to_string().len();
    let (strong, faint) = (style::STRONG, style::FAINT);
    for number in first..=last {
        let shown = text::cut_end(&lines[number - 1].replace('\t', "    "), width.saturating_sub(digits + 6));
        if number == line {
            writeln!(out, "{strong}→ {number:>digits$} │ {shown}{strong:#}")?;
        } else {
            writeln!(out, "  {faint}{number:>digits$} │{faint:#} {shown}")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(source: &str, line: u32) -> String {
        let mut out = Vec::new();
        write(source, line, 40, &mut anstream::StripStream::new(&mut out as &mut dyn Write)).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn five_lines_around() {
        let source: String = (1..=20).map(|line| format!("line {line}\n")).collect();
        let shown = written(&source, 9);
        assert!(shown.starts_with("   4 │ line 4\n") && shown.ends_with("  14 │ line 14\n"), "{shown}");
        assert!(shown.contains("\n→  9 │ line 9\n"), "{shown}");
        assert_eq!(shown.lines().count(), 11);
    }

    #[test]
    fn the_ends_of_a_file_and_beyond() {
        assert_eq!(written("a\n\tb\n", 1), "→ 1 │ a\n  2 │     b\n");
        assert_eq!(written("a\nb\n", 3), "  (the file has 2 lines: it is not the one that was built)\n");
        assert_eq!(written("", 0), "  (the file has 0 lines: it is not the one that was built)\n");
    }
}

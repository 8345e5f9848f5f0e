//! Sentences in lines that fit the page.

use crate::term::text;
use std::io::{self, Write};

/// Writes a sentence in lines of the page's width, the first behind a mark.
pub(super) fn write(mark: &str, text: &str, width: usize, out: &mut dyn Write) -> io::Result<()> {
    let indent = text::width(mark);
    for (index, line) in wrapped(text, width.saturating_sub(indent)).iter().enumerate() {
        match index {
            0 => writeln!(out, "{mark}{line}")?,
            _ => writeln!(out, "{:indent$}{line}", "")?,
        }
    }
    Ok(())
}

/// The sentence in lines of at most so many columns; a longer word has a line of its own.
pub(super) fn wrapped(sentence: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words(sentence) {
        let word = word.as_str();
        match lines.last_mut() {
            Some(line) if text::width(line) + 1 + text::width(word) <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// The words of a sentence. A figure and its unit are one.
fn words(sentence: &str) -> Vec<String> {
    const UNITS: [&str; 10] = ["B", "KiB", "MiB", "GiB", "TiB", "ns", "µs", "ms", "s", "%"];
    let mut words: Vec<String> = Vec::new();
    for word in sentence.split(' ') {
        let is_unit = UNITS.contains(&word.trim_end_matches(['.', ',', ';', ':', ')']));
        match words
            .last_mut()
            .filter(|last| is_unit && last.ends_with(|letter: char| letter.is_ascii_digit()))
        {
            Some(figure) => {
                figure.push(' ');
                figure.push_str(word);
            }
            None => words.push(word.to_owned()),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_and_its_unit_stay_on_a_line() {
        let lines = wrapped("of it 1.5 MiB, and 12 ms, are B", 9);
        assert_eq!(lines, ["of it", "1.5 MiB,", "and", "12 ms,", "are B"]);
    }
}

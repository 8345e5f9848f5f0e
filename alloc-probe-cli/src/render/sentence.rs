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
fn wrapped(sentence: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in sentence.split(' ') {
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

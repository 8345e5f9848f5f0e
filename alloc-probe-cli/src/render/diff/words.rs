//! Words, sentences and percentages, as all parts of a diff have them.

use crate::term::text;
use alloc_probe_format::metric::Metric;
use std::io::{self, Write};

/// What a metric is called in a headline: its bytes need no word of their own.
pub(super) fn word(metric: Metric) -> String {
    metric.name().trim_end_matches("-bytes").replace("-blocks", " blocks")
}

/// Writes a sentence in lines of the page's width, the first behind a mark.
pub(super) fn sentence(mark: &str, text: &str, width: usize, out: &mut dyn Write) -> io::Result<()> {
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

/// To one decimal, downwards: 100% is all of it.
pub(super) fn floor(percent: f64) -> f64 {
    (percent * 10.0).floor() / 10.0
}

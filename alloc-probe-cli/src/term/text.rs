//! Text that has to fit: cutting, and sparklines.
//!
//! Most text comes from files that anyone may have written, so what is cut is made harmless to terminals as well.

use std::borrow::Cow;

/// `text` without control characters, which could steer a terminal: white space becomes a space, others `\u{fffd}`.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let harmless = |letter: char| match letter {
        _ if letter.is_whitespace() => ' ',
        _ if letter.is_control() => char::REPLACEMENT_CHARACTER,
        _ => letter,
    };
    Cow::Owned(text.chars().map(harmless).collect())
}

/// Columns of `text`, counting one for each character: names of functions and files hold no wide ones in practice.
pub fn width(text: &str) -> usize {
    text.chars().count()
}

/// `text` in at most `columns`, its end replaced by `…` where it is longer.
pub fn cut_end(text: &str, columns: usize) -> String {
    let text = printable(text);
    if width(&text) <= columns {
        return text.into_owned();
    }
    let mut cut: String = text.chars().take(columns.saturating_sub(1)).collect();
    if columns > 0 {
        cut.push('…');
    }
    cut
}

/// `text` in at most `columns`, its beginning replaced by `…` where it is longer: the last part of a path, and
/// of a function's, tells most.
pub fn cut_start(text: &str, columns: usize) -> String {
    let text = printable(text);
    let excess = width(&text).saturating_sub(columns);
    if excess == 0 {
        return text.into_owned();
    }
    let ellipsis = if columns > 0 { "…" } else { "" };
    ellipsis.chars().chain(text.chars().skip(excess + 1)).collect()
}

/// A line of `columns` bars at most, one for each of so many equal spans of `values` (the largest in each).
pub fn sparkline(values: &[u64], columns: usize) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let columns = columns.min(values.len());
    let largest = values.iter().copied().max().unwrap_or(0).max(1);
    (0..columns)
        .map(|column| {
            let span = column * values.len() / columns..(column + 1) * values.len() / columns;
            let value = values[span].iter().copied().max().unwrap_or(0);
            let level = (value as f64 / largest as f64 * (BARS.len() - 1) as f64).round() as usize;
            BARS[level.min(BARS.len() - 1)]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_to_its_columns_at_either_end() {
        for columns in 0..12 {
            for cut in [cut_end("grüße::an", columns), cut_start("grüße::an", columns)] {
                assert!(width(&cut) <= columns, "{cut} in {columns}");
            }
        }
        assert_eq!(cut_end("abcdef", 4), "abc…");
        assert_eq!(cut_start("abcdef", 4), "…def");
        assert_eq!(cut_end("abcdef", 6), "abcdef");
        assert_eq!(cut_start("abcdef", 6), "abcdef");
    }

    #[test]
    fn nothing_that_steers_a_terminal_is_left() {
        assert_eq!(printable("a::b<é>"), "a::b<é>");
        assert_eq!(printable("a\n\tb\u{1b}[2Jc\u{7f}\u{9b}"), "a  b\u{fffd}[2Jc\u{fffd}\u{fffd}");
        assert_eq!(cut_end("\u{1b}[31mred", 20), "\u{fffd}[31mred");
        assert_eq!(cut_start("\u{1b}[31mred", 20), "\u{fffd}[31mred");
    }

    #[test]
    fn sparklines_keep_the_peaks() {
        assert_eq!(sparkline(&[0, 7, 0, 0], 4), "▁█▁▁");
        assert_eq!(sparkline(&[0, 7, 0, 0], 2), "█▁");
        assert_eq!(sparkline(&[3], 10), "█");
        assert_eq!(sparkline(&[0, 0], 2), "▁▁");
        assert_eq!(sparkline(&[], 10), "");
    }
}

//! Figures that changed: `−2.1 MiB`, `+1,204`, `−18%`.

use crate::term::style;
use crate::units::figure;
use anstyle::Style;
use std::cmp::Ordering;

/// A figure of both sides.
#[derive(Clone, Copy, Debug)]
pub(in crate::render) struct Change {
    pub(in crate::render) base: i64,
    pub(in crate::render) new: i64,
    pub(in crate::render) is_bytes: bool,
}

impl Change {
    /// A figure that is never below zero.
    pub(in crate::render) fn of((base, new): (u64, u64), is_bytes: bool) -> Change {
        let signed = |figure| i64::try_from(figure).unwrap_or(i64::MAX);
        Change { base: signed(base), new: signed(new), is_bytes }
    }

    /// The base's figure.
    pub(in crate::render) fn base_text(self) -> String {
        plain(self.base, self.is_bytes)
    }

    /// The new build's figure.
    pub(in crate::render) fn new_text(self) -> String {
        plain(self.new, self.is_bytes)
    }

    /// How much more the new build has, with its sign; `=` where it is the same.
    pub(in crate::render) fn difference(self) -> String {
        match self.new.saturating_sub(self.base) {
            0 => "=".to_owned(),
            more @ 1.. => format!("+{}", plain(more, self.is_bytes)),
            less => plain(less, self.is_bytes),
        }
    }

    /// The same in percent, or as a factor where percents become unreadable. Empty where there is no base to
    /// compare with, or no difference.
    pub(in crate::render) fn percent(self) -> String {
        percent(self.base as f64, self.new as f64)
    }

    /// What a difference looks like. Its sign says the same.
    pub(in crate::render) fn style(self) -> Style {
        style_of(self.base as f64, self.new as f64)
    }
}

/// How much more `new` is than `base` in percent, or as a factor where percents become unreadable. Empty where there is
/// no base to compare with, or no difference.
pub(in crate::render) fn percent(base: f64, new: f64) -> String {
    if base <= 0.0 || new == base {
        return String::new();
    }
    let factor = new / base;
    let percent = (factor - 1.0) * 100.0;
    let sign = if percent < 0.0 { '−' } else { '+' };
    match percent.abs() {
        // The difference itself has the sign.
        ..0.05 => "<0.1%".to_owned(),
        ..9.95 => format!("{sign}{:.1}%", percent.abs()),
        ..999.5 => format!("{sign}{:.0}%", percent.abs()),
        _ => format!("×{factor:.0}"),
    }
}

/// A difference of less than this share of the base is printed as `<0.1%`.
const AS_GOOD_AS_THE_SAME: f64 = 0.0005;

/// What a difference looks like. Its sign says the same.
pub(in crate::render) fn style_of(base: f64, new: f64) -> Style {
    // What is as good as the same alarms nobody.
    if (new - base).abs() < AS_GOOD_AS_THE_SAME * base.abs() {
        return style::FAINT;
    }
    match new.total_cmp(&base) {
        Ordering::Greater => style::MORE,
        Ordering::Less => style::LESS,
        Ordering::Equal => style::FAINT,
    }
}

fn plain(value: i64, is_bytes: bool) -> String {
    let sign = if value < 0 { "−" } else { "" };
    format!("{sign}{}", figure(value.unsigned_abs(), is_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_have_their_sign_and_unit() {
        let cases = [
            ((4096, 2048), true, "−2.0 KiB", "−50%"),
            ((2048, 4096), true, "+2.0 KiB", "+100%"),
            ((1000, 1001), false, "+1", "+0.1%"),
            ((100_000, 100_001), false, "+1", "<0.1%"),
            ((1000, 951), false, "−49", "−4.9%"),
            ((2, 50), false, "+48", "×25"),
            ((7, 7), false, "=", ""),
            ((0, 9), true, "+9 B", ""),
            ((9, 0), true, "−9 B", "−100%"),
        ];
        for (sides, is_bytes, difference, percent) in cases {
            let change = Change::of(sides, is_bytes);
            assert_eq!(
                (change.difference().as_str(), change.percent().as_str()),
                (difference, percent),
                "{sides:?}"
            );
        }
    }

    #[test]
    fn what_is_as_good_as_the_same_is_not_red() {
        assert_eq!(style_of(100_000.0, 100_001.0), style::FAINT);
        assert_eq!(style_of(7.0, 7.0), style::FAINT);
        assert_eq!((style_of(1000.0, 1001.0), style_of(1001.0, 1000.0)), (style::MORE, style::LESS));
        assert_eq!(style_of(0.0, 1.0), style::MORE);
    }

    #[test]
    fn a_side_below_zero_is_shown_as_it_is() {
        let change = Change { base: -2048, new: 1024, is_bytes: true };
        assert_eq!((change.base_text(), change.difference()), ("−2.0 KiB".to_owned(), "+3.0 KiB".to_owned()));
        assert_eq!(change.percent(), "");
    }
}

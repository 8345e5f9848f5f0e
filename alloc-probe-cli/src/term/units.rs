//! Figures for people: `1.5 MiB`, `12,345`, `3.2 s`, `4.1%`.

/// Bytes in the largest binary unit that leaves at least one before the point: `640 B`, `1.5 KiB`, `12.0 MiB`.
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    // 1023.95 would be printed as 1024.0.
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// A count with its digits in groups of three: `1,234,567`.
pub fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A count of something: `1 block`, `1,204 blocks`.
pub fn plural(figure: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(figure), if figure == 1 { "" } else { "s" })
}

/// A time in the largest unit that leaves at least one before the point: `87 ns`, `1.3 ms`, `12.0 s`, `3m 20s`.
pub fn duration(ns: u64) -> String {
    let value = ns as f64;
    match ns {
        0..1_000 => format!("{ns} ns"),
        1_000..999_950 => format!("{:.1} µs", value / 1e3),
        999_950..999_950_000 => format!("{:.1} ms", value / 1e6),
        999_950_000..120_000_000_000 => format!("{:.1} s", value / 1e9),
        _ => {
            let seconds = ns / 1_000_000_000;
            match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
                (0, minutes, seconds) => format!("{minutes}m {seconds:02}s"),
                (hours, minutes, _) => format!("{hours}h {minutes:02}m"),
            }
        }
    }
}

/// A part of a whole with one decimal: `41.3%`; `<0.1%` for what would round to nothing, `-` of nothing.
pub fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "-".to_owned();
    }
    let percent = part as f64 * 100.0 / whole as f64;
    if part > 0 && percent < 0.05 { "<0.1%".to_owned() } else { format!("{percent:.1}%") }
}

/// A figure in its unit: bytes, or a count of blocks.
pub fn figure(value: u64, is_bytes: bool) -> String {
    if is_bytes { bytes(value) } else { count(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_keep_three_or_four_digits() {
        let cases = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (1024 * 1024 - 1, "1.0 MiB"),
            (5 << 30, "5.0 GiB"),
            (u64::MAX, "16.0 EiB"),
        ];
        for (value, text) in cases {
            assert_eq!(bytes(value), text);
        }
    }

    #[test]
    fn counts_are_grouped_by_thousands() {
        let cases = [(0, "0"), (999, "999"), (1000, "1,000"), (123_456, "123,456"), (1_234_567, "1,234,567")];
        for (value, text) in cases {
            assert_eq!(count(value), text);
        }
    }

    #[test]
    fn durations_change_unit_without_a_thousand() {
        let cases = [
            (0, "0 ns"),
            (999, "999 ns"),
            (1_500, "1.5 µs"),
            (999_949, "999.9 µs"),
            (999_960, "1.0 ms"),
            (1_000_000_000, "1.0 s"),
            (119_000_000_000, "119.0 s"),
            (200_000_000_000, "3m 20s"),
            (7_500_000_000_000, "2h 05m"),
        ];
        for (value, text) in cases {
            assert_eq!(duration(value), text);
        }
    }

    #[test]
    fn percents_never_hide_what_there_is() {
        let cases =
            [((1, 3), "33.3%"), ((1, 100_000), "<0.1%"), ((0, 9), "0.0%"), ((0, 0), "-"), ((9, 9), "100.0%")];
        for ((part, whole), text) in cases {
            assert_eq!(percent(part, whole), text);
        }
    }
}

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

/// An instant, from nanoseconds since 1970, to the second: `2026-11-21 08:15:00 UTC`.
pub fn instant(unix_ns: u64) -> String {
    let seconds = unix_ns / 1_000_000_000;
    // Years start with March here, so that the day that comes and goes is the last. 400 of them have 146,097 days, and
    // the first of these spans started 719,468 days before 1970.
    let days = seconds / 86_400 + 719_468;
    let (span, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (year * 365 + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (day, month) = (day - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
    let year = span * 400 + year + u64::from(month <= 2);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

/// A part of a whole with one decimal: `41.3%`; `<0.1%` for what would round to nothing, `-` of nothing.
pub fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "-".to_owned();
    }
    let percent = part as f64 * 100.0 / whole as f64;
    if part > 0 && percent < 0.05 { "<0.1%".to_owned() } else { format!("{percent:.1}%") }
}

/// How often something is in a second: whole, or with the digits that tell rare things apart.
pub fn rate(per_second: f64) -> String {
    match per_second {
        99.95.. => count(per_second.round() as u64),
        10.0.. => format!("{per_second:.1}"),
        _ => {
            let text = format!("{per_second:.2}");
            text.strip_suffix('0').map_or(text.clone(), str::to_owned)
        }
    }
}

/// A figure in its unit: bytes, or a count of blocks.
pub fn figure(value: u64, is_bytes: bool) -> String {
    if is_bytes { bytes(value) } else { count(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_those_of_the_calendar() {
        let cases = [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_399, "2000-02-28 23:59:59 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (951_868_800, "2000-03-01 00:00:00 UTC"),
            (1_709_251_199, "2024-02-29 23:59:59 UTC"),
            (1_767_225_599, "2025-12-31 23:59:59 UTC"),
            (1_795_248_900, "2026-11-21 08:15:00 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(instant(seconds * 1_000_000_000 + 999_999_999), expected);
        }
    }

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
    fn rates_have_digits_where_there_are_few() {
        let cases =
            [(0.25, "0.25"), (1.5, "1.5"), (0.0, "0.0"), (12.345, "12.3"), (1234.5, "1,235"), (99.97, "100")];
        for (value, text) in cases {
            assert_eq!(rate(value), text);
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

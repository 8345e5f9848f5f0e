//! Dates, read and written with chrono. `dates COUNT`.

use alloc_probe::AllocProbe;
use alloc_probe_programs::{Logged, step};
use chrono::{DateTime, Datelike, Duration, NaiveDate, NaiveDateTime, Utc};
use std::collections::BTreeMap;

#[global_allocator]
static ALLOC: AllocProbe<Logged> = AllocProbe::new(Logged);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count: u64 = std::env::args().nth(1).ok_or("usage: dates COUNT")?.parse()?;
    let start = NaiveDate::from_ymd_opt(2024, 2, 27).ok_or("no such day")?;
    let mut by_week = BTreeMap::<u32, Vec<String>>::new();
    let mut failures = Vec::new();
    for number in 0..count {
        step(number);
        let day = start + Duration::days(number as i64 * 5);
        let text = day.format("%A, %-d %B %Y, day %j").to_string();
        step(number);
        by_week.entry(day.iso_week().week()).or_default().push(text);
        step(number);
        let time = format!("{day}T{:02}:{:02}:09", number % 26, number % 60);
        match NaiveDateTime::parse_from_str(&time, "%Y-%m-%dT%H:%M:%S") {
            Ok(time) => by_week
                .entry(99)
                .or_default()
                .push(DateTime::<Utc>::from_naive_utc_and_offset(time, Utc).to_rfc2822()),
            Err(error) => failures.push(error.to_string()),
        }
    }
    step(1 << 32);
    println!("{} weeks, {} failures", by_week.len(), failures.len());
    Ok(())
}

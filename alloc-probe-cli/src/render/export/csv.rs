//! The sites as a table, for spreadsheets and data frames: a row for each, with all of its figures.

use super::exporter::{Exporter, Options};
use crate::analyse::fold;
use crate::analyse::sites::shown;
use crate::profile::{Frame, Profile};
use crate::source::names;
use std::io::{self, Write};

/// The format.
#[derive(Debug)]
pub(super) struct Csv;

/// What stands before the figures.
const PLACE: [&str; 6] = ["function", "file", "line", "column", "stacks", "truncated"];

impl Exporter for Csv {
    fn name(&self) -> &'static str {
        "csv"
    }

    fn help(&self) -> &'static str {
        "a row for each site, with all figures"
    }

    fn write(&self, profile: &Profile, options: Options, out: &mut dyn Write) -> io::Result<()> {
        let mut table = csv::Writer::from_writer(out);
        let is_known =
            |(name, _): &(&str, u64)| !profile.dump.unknown_figures.iter().any(|unknown| unknown == name);
        let figures = profile.dump.totals.each().filter(is_known).map(|(name, _)| name);
        table.write_record(PLACE.into_iter().chain(figures).chain(["stack"]))?;
        let sites = shown(profile, options.metric, options.detail);
        for site in sites.iter() {
            let frames: Vec<&Frame> = site.frames().iter().map(|id| fold::frame(profile, *id)).collect();
            let head = fold::headline(&frames).map(|index| frames[index]);
            let number = |number: Option<u32>| number.map_or_else(String::new, |number| number.to_string());
            let place = [
                head.map_or_else(|| "(no stack)".to_owned(), |frame| names::display_name(&frame.function)),
                head.and_then(|frame| frame.file.clone()).unwrap_or_default(),
                number(head.and_then(|frame| frame.line)),
                number(head.and_then(|frame| frame.column)),
                site.members().len().to_string(),
                site.is_truncated().to_string(),
            ];
            let figures = site.figures();
            let figures = figures.each().filter(is_known).map(|(_, figure)| figure.to_string());
            // As in folded stacks: the outermost function first.
            let stack =
                frames.iter().rev().map(|frame| names::display_name(&frame.function).replace(';', ","));
            let stack = stack.collect::<Vec<String>>().join(";");
            table.write_record(place.into_iter().chain(figures).chain([stack]))?;
        }
        table.flush()
    }
}

//! Other tools' formats, one file for each. A new one implements [`Exporter`] and has a line in [`EXPORTERS`]: the command
//! `export`, its help and its tests take it from there.

mod csv;
mod dhat;
mod exporter;
mod firefox;
pub mod folded;
#[cfg(feature = "otlp")]
mod otlp;
mod pprof;
mod speedscope;

pub use exporter::{Difference, Exporter, Options};

/// The formats, in the order of the help.
pub const EXPORTERS: &[&dyn Exporter] = &[
    &pprof::Pprof,
    &dhat::Dhat,
    &speedscope::Speedscope,
    &firefox::Firefox,
    &folded::Folded,
    &csv::Csv,
    #[cfg(feature = "otlp")]
    &otlp::Otlp,
];

/// The exporter of a format.
pub fn exporter(name: &str) -> Option<&'static dyn Exporter> {
    EXPORTERS.iter().copied().find(|exporter| exporter.name() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_format_has_a_name_of_its_own() {
        for exporter in EXPORTERS {
            let found = super::exporter(exporter.name()).expect("it is listed");
            assert_eq!(found.help(), exporter.help());
        }
    }
}

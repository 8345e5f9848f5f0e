//! The figures by which sites are ordered, drawn and compared.
//!
//! The list at the end is the only place that knows which metrics there are.

use crate::dump::Figures;

macro_rules! metrics {
    ($($(#[$attribute:meta])* $metric:ident = $name:literal, $figure:ident, $meaning:literal;)+) => {
        /// One figure of a site. The names are those of the command line's `--by`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
        pub enum Metric {
            $($(#[$attribute])* $metric,)+
        }

        impl Metric {
            /// Every metric, in the order of the documentation.
            pub const ALL: &[Metric] = &[$(Metric::$metric),+];

            /// The name on the command line, such as `peak-bytes`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Metric::$metric => $name,)+
                }
            }

            /// What it means, in a few words.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Metric::$metric => $meaning,)+
                }
            }

            /// The metric's value among a site's or a process's figures.
            pub const fn of(self, figures: &Figures) -> u64 {
                match self {
                    $(Metric::$metric => figures.$figure,)+
                }
            }
        }
    };
}

metrics! {
    /// Bytes live at the instant of the process's peak.
    #[default]
    PeakBytes = "peak-bytes", peak_bytes, "bytes live at the peak";
    /// Blocks live at the instant of the process's peak (of bytes).
    PeakBlocks = "peak-blocks", peak_blocks, "blocks live at the peak";
    /// Bytes ever allocated.
    TotalBytes = "total-bytes", total_bytes, "bytes allocated in all";
    /// Blocks ever allocated.
    TotalBlocks = "total-blocks", total_blocks, "blocks allocated in all";
    /// Bytes live at the time of the dump.
    EndBytes = "end-bytes", end_bytes, "bytes live at the end";
    /// Blocks live at the time of the dump.
    EndBlocks = "end-blocks", end_blocks, "blocks live at the end";
    /// Bytes of the blocks that were live at the dump and older than the threshold.
    LongLivedBytes = "long-lived-bytes", long_lived_bytes, "long-lived bytes at the end";
    /// Blocks that were live at the dump and older than the threshold.
    LongLivedBlocks = "long-lived-blocks", long_lived_blocks, "long-lived blocks at the end";
    /// Blocks freed before the thread that allocated them allocated again.
    TemporaryBlocks = "temporary-blocks", temporary_blocks, "temporary blocks";
    /// Bytes live at the end, of sites that grow without end.
    Growth = "growth", growth_bytes, "bytes that grow without end";
}

impl Metric {
    /// Whether the figure counts bytes; otherwise it counts blocks.
    pub fn is_bytes(self) -> bool {
        self.name().ends_with("-bytes") || self == Metric::Growth
    }

    /// The name for people, as the title of a column: `long-lived bytes`.
    pub fn title(self) -> String {
        self.name().replacen("-bytes", " bytes", 1).replacen("-blocks", " blocks", 1)
    }

    /// The figure that a person wants to see beside this one: the blocks of bytes, and the bytes of blocks.
    pub fn companion(self) -> Metric {
        if self == Metric::Growth {
            return Metric::EndBlocks;
        }
        let what = self.name().rsplit_once('-').map_or("", |(what, _)| what);
        let is_companion = |other: &&Metric| {
            **other != self && other.name().rsplit_once('-').is_some_and(|(other, _)| other == what)
        };
        Metric::ALL.iter().find(is_companion).copied().unwrap_or(Metric::TotalBytes)
    }
}

impl std::str::FromStr for Metric {
    type Err = String;

    fn from_str(text: &str) -> Result<Metric, String> {
        Metric::ALL.iter().copied().find(|metric| metric.name() == text).ok_or_else(|| {
            let names: Vec<&str> = Metric::ALL.iter().map(|metric| metric.name()).collect();
            format!("no metric is called `{text}`; there are {}", names.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for metric in Metric::ALL {
            assert_eq!(metric.name().parse(), Ok(*metric));
        }
        assert!("peak_bytes".parse::<Metric>().is_err());
    }

    #[test]
    fn bytes_stand_beside_blocks() {
        let beside = |metric: Metric| (metric.title(), metric.companion());
        assert_eq!(beside(Metric::PeakBytes), ("peak bytes".to_owned(), Metric::PeakBlocks));
        assert_eq!(beside(Metric::LongLivedBlocks), ("long-lived blocks".to_owned(), Metric::LongLivedBytes));
        assert_eq!(beside(Metric::Growth), ("growth".to_owned(), Metric::EndBlocks));
        assert_eq!(beside(Metric::TemporaryBlocks), ("temporary blocks".to_owned(), Metric::TotalBytes));
    }
}

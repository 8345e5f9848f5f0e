//! The figures by which sites are ordered, drawn and compared.
//!
//! Which of the figures they are, the table in `site_figures.rs` says.

use crate::dump::{Dump, Figures};
use crate::site_figures::site_figures;

macro_rules! metrics {
    ($(#[doc = $meaning:literal] $name:ident [$($source:tt)+] $($metric:ident = $by:literal, $words:literal)?;)+) => {
        /// One figure of a site. The names are those of the command line's `--by`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Metric {
            $($(#[doc = $meaning] $metric,)?)+
            /// Bytes live at the end, of sites that grow without end: a verdict, which no file has.
            Growth,
        }

        impl Metric {
            /// Every metric, in the order of the table.
            pub const ALL: &[Metric] = &[$($(Metric::$metric,)?)+ Metric::Growth];

            /// The name on the command line, such as `peak-bytes`.
            pub const fn name(self) -> &'static str {
                match self {
                    $($(Metric::$metric => $by,)?)+
                    Metric::Growth => "growth",
                }
            }

            /// What it means, in a few words.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $($(Metric::$metric => $words,)?)+
                    Metric::Growth => "bytes that grow without end",
                }
            }

            /// The metric's value among a site's or a process's figures.
            pub const fn of(self, figures: &Figures) -> u64 {
                match self {
                    $($(Metric::$metric => figures.$name,)?)+
                    Metric::Growth => figures.growth_bytes,
                }
            }

            /// The same to be changed.
            pub const fn of_mut(self, figures: &mut Figures) -> &mut u64 {
                match self {
                    $($(Metric::$metric => &mut figures.$name,)?)+
                    Metric::Growth => &mut figures.growth_bytes,
                }
            }

            /// What the figure is called in dumps, such as `peak_bytes`.
            pub const fn figure(self) -> &'static str {
                match self {
                    $($(Metric::$metric => stringify!($name),)?)+
                    Metric::Growth => "growth_bytes",
                }
            }
        }
    };
}
site_figures!(metrics);

/// What people look for first.
impl Default for Metric {
    fn default() -> Metric {
        Metric::PeakBytes
    }
}

impl Metric {
    /// Whether a dump tells the figure: those of other tools may not.
    pub fn is_known(self, dump: &Dump) -> bool {
        !dump.unknown_figures.iter().any(|unknown| unknown == self.figure())
    }

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

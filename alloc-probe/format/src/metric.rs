//! The figures by which sites are ordered, drawn and compared.

use crate::dump::Figures;

/// One figure of a site. The names are those of the command line's `--by`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Metric {
    /// Bytes live at the instant of the process's peak.
    #[default]
    PeakBytes,
    /// Blocks live at the instant of the process's peak (of bytes).
    PeakBlocks,
    /// Bytes ever allocated.
    TotalBytes,
    /// Blocks ever allocated.
    TotalBlocks,
    /// Bytes live at the time of the dump.
    EndBytes,
    /// Blocks live at the time of the dump.
    EndBlocks,
    /// Bytes of the blocks that were live at the dump and older than the threshold.
    LongLivedBytes,
    /// Blocks that were live at the dump and older than the threshold.
    LongLivedBlocks,
    /// Blocks freed before the thread that allocated them allocated again.
    TemporaryBlocks,
}

impl Metric {
    /// Every metric, in the order of the documentation.
    pub const ALL: [Metric; 9] = [
        Metric::PeakBytes,
        Metric::PeakBlocks,
        Metric::TotalBytes,
        Metric::TotalBlocks,
        Metric::EndBytes,
        Metric::EndBlocks,
        Metric::LongLivedBytes,
        Metric::LongLivedBlocks,
        Metric::TemporaryBlocks,
    ];

    /// The name on the command line, such as `peak-bytes`.
    pub const fn name(self) -> &'static str {
        match self {
            Metric::PeakBytes => "peak-bytes",
            Metric::PeakBlocks => "peak-blocks",
            Metric::TotalBytes => "total-bytes",
            Metric::TotalBlocks => "total-blocks",
            Metric::EndBytes => "end-bytes",
            Metric::EndBlocks => "end-blocks",
            Metric::LongLivedBytes => "long-lived-bytes",
            Metric::LongLivedBlocks => "long-lived-blocks",
            Metric::TemporaryBlocks => "temporary-blocks",
        }
    }

    /// Whether the figure counts bytes; otherwise it counts blocks.
    pub const fn is_bytes(self) -> bool {
        matches!(self, Metric::PeakBytes | Metric::TotalBytes | Metric::EndBytes | Metric::LongLivedBytes)
    }

    /// The metric's value among a site's or a process's figures.
    pub const fn of(self, figures: &Figures) -> u64 {
        match self {
            Metric::PeakBytes => figures.peak_bytes,
            Metric::PeakBlocks => figures.peak_blocks,
            Metric::TotalBytes => figures.total_bytes,
            Metric::TotalBlocks => figures.total_blocks,
            Metric::EndBytes => figures.end_bytes,
            Metric::EndBlocks => figures.end_blocks,
            Metric::LongLivedBytes => figures.long_lived_bytes,
            Metric::LongLivedBlocks => figures.long_lived_blocks,
            Metric::TemporaryBlocks => figures.temporary_blocks,
        }
    }
}

impl std::str::FromStr for Metric {
    type Err = String;

    fn from_str(text: &str) -> Result<Metric, String> {
        Metric::ALL.into_iter().find(|metric| metric.name() == text).ok_or_else(|| {
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
            assert_eq!(metric.name().parse(), Ok(metric));
        }
        assert!("peak_bytes".parse::<Metric>().is_err());
    }
}

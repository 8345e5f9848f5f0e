//! The figures of a site, in one table. What a file holds of them follows from it: their keys in the spool, their fields
//! in the dump, how a snapshot reads them, and the metrics of the command line.

/// Hands the rows to a macro. A row is
///
/// ```text
/// /// What it means.
/// name [source] Metric = "metric-name", "a few words";
/// ```
///
/// The name is the one in dumps and in JSON. Where there is a metric, `--by` takes it by its name. The source is one of
///
/// * `counted`: words of every counter, exact in every mode
/// * `tally KEY = number`: a tally with this key. The probe adds to it by that name. A number that was given stays as it is
/// * `tally KEY = number, counted`: and the threads count it too, exactly in every mode
/// * `lifetimes`, `live`: the sum of the lifetimes; the blocks that are live at the dump
macro_rules! site_figures {
    ($with:ident) => {
        $with! {
            /// Bytes ever allocated.
            total_bytes [counted] TotalBytes = "total-bytes", "bytes allocated in all";
            /// Blocks ever allocated.
            total_blocks [counted] TotalBlocks = "total-blocks", "blocks allocated in all";
            /// Bytes live at the instant of the process's peak.
            peak_bytes [counted] PeakBytes = "peak-bytes", "bytes live at the peak";
            /// Blocks live at the instant of the process's peak of bytes.
            peak_blocks [counted] PeakBlocks = "peak-blocks", "blocks live at the peak";
            /// Bytes live when the dump was taken.
            end_bytes [counted] EndBytes = "end-bytes", "bytes live at the end";
            /// Blocks live when the dump was taken.
            end_blocks [counted] EndBlocks = "end-blocks", "blocks live at the end";
            /// Bytes of those live blocks that were at least as old as the threshold.
            long_lived_bytes [live] LongLivedBytes = "long-lived-bytes", "long-lived bytes at the end";
            /// Live blocks at least as old as the threshold.
            long_lived_blocks [live] LongLivedBlocks = "long-lived-blocks", "long-lived blocks at the end";
            /// Blocks freed before the thread that allocated them allocated again.
            temporary_blocks [tally TEMPORARY = 133] TemporaryBlocks = "temporary-blocks", "temporary blocks";
            /// Blocks that came from a `realloc`.
            realloc_calls [tally REALLOC = 130, counted];
            /// Of these, the ones that got another address.
            realloc_moves [tally MOVED = 131];
            /// Bytes that had to be copied for it: the smaller of the old and the new size, for each move.
            moved_bytes [tally MOVED_BYTES = 132];
            /// The lifetimes of all blocks that have ended (freed, or replaced by a `realloc`), added up.
            lifetime_sum_ns [lifetimes];
        }
    };
}

pub(crate) use site_figures;

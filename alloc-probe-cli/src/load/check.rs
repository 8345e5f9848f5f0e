//! Whether a dump holds together. What is checked here, later stages rely on.

use super::refusal::Refusal;
use crate::units::count;
use alloc_probe_format::dump::{Dump, FrameKind, Histogram, SymbolFrame, Symbols};

/// All sites' stacks together, in frames, for which memory is had whatever the file.
const MAX_FRAMES: u64 = 1 << 28;
/// A larger file may have more: so many for each of its rows and sites. A parser that recurses, in a debug build, has stacks of
/// two hundred frames at each of millions of sites. What has a thousand times as many frames as rows was made to fill memory.
const MAX_FRAMES_EACH: u64 = 64;

/// Buckets of histograms are powers of two of a 64-bit figure, and one below.
const MAX_BUCKET: u8 = 64;

/// Refuses a dump whose parts do not fit together.
pub(super) fn check(dump: &Dump) -> Result<(), Refusal> {
    let depths = stack_depths(dump)?;
    let mut frames = 0;
    for (index, site) in dump.sites.iter().enumerate() {
        let Some(depth) = depths.get(site.stack as usize) else {
            return damaged(format_args!("site {index} refers to stack {}, which is missing", site.stack));
        };
        frames += u64::from(*depth);
        if [&site.sizes, &site.lifetimes, &site.ages].into_iter().any(has_bad_bucket) {
            return damaged(format_args!("site {index} has a histogram with a bucket beyond {MAX_BUCKET}"));
        }
    }
    for failure in &dump.failures.last {
        let Some(depth) = depths.get(failure.stack as usize) else {
            return damaged(format_args!(
                "a failed allocation refers to stack {}, which is missing",
                failure.stack
            ));
        };
        frames += u64::from(*depth);
    }
    for thread in &dump.threads {
        let Some(depth) = depths.get(thread.deepest_stack as usize) else {
            return damaged(format_args!(
                "a thread refers to stack {}, which is missing",
                thread.deepest_stack
            ));
        };
        frames += u64::from(*depth);
    }
    let parts = (dump.stacks.len() + dump.sites.len()) as u64;
    if frames > MAX_FRAMES.max(parts.saturating_mul(MAX_FRAMES_EACH)) {
        return Err(Refusal::new(format_args!(
            "its stacks have {} frames in all, more than this tool reads",
            count(frames)
        )));
    }
    dump.symbols.as_ref().map_or(Ok(()), |symbols| check_symbols(symbols, dump))
}

/// The depth of each row of the tree of stacks, whose rows refer to earlier ones only.
fn stack_depths(dump: &Dump) -> Result<Vec<u32>, Refusal> {
    let mut depths: Vec<u32> = Vec::with_capacity(dump.stacks.len());
    for (index, node) in dump.stacks.iter().enumerate() {
        if (node.kind == FrameKind::Root) != (index == 0) {
            return damaged("the first row of its stacks, and only that, must be the root");
        }
        let depth = match depths.get(node.parent as usize) {
            _ if index == 0 => 0,
            Some(parent) => parent.saturating_add(1),
            None => return damaged(format_args!("row {index} of its stacks comes before its caller's")),
        };
        if node.image.is_some_and(|image| image as usize >= dump.images.len()) {
            return damaged(format_args!("row {index} of its stacks lies in an image that is not listed"));
        }
        depths.push(depth);
    }
    if depths.is_empty() {
        return damaged("its stacks have no root");
    }
    Ok(depths)
}

fn has_bad_bucket(histogram: &Histogram) -> bool {
    histogram.iter().any(|(bucket, _)| *bucket > MAX_BUCKET)
}

fn check_symbols(symbols: &Symbols, dump: &Dump) -> Result<(), Refusal> {
    let rows = dump.stacks.len();
    if symbols.frames.len() != rows {
        return damaged(format_args!("it has symbols for {} rows of {rows}", symbols.frames.len()));
    }
    if !symbols.guessed.is_sorted() {
        return damaged("the names that its symbols guessed are out of order");
    }
    if !symbols.merged.is_sorted_by(|one, next| one.shown < next.shown) {
        return damaged("the functions that its symbols have as merged are out of order");
    }
    if symbols.missing.iter().any(|missing| missing.image as usize >= dump.images.len()) {
        return damaged("its symbols are missing for an image that is not listed");
    }
    if !symbols.tail_calls.is_sorted_by(|one, next| one.row < next.row)
        || symbols.tail_calls.last().is_some_and(|last| last.row as usize >= rows)
    {
        return damaged("its symbols have tail calls of rows that are out of order");
    }
    let known = |string: u32| (string as usize) < symbols.strings.len();
    let lost = symbols.tail_calls.iter().map(|lost| &lost.frames);
    let is_sound = |frame: &SymbolFrame| known(frame.function) && frame.file.is_none_or(known);
    let mut merged = symbols.merged.iter();
    let are_merged_known = merged.all(|it| known(it.shown) && it.others.iter().all(|other| known(*other)));
    if symbols.frames.runs().iter().flatten().all(is_sound)
        && lost.flatten().all(is_sound)
        && are_merged_known
    {
        Ok(())
    } else {
        damaged("its symbols refer to a string that is missing")
    }
}

fn damaged<T>(reason: impl std::fmt::Display) -> Result<T, Refusal> {
    Err(Refusal::new(format_args!("the file is damaged: {reason}")))
}

//! What every dump must satisfy, whatever the program: its parts agree with each other.

use crate::faults::Faults;
use alloc_probe_format::dump::{
    Dump, FORMAT, Figures, FrameKind, Heap, Histogram, Mode, Site, SitePages, VERSION,
};
use std::collections::HashSet;

/// Finds every disagreement within a dump.
pub(crate) fn check(dump: &Dump, faults: &mut Faults) {
    faults.equal("format", dump.format.as_str(), FORMAT);
    faults.equal("version", dump.version, VERSION);
    plausible("totals", &dump.totals, faults);
    stack_tree(dump, faults);
    sites(dump, faults);
    threads(dump, faults);
    timeline(dump, faults);
    memory(dump, faults);
    nothing_lost(dump, faults);
}

/// What holds between the figures of a process, and of a site.
fn plausible(of: &str, figures: &Figures, faults: &mut Faults) {
    let Figures { total_blocks, end_blocks, .. } = *figures;
    let not_above = [
        ("peak bytes", figures.peak_bytes, "total", figures.total_bytes),
        ("end bytes", figures.end_bytes, "total", figures.total_bytes),
        ("peak blocks", figures.peak_blocks, "total", total_blocks),
        ("end blocks", end_blocks, "total", total_blocks),
        ("long-lived bytes", figures.long_lived_bytes, "end", figures.end_bytes),
        ("long-lived blocks", figures.long_lived_blocks, "end", end_blocks),
        ("temporary blocks", figures.temporary_blocks, "freed", figures.freed_blocks()),
        ("realloc calls", figures.realloc_calls, "total", total_blocks),
        ("realloc moves", figures.realloc_moves, "calls", figures.realloc_calls),
    ];
    for (name, figure, bound_name, bound) in not_above {
        let above = format_args!("{of}: {figure} {name} are more than {bound} ({bound_name})");
        faults.check(figure <= bound, above);
    }
    for (kind, bytes, blocks) in [
        ("total", figures.total_bytes, total_blocks),
        ("peak", figures.peak_bytes, figures.peak_blocks),
        ("end", figures.end_bytes, end_blocks),
        ("long-lived", figures.long_lived_bytes, figures.long_lived_blocks),
    ] {
        // A block has at least one byte.
        faults.check(bytes >= blocks, format_args!("{of}: {kind}: {bytes} bytes in {blocks} blocks"));
    }
}

fn stack_tree(dump: &Dump, faults: &mut Faults) {
    let mut rows = HashSet::new();
    for (row, node) in dump.stacks.iter().enumerate() {
        faults.equal(format_args!("row {row} is the root"), node.kind == FrameKind::Root, row == 0);
        faults.check(
            row == 0 || (node.parent as usize) < row,
            format_args!("row {row} comes before its parent"),
        );
        let known = node.image.is_none_or(|image| (image as usize) < dump.images.len());
        faults.check(known, format_args!("row {row} lies in image {:?}", node.image));
        let new = rows.insert((node.parent, node.image, node.address, node.kind as u8));
        faults.check(new, format_args!("row {row} is there twice"));
    }
    let mut stacks = HashSet::new();
    for site in &dump.sites {
        faults.check((site.stack as usize) < dump.stacks.len(), format_args!("no row {}", site.stack));
        faults
            .check(stacks.insert(site.stack), format_args!("two sites with the stack of row {}", site.stack));
    }
    for image in &dump.images {
        let hex = image.build_id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        faults.check(hex, format_args!("build id `{}`", image.build_id));
    }
}

fn sites(dump: &Dump, faults: &mut Faults) {
    if dump.mode != Mode::Full {
        faults.equal("number of sites", dump.sites.len(), 0);
        return;
    }
    let mut sum = Figures::default();
    for site in &dump.sites {
        let name = format!("site of row {}", site.stack);
        sum.add(&site.figures);
        plausible(&name, &site.figures, faults);
        histograms(&name, site, dump.clock.unit_ns, faults);
    }
    faults.equal("sum of the sites", sum, dump.totals);
}

fn histograms(of: &str, site: &Site, unit_ns: f64, faults: &mut Faults) {
    let Figures { total_blocks, total_bytes, end_blocks, .. } = site.figures;
    for (name, histogram, blocks) in [
        ("sizes", &site.sizes, total_blocks),
        ("lifetimes", &site.lifetimes, site.figures.freed_blocks()),
        ("ages", &site.ages, end_blocks),
    ] {
        let sum = histogram.iter().map(|(_, count)| count).sum::<u64>();
        faults.equal(format_args!("{of}: sum of the {name}"), sum, blocks);
        let ascending = histogram.windows(2).all(|pair| pair[0].0 < pair[1].0);
        faults.check(ascending, format_args!("{of}: the {name} are not in order"));
        faults.check(
            histogram.iter().all(|(_, count)| *count > 0),
            format_args!("{of}: an empty bucket of {name}"),
        );
    }
    // Bucket b of the sizes starts at 2^b bytes, and ends before 2^(b+1).
    let least = bound(&site.sizes, |bucket| 2_f64.powi(bucket));
    let most = bound(&site.sizes, |bucket| 2_f64.powi(bucket + 1) - 1.0);
    let within = (least..=most).contains(&(total_bytes as f64));
    faults.check(within, format_args!("{of}: {total_bytes} bytes, but {:?}", site.sizes));
    // Bucket b of the lifetimes starts at 2^(b−1) units, and ends before 2^b; bucket 0 starts at 0. A unit for
    // each block, and one per cent, for the rounding of the clock's unit.
    let least = bound(&site.lifetimes, |bucket| if bucket == 0 { 0.0 } else { 2_f64.powi(bucket - 1) });
    let most = bound(&site.lifetimes, |bucket| 2_f64.powi(bucket) + 1.0);
    let units = site.figures.lifetime_sum_ns as f64 / unit_ns;
    let within = (least * 0.99 - site.figures.freed_blocks() as f64..=most * 1.01).contains(&units);
    faults.check(within, format_args!("{of}: {units} units of lifetime, but {:?}", site.lifetimes));
}

/// The sum over a histogram of each block's bound.
fn bound(histogram: &Histogram, bound: impl Fn(i32) -> f64) -> f64 {
    histogram.iter().map(|(bucket, count)| bound(i32::from(*bucket)) * *count as f64).sum()
}

fn threads(dump: &Dump, faults: &mut Faults) {
    let sum =
        |figure: fn(&alloc_probe_format::dump::Thread) -> u64| dump.threads.iter().map(figure).sum::<u64>();
    faults.equal("bytes of the threads", sum(|thread| thread.total_bytes), dump.totals.total_bytes);
    faults.equal("blocks of the threads", sum(|thread| thread.total_blocks), dump.totals.total_blocks);
    faults.equal("reallocs of the threads", sum(|thread| thread.realloc_calls), dump.totals.realloc_calls);
    let live = dump.totals.total_bytes - dump.totals.end_bytes;
    faults.equal("bytes freed by the threads", sum(|thread| thread.freed_bytes), live);
    faults.equal(
        "blocks freed by the threads",
        sum(|thread| thread.freed_blocks),
        dump.totals.freed_blocks(),
    );
    for thread in &dump.threads {
        let name = &thread.name;
        faults.check(thread.threads >= 1, format_args!("a row `{name}` for no thread"));
        faults.check(
            thread.tid.is_none() || thread.threads == 1,
            format_args!("`{name}` is several threads of one id"),
        );
        faults.check(
            thread.peak_bytes <= thread.total_bytes,
            format_args!("`{name}`'s peak is above its total"),
        );
        faults.check(name.len() <= 15, format_args!("`{name}` is longer than a thread's name can be"));
    }
}

fn timeline(dump: &Dump, faults: &mut Faults) {
    let timeline = &dump.timeline;
    faults.check(timeline.interval_ns > 0, "the timeline has no interval");
    faults.check(!timeline.samples.is_empty(), "the timeline is empty");
    for pair in timeline.samples.windows(2) {
        let forward = pair[0].time_ns < pair[1].time_ns
            && pair[0].total_bytes <= pair[1].total_bytes
            && pair[0].total_blocks <= pair[1].total_blocks;
        faults.check(forward, format_args!("the timeline goes back: {pair:?}"));
    }
    // With several threads, a sample is taken while the others go on, and is no instant's.
    let alone = dump.threads.iter().map(|thread| thread.threads).sum::<u64>() == 1;
    for sample in &timeline.samples {
        let within = sample.time_ns <= dump.process.duration_ns
            && sample.total_blocks <= dump.totals.total_blocks
            && (!alone || sample.live_bytes <= dump.totals.peak_bytes)
            && sample.live_blocks <= sample.total_blocks;
        faults.check(within, format_args!("beyond the totals: {sample:?}"));
    }
    let in_time = dump.peak_time_ns <= dump.process.duration_ns;
    faults.check(in_time, format_args!("the peak came at {} ns, after the end", dump.peak_time_ns));
}

fn memory(dump: &Dump, faults: &mut Faults) {
    let memory = &dump.memory;
    faults.check(memory.rss_bytes > 0, "nothing is resident");
    faults.check(memory.threads >= 1, "no thread is alive");
    let sum = memory.categories.iter().map(|category| category.bytes).sum::<u64>();
    faults.equal("resident bytes of all categories", sum, memory.rss_bytes);
    heap(dump, faults);
    // The probe takes no memory of the program's for its own. It may use a little more while it looks.
    let own = dump.probe.spool_bytes + dump.probe.private_bytes;
    for category in memory.categories.iter().filter(|category| category.name == "probe") {
        let within = category.bytes <= own + (1 << 20);
        faults.check(
            within,
            format_args!("the probe has {own} bytes, but {} of them are resident", category.bytes),
        );
    }
}

/// What the heap's pages hold is what is live.
fn heap(dump: &Dump, faults: &mut Faults) {
    faults.equal("whether the heap is known", dump.memory.heap.is_some(), dump.mode == Mode::Full);
    let Some(heap) = &dump.memory.heap else { return };
    heap_parts(dump, heap, faults);
    let live = heap.live_bytes + heap.untouched_bytes + heap.swapped_bytes;
    faults.equal("live bytes of the heap", live, dump.totals.end_bytes);
}

/// Every resident byte of the heap is in one figure, and the sites have their parts, whatever threads did meanwhile.
pub(crate) fn heap_parts(dump: &Dump, heap: &Heap, faults: &mut Faults) {
    let parts = [
        heap.live_bytes,
        heap.slack_bytes,
        heap.fragmented_bytes,
        heap.retained_bytes,
        heap.other_bytes,
        heap.metadata_bytes,
        heap.unknown_bytes,
    ];
    faults.equal("parts of the heap", parts.iter().sum(), heap.resident_bytes);
    let mut pages = SitePages::default();
    dump.sites.iter().for_each(|site| pages.add(&site.pages));
    faults.equal("slack of sites", pages.slack_bytes, heap.slack_bytes);
    faults.equal("untouched bytes of sites", pages.untouched_bytes, heap.untouched_bytes);
    // Some of it is on pages that hold blocks of C's alone.
    let within = pages.fragmented_bytes <= heap.fragmented_bytes;
    faults.check(within, format_args!("{pages:?} of {heap:?}"));
    let of_name = |name: &str| {
        let of_name = dump.memory.categories.iter().filter(|category| category.name == name);
        of_name.map(|category| category.bytes).sum::<u64>()
    };
    let anonymous = of_name("heap") + of_name("anonymous");
    // Threads that go on take more between the two looks.
    let within = heap.resident_bytes <= anonymous + (8 << 20);
    faults.check(within, format_args!("{heap:?} is more than {anonymous}"));
}

fn nothing_lost(dump: &Dump, faults: &mut Faults) {
    faults.equal("lost", dump.lost.clone(), Default::default());
    for (row, node) in dump.stacks.iter().enumerate() {
        faults.check(node.kind != FrameKind::Cut, format_args!("row {row}: frames were left out"));
    }
}

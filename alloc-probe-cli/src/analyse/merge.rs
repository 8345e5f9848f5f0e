//! Several dumps as one: replicas of a service, or the processes of a test suite.
//!
//! Dumps are added one after the other, so only what they have in common is kept: the tree of all their stacks, the sums
//! of their sites, and a line for each of them.

use alloc_probe_format::dump::{
    Dump, FrameKind, Image, Lost, MergedFunctions, MissingImage, Operation, Site, Source, StackNode,
    SymbolFrame, Symbols, TailCalls,
};
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Different notes that are kept: dumps of one program have the same few.
const MAX_NOTES: usize = 64;

/// Failed allocations that are kept, as in a dump of the probe.
const MAX_FAILURES: usize = 16;

/// Dumps, added up so far.
#[derive(Default)]
pub struct Merger {
    /// The sum of all that has no stack.
    sum: Option<Dump>,
    images: Vec<Image>,
    operations: Vec<Operation>,
    image_numbers: HashMap<(String, String, String), u32>,
    strings: Vec<String>,
    string_numbers: HashMap<String, u32>,
    guessed: BTreeSet<u32>,
    merged: BTreeMap<u32, BTreeSet<u32>>,
    rows: Vec<Row>,
    row_numbers: FxHashMap<Key, u32>,
    sites: Vec<Site>,
    site_numbers: FxHashMap<u32, usize>,
    missing: BTreeMap<u32, String>,
    notes: BTreeSet<String>,
    /// Whether lives and ages are counted in one unit.
    has_one_clock: bool,
}

/// A row of the stacks, with what it stands for.
struct Row {
    node: StackNode,
    frames: Vec<SymbolFrame>,
    tail_calls: Vec<SymbolFrame>,
}

/// What makes a row the same call in two dumps. Where its file is known for sure, that is its address; otherwise its names,
/// as addresses differ from run to run.
#[derive(PartialEq, Eq, Hash)]
struct Key {
    parent: u32,
    image: Option<u32>,
    address: u64,
    kind: u8,
    frames: Vec<SymbolFrame>,
}

impl Merger {
    /// Adds a sound dump, which was at a path.
    ///
    /// # Errors
    ///
    /// Where its figures mean something else than those before: a clause that says what.
    pub fn add(&mut self, mut dump: Dump, path: &str) -> Result<(), String> {
        if let Some(difference) = self.sum.as_ref().and_then(|sum| difference(sum, &dump)) {
            return Err(difference);
        }
        if dump.sources.is_empty() {
            dump.sources = vec![source(&dump, path)];
        }
        let images: Vec<u32> =
            std::mem::take(&mut dump.images).into_iter().map(|image| self.image(image)).collect();
        let operations: Vec<u32> =
            std::mem::take(&mut dump.operations).into_iter().map(|added| self.operation(added)).collect();
        let rows = self.stacks(&mut dump, &images, &operations);
        let row = |row: u32| rows[row as usize];
        for mut site in std::mem::take(&mut dump.sites) {
            site.stack = row(site.stack);
            let next = self.sites.len();
            match *self.site_numbers.entry(site.stack).or_insert(next) {
                number if number == next => self.sites.push(site),
                number => self.sites[number].absorb(&site),
            }
        }
        dump.failures.last.iter_mut().for_each(|failure| failure.stack = row(failure.stack));
        for thread in &mut dump.threads {
            (thread.tid, thread.deepest_stack) = (None, row(thread.deepest_stack));
        }
        let room = MAX_NOTES.saturating_sub(self.notes.len());
        self.notes.extend(std::mem::take(&mut dump.lost.notes).into_iter().take(room));
        // What only one process has.
        (dump.timeline, dump.memory) = Default::default();
        match &mut self.sum {
            None => {
                self.has_one_clock = true;
                self.sum = Some(dump);
            }
            Some(sum) => {
                self.has_one_clock &= sum.clock == dump.clock;
                add(sum, dump);
            }
        }
        Ok(())
    }

    fn image(&mut self, image: Image) -> u32 {
        let key = (image.path.clone(), image.build_id.clone(), image.text_hash.clone());
        let next = self.images.len() as u32;
        let number = *self.image_numbers.entry(key).or_insert(next);
        if number == next {
            self.images.push(image);
        }
        number
    }

    /// The number of an operation of a dump, which is added to that of its name.
    fn operation(&mut self, added: Operation) -> u32 {
        let known = self.operations.iter().position(|known| known.name == added.name);
        match known {
            Some(number) => add_operation(&mut self.operations[number], added),
            None => self.operations.push(added),
        }
        known.unwrap_or(self.operations.len() - 1) as u32
    }

    /// The number of a text of a dump, which has it under another.
    fn string(&mut self, text: &str) -> u32 {
        if let Some(number) = self.string_numbers.get(text) {
            return *number;
        }
        let number = self.strings.len() as u32;
        self.strings.push(text.to_owned());
        self.string_numbers.insert(text.to_owned(), number);
        number
    }

    /// The rows of all dumps that those of one are.
    fn stacks(&mut self, dump: &mut Dump, images: &[u32], operations: &[u32]) -> Vec<u32> {
        let symbols = dump.symbols.take();
        let Symbols { strings, frames, guessed, merged, tail_calls, missing } = symbols.unwrap_or_default();
        let strings: Vec<u32> = strings.iter().map(|text| self.string(text)).collect();
        self.guessed.extend(guessed.iter().filter_map(|string| strings.get(*string as usize)));
        for MergedFunctions { shown, others } in merged {
            let known = self.merged.entry(strings[shown as usize]).or_default();
            known.extend(others.iter().map(|other| strings[*other as usize]));
        }
        for MissingImage { image, reason } in missing {
            self.missing.entry(images[image as usize]).or_insert(reason);
        }
        let renumber = |frames: &mut Vec<SymbolFrame>| {
            for frame in frames {
                frame.function = strings[frame.function as usize];
                frame.file = frame.file.map(|file| strings[file as usize]);
            }
        };
        let mut tail_calls: FxHashMap<u32, Vec<SymbolFrame>> =
            tail_calls.into_iter().map(|TailCalls { row, frames }| (row, frames)).collect();
        let mut rows: Vec<u32> = Vec::new();
        for (index, mut node) in std::mem::take(&mut dump.stacks).into_iter().enumerate() {
            if node.kind == FrameKind::Operation {
                // One that is not listed is listed nowhere.
                let number = usize::try_from(node.address).ok().and_then(|number| operations.get(number));
                node.address = number.map_or(u64::MAX, |number| u64::from(*number));
            }
            let mut frames = frames.get(index).map(<[_]>::to_vec).unwrap_or_default();
            let mut tail_calls = tail_calls.remove(&(index as u32)).unwrap_or_default();
            renumber(&mut frames);
            renumber(&mut tail_calls);
            let parent = if index == 0 { 0 } else { rows[node.parent as usize] };
            let image = node.image.map(|image| images[image as usize]);
            let is_sure = image.is_some_and(|image| {
                let image = &self.images[image as usize];
                !image.build_id.is_empty() || !image.text_hash.is_empty()
            });
            let by_name = !is_sure && !frames.is_empty();
            let key = Key {
                parent,
                image,
                address: if by_name { 0 } else { node.address },
                kind: node.kind as u8,
                frames: if by_name { frames.clone() } else { Vec::new() },
            };
            let next = self.rows.len() as u32;
            let number = *self.row_numbers.entry(key).or_insert(next);
            if number == next {
                let node = StackNode { parent, image, ..node };
                self.rows.push(Row { node, frames, tail_calls });
            } else if let Some(known) =
                self.rows.get_mut(number as usize).filter(|known| known.frames.is_empty())
            {
                (known.frames, known.tail_calls) = (frames, tail_calls);
            }
            rows.push(number);
        }
        rows
    }

    /// How many dumps there are in it.
    pub fn sources(&self) -> usize {
        self.sum.as_ref().map_or(0, |sum| sum.sources.len())
    }

    /// The sum of all that were added; none where none was.
    pub fn finish(self) -> Option<Dump> {
        let mut sum = self.sum?;
        let mut missing = self.missing;
        for row in self.rows.iter().filter(|row| row.frames.is_empty()) {
            if let Some(image) = row.node.image {
                missing.entry(image).or_insert_with(|| "a dump carried no symbols of it".to_owned());
            }
        }
        let has_names = self.rows.iter().any(|row| !row.frames.is_empty());
        let tail_calls = self.rows.iter().enumerate().filter(|(_, row)| !row.tail_calls.is_empty());
        let tail_calls =
            tail_calls.map(|(row, tail)| TailCalls { row: row as u32, frames: tail.tail_calls.clone() });
        let tail_calls = tail_calls.collect();
        let frames = self.rows.iter().map(|row| &row.frames).collect();
        let nodes = self.rows.into_iter().map(|row| row.node).collect();
        sum.symbols = has_names.then(|| Symbols {
            strings: self.strings,
            frames,
            guessed: self.guessed.into_iter().collect(),
            merged: MergedFunctions::list(self.merged),
            tail_calls,
            missing: missing.into_iter().map(|(image, reason)| MissingImage { image, reason }).collect(),
        });
        sum.images = self.images;
        sum.operations = self.operations;
        sum.stacks = nodes;
        sum.sites = self.sites;
        let mut notes = self.notes;
        if !self.has_one_clock {
            for site in &mut sum.sites {
                (site.lifetimes, site.ages) = Default::default();
            }
            notes.insert("the dumps count time in different units, so the lives and ages of single blocks are left out".into());
        }
        sum.lost.notes = notes.into_iter().collect();
        Some(sum)
    }
}

/// What is kept of a dump by itself.
fn source(dump: &Dump, path: &str) -> Source {
    Source {
        path: path.to_owned(),
        pid: dump.process.pid,
        executable: dump.process.executable.clone(),
        duration_ns: dump.process.duration_ns,
        rss_bytes: dump.memory.rss_bytes,
        peak_rss_bytes: dump.memory.peak_rss_bytes,
        totals: dump.totals,
    }
}

/// What keeps two dumps from being added.
fn difference(sum: &Dump, dump: &Dump) -> Option<String> {
    let recorder = |dump: &Dump| dump.recorded_by.clone().unwrap_or_else(|| "alloc-probe".to_owned());
    if sum.recorded_by != dump.recorded_by {
        return Some(format!("it was recorded by {}, and those before by {}", recorder(dump), recorder(sum)));
    }
    if sum.mode != dump.mode {
        let mode = |dump: &Dump| format!("{:?}", dump.mode).to_lowercase();
        return Some(format!(
            "it was recorded in mode `{}`, and those before in `{}`",
            mode(dump),
            mode(sum)
        ));
    }
    if sum.sample_bytes != dump.sample_bytes {
        return Some("it was sampled at another rate than those before".to_owned());
    }
    if sum.unknown_figures != dump.unknown_figures {
        return Some("it does not tell the same figures as those before".to_owned());
    }
    if sum.long_lived_threshold_ns != dump.long_lived_threshold_ns {
        return Some("its long-lived threshold is not that of those before".to_owned());
    }
    None
}

/// Adds all that has no stack.
fn add(sum: &mut Dump, dump: Dump) {
    sum.totals.add(&dump.totals);
    sum.sources.extend(dump.sources);
    let (process, other) = (&mut sum.process, dump.process);
    process.start_unix_ns = process.start_unix_ns.min(other.start_unix_ns);
    process.end_unix_ns = process.end_unix_ns.max(other.end_unix_ns);
    process.duration_ns = process.duration_ns.max(other.duration_ns);
    process.from_spool |= other.from_spool;
    // What they do not have in common is nobody's.
    if process.executable != other.executable {
        process.executable.clear();
    }
    if process.command != other.command {
        process.command.clear();
    }
    (process.pid, process.signal) = (0, None);
    if sum.build != dump.build {
        let mut build = std::mem::take(&mut sum.build);
        for (mine, theirs) in [
            (&mut build.crate_name, &dump.build.crate_name),
            (&mut build.crate_version, &dump.build.crate_version),
            (&mut build.opt_level, &dump.build.opt_level),
            (&mut build.panic, &dump.build.panic),
            (&mut build.rustc, &dump.build.rustc),
            (&mut build.target, &dump.build.target),
            (&mut build.allocator, &dump.build.allocator),
            (&mut build.alloc_probe, &dump.build.alloc_probe),
        ] {
            if mine != theirs {
                mine.clear();
            }
        }
        sum.build = build;
    }
    // There is no one peak, and so no time of it.
    sum.peak_time_ns = 0;
    for thread in dump.threads {
        match sum.threads.iter_mut().find(|known| known.name == thread.name) {
            Some(known) => {
                known.threads += thread.threads;
                known.total_bytes = known.total_bytes.saturating_add(thread.total_bytes);
                known.total_blocks = known.total_blocks.saturating_add(thread.total_blocks);
                known.freed_bytes = known.freed_bytes.saturating_add(thread.freed_bytes);
                known.freed_blocks = known.freed_blocks.saturating_add(thread.freed_blocks);
                known.realloc_calls = known.realloc_calls.saturating_add(thread.realloc_calls);
                if thread.peak_bytes > known.peak_bytes {
                    (known.peak_bytes, known.peak_blocks) = (thread.peak_bytes, thread.peak_blocks);
                }
                known.stack_bytes = known.stack_bytes.max(thread.stack_bytes);
                known.stack_limit_bytes = known.stack_limit_bytes.max(thread.stack_limit_bytes);
                if thread.deepest_bytes > known.deepest_bytes {
                    (known.deepest_bytes, known.deepest_stack) = (thread.deepest_bytes, thread.deepest_stack);
                }
            }
            None => sum.threads.push(thread),
        }
    }
    for mark in dump.marks {
        match sum.marks.iter_mut().find(|known| known.name == mark.name) {
            Some(known) => known.count = known.count.saturating_add(mark.count),
            None => sum.marks.push(mark),
        }
    }
    sum.failures.count = sum.failures.count.saturating_add(dump.failures.count);
    sum.failures.last.extend(dump.failures.last);
    let surplus = sum.failures.last.len().saturating_sub(MAX_FAILURES);
    sum.failures.last.drain(..surplus);
    let Lost { blocks, bytes, unattributed_blocks, truncated_stacks, unknown_frees, .. } = dump.lost;
    let lost = &mut sum.lost;
    lost.blocks = lost.blocks.saturating_add(blocks);
    lost.bytes = lost.bytes.saturating_add(bytes);
    lost.unattributed_blocks = lost.unattributed_blocks.saturating_add(unattributed_blocks);
    lost.truncated_stacks = lost.truncated_stacks.saturating_add(truncated_stacks);
    lost.unknown_frees = lost.unknown_frees.saturating_add(unknown_frees);
    sum.probe.spool_bytes = sum.probe.spool_bytes.saturating_add(dump.probe.spool_bytes);
    sum.probe.private_bytes = sum.probe.private_bytes.saturating_add(dump.probe.private_bytes);
    sum.probe.resident_bytes = sum.probe.resident_bytes.saturating_add(dump.probe.resident_bytes);
}

/// Adds what was done under one name in another process.
fn add_operation(sum: &mut Operation, other: Operation) {
    for (mine, theirs) in [
        (&mut sum.started, other.started),
        (&mut sum.finished, other.finished),
        (&mut sum.failed, other.failed),
        (&mut sum.cancelled, other.cancelled),
        (&mut sum.total_bytes, other.total_bytes),
        (&mut sum.total_blocks, other.total_blocks),
        (&mut sum.duration_ns, other.duration_ns),
    ] {
        *mine = mine.saturating_add(theirs);
    }
    for (mine, theirs) in [
        (&mut sum.peak_bytes, other.peak_bytes),
        (&mut sum.longest_ns, other.longest_ns),
        (&mut sum.last_ns, other.last_ns),
    ] {
        *mine = (*mine).max(theirs);
    }
    sum.latencies.extend(other.latencies);
    sum.latencies.sort_unstable();
    sum.latencies.dedup_by(|next, kept| {
        let is_same = next.0 == kept.0;
        kept.1 = kept.1.saturating_add(if is_same { next.1 } else { 0 });
        is_same
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc_probe_format::dump::{Clock, Figures, FrameKind, Mode, Process, Thread};

    /// A dump of two calls, of which the first has names if wanted, in a process of its own.
    fn dump(pid: u32, total_bytes: u64, names: &[&str]) -> Dump {
        let root = StackNode { kind: FrameKind::Root, ..StackNode::default() };
        let node = |parent, address| StackNode { parent, image: Some(0), address, kind: FrameKind::Call };
        let frame = |function| vec![SymbolFrame { function, ..SymbolFrame::default() }];
        let figures =
            |bytes| Figures { total_bytes: bytes, total_blocks: 1, peak_bytes: bytes, ..Figures::default() };
        let site = |stack, bytes| Site {
            stack,
            figures: figures(bytes),
            lifetimes: vec![(3, 1)].into(),
            ..Site::default()
        };
        Dump {
            mode: Mode::Full,
            process: Process {
                pid,
                executable: "/bin/orders".into(),
                duration_ns: 10 * u64::from(pid),
                ..Process::default()
            },
            clock: Clock { unit_ns: 1.0, ..Clock::default() },
            totals: figures(total_bytes + 1),
            images: vec![Image { path: "/bin/orders".into(), build_id: "ab".into(), ..Image::default() }],
            stacks: vec![root, node(0, 0x10), node(1, 0x20 + u64::from(pid))],
            sites: vec![site(1, total_bytes), site(2, 1)],
            threads: vec![Thread {
                name: "main".into(),
                threads: 1,
                peak_bytes: total_bytes,
                ..Thread::default()
            }],
            symbols: (!names.is_empty()).then(|| Symbols {
                strings: names.iter().map(|name| (*name).to_owned()).collect(),
                frames: [Vec::new(), frame(0), frame(1)].iter().collect(),
                ..Symbols::default()
            }),
            ..Dump::default()
        }
    }

    fn merged(dumps: impl IntoIterator<Item = Dump>) -> Dump {
        let mut merger = Merger::default();
        for (index, dump) in dumps.into_iter().enumerate() {
            merger.add(dump, &format!("{index}.json")).unwrap();
        }
        merger.finish().unwrap()
    }

    #[test]
    fn equal_stacks_are_added_and_others_stand_beside_them() {
        let sum = merged([dump(1, 100, &["main", "one"]), dump(2, 30, &["two", "main"]), dump(1, 7, &[])]);
        assert_eq!(sum.stacks.len(), 4);
        let bytes: Vec<(u32, u64)> =
            sum.sites.iter().map(|site| (site.stack, site.figures.total_bytes)).collect();
        assert_eq!(bytes, [(1, 137), (2, 2), (3, 1)]);
        assert_eq!(sum.sites[0].lifetimes, [(3, 3)].into());
        assert_eq!((sum.totals.total_bytes, sum.totals.total_blocks), (140, 3));
        assert_eq!((sum.process.duration_ns, sum.process.executable.as_str()), (20, "/bin/orders"));
        assert_eq!((sum.threads.len(), sum.threads[0].threads, sum.threads[0].peak_bytes), (1, 3, 100));
        let sources: Vec<(&str, u64)> =
            sum.sources.iter().map(|source| (source.path.as_str(), source.totals.total_bytes)).collect();
        assert_eq!(sources, [("0.json", 101), ("1.json", 31), ("2.json", 8)]);
        let symbols = sum.symbols.unwrap();
        let names: Vec<&str> = (symbols.frames.iter().flatten())
            .map(|frame| symbols.strings[frame.function as usize].as_str())
            .collect();
        assert_eq!(names, ["main", "one", "main"]);
    }

    #[test]
    fn a_sum_can_be_added_to() {
        let first = merged([dump(1, 100, &[]), dump(1, 10, &[])]);
        let sum = merged([first, dump(1, 1, &[])]);
        assert_eq!((sum.sources.len(), sum.totals.total_bytes), (3, 114));
        assert!(sum.symbols.is_none());
    }

    #[test]
    fn where_files_are_not_known_for_sure_calls_go_by_their_names() {
        let foreign = |address: u64, name: &str| {
            let mut dump = dump(1, 100, &[name, "leaf"]);
            dump.images[0].build_id.clear();
            dump.stacks[1].address = address;
            dump
        };
        assert_eq!(merged([foreign(0x10, "main"), foreign(0x99, "main")]).sites.len(), 2);
        assert_eq!(merged([foreign(0x10, "main"), foreign(0x10, "other")]).sites.len(), 4);
    }

    #[test]
    fn what_means_something_else_is_refused() {
        let mut merger = Merger::default();
        merger.add(dump(1, 1, &[]), "a").unwrap();
        let mut refused = |change: fn(&mut Dump)| {
            let mut dump = dump(1, 1, &[]);
            change(&mut dump);
            merger.add(dump, "b").unwrap_err()
        };
        assert!(refused(|dump| dump.mode = Mode::Sample).contains("mode `sample`"));
        assert!(
            refused(|dump| dump.recorded_by = Some("heaptrack".into())).contains("recorded by heaptrack")
        );
        assert!(refused(|dump| dump.sample_bytes = Some(7)).contains("another rate"));
        assert!(
            refused(|dump| dump.unknown_figures = vec!["peak_bytes".into()]).contains("the same figures")
        );
        assert!(refused(|dump| dump.long_lived_threshold_ns = 7).contains("long-lived"));
        assert_eq!(merger.sources(), 1);
    }

    #[test]
    fn lives_in_different_units_are_not_added() {
        let mut other = dump(1, 1, &[]);
        other.clock.unit_ns = 2.0;
        let sum = merged([dump(1, 1, &[]), other]);
        assert!(sum.sites.iter().all(|site| site.lifetimes.is_empty()));
        assert!(sum.lost.notes[0].contains("different units"));
    }
}

//! The logs of the programs in `tests/programs`: what each thread allocated, step by step, and what became of it.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The first words of records, as the programs write them.
const BLOCK: u64 = 1;
const REALLOCATED: u64 = 2;
const STEP: u64 = 3;
const FREED: u64 = 4;

/// The words of a record.
const WORDS: usize = 6;

/// The step that is not judged.
pub(crate) const UNORDERED: u64 = u64::MAX;

/// A block, when it was allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// The number that the probe gave its site.
    pub(crate) site: u32,
    /// What another build has as well, if it allocates this block.
    pub(crate) key: Key,
    /// When it lived.
    pub(crate) life: Life,
}

/// What is the same of a block in all builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    /// The size of the block that it replaces, if it was reallocated.
    pub(crate) replaces: Option<u64>,
    /// Its size.
    pub(crate) size: u64,
}

/// When a block lived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Life {
    /// When it was allocated, in nanoseconds.
    pub(crate) born: u64,
    /// When it was freed or replaced, if it was.
    pub(crate) died: Option<u64>,
    /// Whether it was live when most bytes were.
    pub(crate) at_peak: bool,
    /// Whether its end came before its thread allocated again.
    pub(crate) temporary: bool,
}

/// What a thread allocated between two marks of the program's.
#[derive(Clone, Debug, Default)]
pub(crate) struct Step {
    /// The mark before it; 0 for what comes before the first.
    pub(crate) number: u64,
    pub(crate) blocks: Vec<Block>,
}

impl Step {
    /// Whether its blocks have an order that another build has as well.
    pub(crate) fn is_judged(&self) -> bool {
        self.number != UNORDERED
    }
}

/// The threads' logs, in the order in which the threads came.
pub(crate) fn read(prefix: &Path) -> Vec<Vec<Step>> {
    threads(&files(prefix).map(|(_, log)| log).collect::<Vec<_>>())
}

/// Leaves of each file what was written: they are as long as a log may become.
pub(crate) fn trim(prefix: &Path) {
    for (path, log) in files(prefix) {
        let file = File::options().write(true).open(path).expect("the log is there");
        file.set_len(8 * (1 + log.len() as u64)).expect("the log is cut");
    }
}

/// The files and the words that were written to each.
fn files(prefix: &Path) -> impl Iterator<Item = (PathBuf, Vec<u64>)> {
    let paths = (0..1_000).map(|thread| prefix.with_extension(format!("{thread:03}")));
    paths.map_while(|path| {
        let mut file = File::open(&path).ok()?;
        let count = words(&mut file, 1)[0];
        Some((path, words(&mut file, count as usize)))
    })
}

fn words(file: &mut File, count: usize) -> Vec<u64> {
    let mut bytes = vec![0; 8 * count];
    file.read_exact(&mut bytes).expect("the log has as many words as it says");
    bytes.chunks_exact(8).map(|word| u64::from_ne_bytes(word.try_into().expect("eight bytes"))).collect()
}

/// A block by its place in the logs: thread, step, number in the step.
type Place = (usize, usize, usize);

/// What happens to a block, in the order of time.
struct Event {
    time: u64,
    address: u64,
    /// The block that begins; none where one ends.
    begins: Option<Place>,
    /// How many blocks its thread has allocated by then, and which thread.
    thread: (usize, u64),
}

fn threads(logs: &[Vec<u64>]) -> Vec<Vec<Step>> {
    let mut threads = Vec::new();
    let mut events = Vec::new();
    for (thread, words) in logs.iter().enumerate() {
        let mut steps = vec![Step::default()];
        let mut allocated = 0;
        for record in words.chunks_exact(WORDS) {
            let event = |begins, allocated| Event {
                time: record[5],
                address: record[4],
                begins,
                thread: (thread, allocated),
            };
            match record[0] {
                STEP => steps.push(Step { number: record[1], blocks: Vec::new() }),
                FREED => events.push(event(None, allocated)),
                kind => {
                    assert!(kind == BLOCK || kind == REALLOCATED, "a record of kind {kind}");
                    allocated += 1;
                    let step = steps.len() - 1;
                    let blocks = &mut steps[step].blocks;
                    events.push(event(Some((thread, step, blocks.len())), allocated));
                    blocks.push(Block {
                        site: u32::try_from(record[1]).expect("sites have small numbers"),
                        key: Key { replaces: (kind == REALLOCATED).then_some(record[2]), size: record[3] },
                        life: Life { born: record[5], ..Life::default() },
                    });
                }
            }
        }
        // What begins in no order of its own is no step of its own either.
        if steps.get(1).is_some_and(|step| !step.is_judged()) {
            steps[0].number = UNORDERED;
        }
        threads.push(steps);
    }
    follow(&mut threads, events);
    threads
}

/// Finds out when blocks ended, and which lived at the peak.
fn follow(threads: &mut [Vec<Step>], mut events: Vec<Event>) {
    // Stable: a thread's own events keep their order.
    events.sort_by_key(|event| event.time);
    let mut live = HashMap::<u64, (Place, (usize, u64))>::new();
    let (mut bytes, mut most, mut peak) = (0, 0, 0);
    for event in &events {
        if let Some(place) = event.begins {
            let (thread, step, block) = place;
            bytes += threads[thread][step].blocks[block].key.size;
            live.insert(event.address, (place, event.thread));
            if bytes > most {
                (most, peak) = (bytes, event.time);
            }
        } else if let Some(((thread, step, block), allocated)) = live.remove(&event.address) {
            let block = &mut threads[thread][step].blocks[block];
            bytes -= block.key.size;
            block.life.died = Some(event.time);
            block.life.temporary = event.thread == allocated;
        }
    }
    for block in threads.iter_mut().flatten().flat_map(|step| &mut step.blocks) {
        block.life.at_peak = block.life.born <= peak && block.life.died.is_none_or(|died| died > peak);
    }
}

#[test]
fn blocks_are_followed_to_their_ends() {
    let block = |site, size, address, time| [BLOCK, site, 0, size, address, time];
    let freed = |address, time| [FREED, 0, 0, 0, address, time];
    let step = |number| [STEP, number, 0, 0, 0, 0];
    let main = [
        block(1, 100, 0x10, 1),
        step(7),
        block(2, 10, 0x20, 2),
        freed(0x20, 3),
        // The address is used again, and the block of the other thread is freed here.
        [REALLOCATED, 3, 10, 50, 0x20, 5],
        freed(0x30, 6),
    ];
    let other = [step(UNORDERED), block(4, 1_000, 0x30, 4)];
    let threads = threads(&[main.concat(), other.concat()]);
    let numbers = |steps: &[Step]| steps.iter().map(|step| step.number).collect::<Vec<_>>();
    assert_eq!([numbers(&threads[0]), numbers(&threads[1])], [vec![0, 7], vec![UNORDERED, UNORDERED]]);
    let lives = threads.iter().flatten().flat_map(|step| &step.blocks).map(|block| block.life);
    let life = |born, died, at_peak, temporary| Life { born, died, at_peak, temporary };
    let expected = [
        life(1, None, true, false),
        life(2, Some(3), false, true),
        life(5, None, true, false),
        life(4, Some(6), true, false),
    ];
    assert_eq!(lives.collect::<Vec<_>>(), expected);
    assert_eq!(threads[0][1].blocks[1].key, Key { replaces: Some(10), size: 50 });
}

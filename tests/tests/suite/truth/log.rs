//! The logs of the programs in `tests/programs`: what each thread allocated, step by step.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

/// The first words of records, as the programs write them.
const BLOCK: u64 = 1;
const REALLOCATED: u64 = 2;
const STEP: u64 = 3;

/// A block, when it was allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// The number that the probe gave its site.
    pub(crate) site: u32,
    /// What another build has as well, if it allocates this block.
    pub(crate) key: Key,
}

/// What is the same of a block in all builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    /// The size of the block that it replaces, if it was reallocated.
    pub(crate) replaces: Option<u64>,
    /// Its size.
    pub(crate) size: u64,
}

/// What a thread allocated between two marks of the program's.
#[derive(Clone, Debug, Default)]
pub(crate) struct Step {
    /// The mark before it; 0 for what comes before the first.
    pub(crate) number: u64,
    pub(crate) blocks: Vec<Block>,
}

/// The threads' logs, in the order in which the threads came.
pub(crate) fn read(prefix: &Path) -> Vec<Vec<Step>> {
    let logs = (0..10).map_while(|thread| File::open(prefix.with_extension(thread.to_string())).ok());
    logs.map(|log| steps(BufReader::new(log))).collect()
}

fn steps(mut log: impl Read) -> Vec<Step> {
    let mut steps = vec![Step::default()];
    for _ in 0..word(&mut log) / 4 {
        let record = [(); 4].map(|()| word(&mut log));
        let block = |replaces| Block {
            site: u32::try_from(record[1]).expect("sites have small numbers"),
            key: Key { replaces, size: record[3] },
        };
        match record[0] {
            STEP => steps.push(Step { number: record[1], blocks: Vec::new() }),
            kind => {
                assert!(kind == BLOCK || kind == REALLOCATED, "a record of kind {kind}");
                let block = block((kind == REALLOCATED).then_some(record[2]));
                steps.last_mut().expect("there is always one").blocks.push(block);
            }
        }
    }
    steps
}

fn word(log: &mut impl Read) -> u64 {
    let mut bytes = [0; 8];
    log.read_exact(&mut bytes).expect("the log has as many words as it says");
    u64::from_ne_bytes(bytes)
}

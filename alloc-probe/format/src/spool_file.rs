//! Reading the spool of a process that did not come to write its dump, or of one that is still running.

use crate::cgroup::Noted;
use crate::dump::{Build, Dump, Ended};
use crate::snapshot::facts::Facts;
use crate::snapshot::{Now, PagesOfSites, has_passed, snapshot};
use crate::spool::{
    EXTENT_LIMIT, EXTENT_WORDS, HEADER_WORDS, MAGIC, Section, Spool, VERSION, header, thread,
};
use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A spool file, read whole.
pub struct SpoolFile {
    sections: Vec<Vec<AtomicU64>>,
}

/// Why bytes are no spool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpoolError {
    /// They do not start like one.
    NotASpool,
    /// They end within the header.
    Truncated,
    /// Another release wrote it: a spool is read by the release that wrote it.
    OtherVersion(u64),
}

impl fmt::Display for SpoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SpoolError::NotASpool => f.write_str("it is not a spool of alloc-probe"),
            SpoolError::Truncated => f.write_str("the spool ends within its header"),
            SpoolError::OtherVersion(version) => {
                write!(f, "the spool has layout {version}, and this release reads layout {VERSION} only")
            }
        }
    }
}

impl std::error::Error for SpoolError {}

impl SpoolFile {
    /// As many bytes of a spool as [`SpoolFile::pid_at_start`] looks at.
    pub const START_BYTES: usize = (header::PID + 1) * 8;

    /// The id of the process that a spool is of, from its first bytes; none where they are no spool's.
    pub fn pid_at_start(bytes: &[u8; SpoolFile::START_BYTES]) -> Option<u64> {
        let (_, last) = bytes.split_last_chunk::<8>()?;
        SpoolFile::is_spool(bytes).then(|| u64::from_le_bytes(*last))
    }

    /// Whether bytes start like a spool.
    pub fn is_spool(bytes: &[u8]) -> bool {
        bytes.starts_with(&MAGIC.to_le_bytes())
    }

    /// Takes a file's bytes apart. What is missing at the end of a truncated file reads as not yet written.
    ///
    /// # Errors
    ///
    /// Where the bytes are not a spool of this layout.
    pub fn parse(bytes: &[u8]) -> Result<SpoolFile, SpoolError> {
        if !SpoolFile::is_spool(bytes) {
            return Err(SpoolError::NotASpool);
        }
        let header = words(bytes.get(..HEADER_WORDS * 8).ok_or(SpoolError::Truncated)?);
        let word = |index: usize| header[index].load(Relaxed);
        if word(header::VERSION) != VERSION {
            return Err(SpoolError::OtherVersion(word(header::VERSION)));
        }
        let mut sections: Vec<Vec<AtomicU64>> = (0..Section::LIMIT).map(|_| Vec::new()).collect();
        let extents = (word(header::EXTENT_COUNT) as usize).min(EXTENT_LIMIT);
        let mut left = bytes.len();
        // The first extent is the header.
        for extent in 1..extents {
            let at = |index: usize| word(header::EXTENTS + extent * EXTENT_WORDS + index);
            let (section, start, file_start, length) = (at(0) as usize, at(1), at(2), at(3));
            let Some(words_so_far) = sections.get_mut(section) else { continue };
            // A section grows at its end, and no two extents share bytes: what claims otherwise is damaged.
            if start != words_so_far.len() as u64 * 8 || length as usize > left || length % 8 != 0 {
                continue;
            }
            left -= length as usize;
            let Some(file_end) = file_start.checked_add(length) else { continue };
            let file_end = file_end.min(bytes.len() as u64) as usize;
            let Some(part) = bytes.get(file_start as usize..file_end) else { continue };
            words_so_far.extend(words(part));
        }
        sections[Section::HEADER.0] = header;
        Ok(SpoolFile { sections })
    }

    /// The dump that the process would have written, as of the last time it noted the time in its spool: ages and
    /// durations run until then, and the other figures until its last instruction.
    pub fn dump(&self) -> Dump {
        const FIRST: u64 = header::SIGNAL_ENDING + 1;
        const LAST: u64 = header::SIGNAL_ENDING + 64;
        let (ended, signal) = match self.header(header::ENDING) {
            1 => (Ended::Exit, None),
            ending @ FIRST..=LAST => (Ended::Signal, Some((ending - header::SIGNAL_ENDING) as i32)),
            _ => (Ended::Killed, None),
        };
        let (ticks, mono_ns) = (self.header(header::LAST_TICKS), self.header(header::LAST_MONO_NS));
        let mut dump = snapshot(self, Now { ticks, mono_ns, ended, signal, from_spool: true }, &());
        dump.probe.spool_bytes = self.written_bytes();
        dump
    }

    /// The bytes of pages that anything was written to: so much of the file was resident, at the most.
    fn written_bytes(&self) -> u64 {
        const PAGE_BYTES: usize = 4096;
        let pages = self.sections.iter().flat_map(|words| words.chunks(PAGE_BYTES / 8));
        let written = pages.filter(|page| page.iter().any(|word| word.load(Relaxed) != 0));
        (written.count() * PAGE_BYTES) as u64
    }

    /// The same of a process that is still running, which the spool itself can't tell: as of an instant on the
    /// system's monotonic clock, and with what each site's blocks mean for resident memory, by its number here, as far as
    /// that was looked at.
    pub fn dump_of_running(&self, mono_ns: u64, pages: &dyn PagesOfSites) -> Dump {
        let (start_ticks, start_ns) = (self.header(header::START_TICKS), self.header(header::START_MONO_NS));
        let ticks = self.header(header::LAST_TICKS).wrapping_sub(start_ticks) as f64;
        let nanos = self.header(header::LAST_MONO_NS).wrapping_sub(start_ns) as f64;
        // As many ticks as there were until the process last noted the time, and at the same rate since.
        let rate = if nanos > 0.0 { ticks / nanos } else { 1.0 };
        let ticks = start_ticks.wrapping_add((mono_ns.saturating_sub(start_ns) as f64 * rate) as u64);
        snapshot(self, Now { ticks, mono_ns, ended: Ended::Running, signal: None, from_spool: true }, pages)
    }

    /// Whether the program has passed a mark: a name as the spool keeps it.
    pub fn has_passed(&self, mark: &str) -> bool {
        has_passed(self, mark)
    }

    /// How its program was built.
    pub fn build(&self) -> Build {
        Facts::read(self).build
    }

    /// For each live thread but the main one, an address in the mapping that its stack is in, in order.
    pub fn addresses_in_stacks(&self) -> Vec<usize> {
        let slots = self.words(Section::THREADS).chunks_exact(thread::WORDS);
        let live = slots.filter(|slot| slot[thread::TID].load(Relaxed) != 0);
        let mut addresses: Vec<usize> =
            live.map(|slot| slot[thread::STACK_AT].load(Relaxed) as usize).collect();
        addresses.retain(|&address| address != 0);
        addresses.sort_unstable();
        addresses
    }

    /// The process's control group as it was when recording started.
    pub fn cgroup(&self) -> Option<Noted> {
        Facts::read(self).cgroup
    }

    /// The live threads whose stacks' bounds are known: their ids, and from where to where their stacks reach. By these,
    /// whoever can look into the process can tell how much of them was touched.
    pub fn live_stacks(&self) -> impl Iterator<Item = (u32, Range<u64>)> {
        self.words(Section::THREADS).chunks_exact(thread::WORDS).filter_map(|slot| {
            let words = [thread::TID, thread::STACK_LOW, thread::STACK_LIMIT];
            let [tid, low, bytes] = words.map(|word| slot[word].load(Relaxed));
            (tid != 0 && bytes != 0).then(|| (tid as u32, low..low.saturating_add(bytes)))
        })
    }
}

fn words(bytes: &[u8]) -> Vec<AtomicU64> {
    bytes
        .chunks_exact(8)
        .map(|word| AtomicU64::new(u64::from_le_bytes(word.try_into().unwrap_or_default())))
        .collect()
}

impl Spool for SpoolFile {
    fn words(&self, section: Section) -> &[AtomicU64] {
        self.sections.get(section.0).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header, and one section of `length` bytes that are all ones.
    fn file(length: u64) -> Vec<u8> {
        let mut words = vec![0u64; HEADER_WORDS];
        words[header::MAGIC] = MAGIC;
        words[header::VERSION] = VERSION;
        words[header::EXTENT_COUNT] = 2;
        let extent = header::EXTENTS + EXTENT_WORDS;
        let start = HEADER_WORDS as u64 * 8;
        words[extent..extent + 4].copy_from_slice(&[Section::NODES.0 as u64, 0, start, length]);
        words.extend(vec![u64::MAX; length as usize / 8]);
        words.into_iter().flat_map(u64::to_le_bytes).collect()
    }

    #[test]
    fn extents_become_sections() {
        let spool = SpoolFile::parse(&file(4096)).unwrap();
        assert_eq!(spool.words(Section::NODES).len(), 512);
        assert_eq!(spool.words(Section::SITES).len(), 0);
    }

    #[test]
    fn what_is_no_spool_is_refused() {
        assert_eq!(SpoolFile::parse(b"{}").err(), Some(SpoolError::NotASpool));
        assert_eq!(SpoolFile::parse(&file(8)[..5000]).err(), Some(SpoolError::Truncated));
        let mut newer = file(8);
        newer[8] = 99;
        assert_eq!(SpoolFile::parse(&newer).err(), Some(SpoolError::OtherVersion(99)));
    }

    /// Whatever the header claims, a snapshot ends, and takes no memory out of proportion.
    #[test]
    fn damaged_spools_give_something_or_nothing() {
        let good = file(1 << 16);
        let mut seed = 1u64;
        for _ in 0..300 {
            let mut bytes = good.clone();
            for _ in 0..20 {
                seed = seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
                let at = 16 + (seed >> 33) as usize % (bytes.len() - 16);
                bytes[at] = (seed >> 20) as u8;
            }
            let counts = header::COUNTS * 8 + (seed >> 40) as usize % 512;
            bytes[counts] = 0xff;
            bytes.truncate(bytes.len() - (seed >> 50) as usize);
            if let Ok(spool) = SpoolFile::parse(&bytes) {
                let ended = Ended::Killed;
                let now = Now { ticks: seed, mono_ns: seed / 3, ended, signal: None, from_spool: true };
                assert!(snapshot(&spool, now, &()).stacks.len() <= 1 << 13);
            }
        }
    }
}

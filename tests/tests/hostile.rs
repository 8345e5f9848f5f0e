//! Files that were made to harm: everything that reads one ends, soon, with a result or with one line, and takes memory
//! in proportion. This is a program of its own under the probe, which says how much memory that was.
//!
//! The inputs are those of the fuzzers' corpus, in `tests/fuzz/corpus`, then these with something changed at random, and
//! spools that claim the worst there is.

use alloc_probe_cli::load;
use alloc_probe_cli::term::Terminal;
use alloc_probe_format::spool::{EXTENT_LIMIT, EXTENT_WORDS, HEADER_WORDS, NODE_WORDS, Section, header};
use alloc_probe_tests::workload::Random;
use parking_lot::Mutex;
use std::ffi::OsString;
use std::io::Read as _;
use std::path::{Path, PathBuf};

alloc_probe::install!();

/// For files of a mebibyte. The largest part is the tree of stacks that a spool may claim to hold.
const MEMORY: u64 = 200 << 20;

/// Tests take turns: the memory is the process's.
static TURN: Mutex<()> = parking_lot::const_mutex(());

/// The files of the corpus, by name.
fn corpus() -> Vec<(PathBuf, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let mut files = Vec::new();
    for target in std::fs::read_dir(root).expect("the corpus") {
        for entry in std::fs::read_dir(target.expect("a folder").path()).expect("a folder") {
            let path = entry.expect("a file").path();
            let bytes = std::fs::read(&path).expect("a file");
            files.push((path, bytes));
        }
    }
    files.sort();
    assert!(files.len() >= 13, "{files:?}");
    files
}

/// The words of a spool of the corpus.
fn spool(name: &str) -> Vec<u64> {
    let (_, bytes) = corpus().into_iter().find(|(path, _)| path.ends_with(name)).expect("it is there");
    unzipped(&bytes).chunks_exact(8).map(|word| u64::from_le_bytes(word.try_into().expect("eight"))).collect()
}

fn unzipped(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    match bytes {
        [0x1f, 0x8b, ..] => flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut plain).map(drop),
        _ => {
            plain.extend_from_slice(bytes);
            Ok(())
        }
    }
    .expect("sound files are in the corpus");
    plain
}

/// Reads bytes as a file: a sound dump, or one line.
fn read(bytes: &[u8]) -> bool {
    match load::from_bytes(bytes, Path::new("file")) {
        Ok(_) => true,
        Err(error) => {
            let line = error.to_string();
            assert!(line.starts_with("cannot read `file`: ") && !line.contains('\n'), "{line}");
            false
        }
    }
}

fn read_words(words: &[u64]) -> bool {
    read(&words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>())
}

/// Every command on a file: a result, or one line and a hint.
fn run(path: &Path) -> Vec<u8> {
    let picture = tempfile::NamedTempFile::new().expect("a file");
    let (file, picture) = (path.as_os_str(), picture.path().as_os_str());
    let commands = [
        vec!["show".as_ref(), file],
        vec!["show".as_ref(), file, "--json".as_ref()],
        vec!["explain".as_ref(), file],
        vec!["explain".as_ref(), file, file, "--json".as_ref()],
        vec!["flamegraph".as_ref(), file, "-o".as_ref(), picture, "--by".as_ref(), "total-bytes".as_ref()],
        vec!["diff".as_ref(), file, file],
        vec!["merge".as_ref(), file, file, "-o".as_ref(), picture],
        vec!["symbolize".as_ref(), file, "-o".as_ref(), picture],
        vec!["export".as_ref(), file, "--format".as_ref(), "pprof".as_ref(), "-o".as_ref(), picture],
        vec!["export".as_ref(), file, "--format".as_ref(), "firefox".as_ref(), "-o".as_ref(), picture],
    ];
    let status = commands.map(|arguments| {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let arguments = ["alloc-probe".as_ref()].into_iter().chain(arguments).map(OsString::from);
        let status = alloc_probe_cli::run(arguments, &mut Terminal::plain(&mut out, &mut err, 80));
        let message = String::from_utf8(err).expect("text");
        assert!(status == 0 || (status == 2 && message.starts_with("error: ")), "{status}: {message}");
        status
    });
    status.to_vec()
}

/// Runs `f`, which may take so much memory beside what there is.
fn within_memory(f: impl FnOnce()) {
    let _turn = TURN.lock();
    f();
    let stats = alloc_probe::stats();
    assert!(stats.peak_bytes > 1 << 20 && stats.peak_bytes < MEMORY, "{stats:?}");
}

#[test]
fn the_corpus_is_read_and_shown() {
    within_memory(|| {
        for (path, bytes) in corpus() {
            let sound = read(&bytes);
            let status = run(&path);
            assert_eq!(status[0] == 0, sound, "{}", path.display());
            // Files that are sound are named for what they are.
            let named_sound = ["dump-", "spool-", "dhat-", "pprof-", "jemalloc", "heaptrack"]
                .iter()
                .any(|name| path.file_name().is_some_and(|file| file.to_string_lossy().starts_with(name)));
            assert!(sound || !named_sound, "{}", path.display());
        }
    });
}

#[test]
fn damaged_files_of_the_corpus_are_read_or_refused() {
    within_memory(|| {
        let mut random = Random(0x0dd5);
        for (path, bytes) in corpus() {
            let plain = unzipped(&bytes);
            let (mut sound, rounds) = (0, if plain.len() > 1 << 19 { 60 } else { 300 });
            for _ in 0..rounds {
                let mut damaged = plain.clone();
                for _ in 0..=random.below(30) {
                    let at = random.below(damaged.len());
                    match random.below(3) {
                        0 => damaged[at] ^= 1 << random.below(8),
                        1 => damaged[at..].iter_mut().take(8).for_each(|byte| *byte = 0xff),
                        _ => damaged[at..].iter_mut().take(8).for_each(|byte| *byte = 0),
                    }
                }
                if random.below(4) == 0 {
                    damaged.truncate(random.below(damaged.len()));
                }
                sound += usize::from(read(&damaged));
            }
            // Most of a spool is nothing yet, where anything may stand.
            let is_text = plain.starts_with(b"{");
            assert!(!is_text || sound < rounds, "{}: nothing was noticed", path.display());
        }
    });
}

/// Words of the header and of each section's start become what hurts most.
#[test]
fn spools_that_claim_anything_are_read_or_refused() {
    within_memory(|| {
        let sound = spool("spool-full.gz");
        assert!(read_words(&sound));
        let mut random = Random(0xc1a1);
        let nasty = [1, 2, 0xffff, u64::from(u32::MAX), 1 << 32, i64::MAX as u64, u64::MAX - 7, u64::MAX];
        for _ in 0..250 {
            let mut words = sound.clone();
            for _ in 0..=random.below(6) {
                let at = match random.below(3) {
                    0 => 2 + random.below(200),
                    1 => header::EXTENTS - 1 + random.below(20 * EXTENT_WORDS),
                    _ => HEADER_WORDS + random.below(words.len() - HEADER_WORDS),
                };
                words[at] = nasty[random.below(nasty.len())];
            }
            read_words(&words);
        }
    });
}

#[test]
fn spools_that_claim_the_worst_take_no_more_memory() {
    within_memory(|| {
        let sound = spool("spool-full.gz");
        let bytes = sound.len() as u64 * 8;
        let claim = |change: &dyn Fn(&mut [u64])| {
            let mut words = sound.clone();
            change(&mut words);
            read_words(&words)
        };
        // Everything is in use, as far as the counts go.
        claim(&|words| words[header::COUNTS..header::COUNTS + Section::LIMIT].fill(u64::MAX));
        // Each of the most extents that there can be is the whole file, in turn of each section.
        claim(&|words| {
            words[header::EXTENT_COUNT] = u64::MAX;
            for extent in 1..EXTENT_LIMIT {
                let entry = [(1 + extent % (Section::LIMIT - 1)) as u64, 0, 0, bytes];
                words[header::EXTENTS + extent * EXTENT_WORDS..][..EXTENT_WORDS].copy_from_slice(&entry);
            }
        });
        // All nodes lead to each other, and every site to them.
        let start = |section: Section| {
            let table = &sound[header::EXTENTS..HEADER_WORDS];
            let entry = table.chunks_exact(EXTENT_WORDS).find(|entry| entry[0] == section.0 as u64);
            entry.map_or(0, |entry| entry[2] as usize / 8)
        };
        let (nodes, sites) = (start(Section::NODES), start(Section::SITES));
        assert!(nodes > 0 && sites > 0);
        claim(&|words| {
            for node in 0..1000 {
                words[nodes + node * NODE_WORDS + 1] = ((node as u64 + 1) % 1000) << 32;
            }
            words[sites..sites + 1000].iter_mut().zip(0..).for_each(|(word, node)| *word = node);
        });
        // Every thread is adding its figures to one record.
        claim(&|words| {
            words[header::COUNTS + Section::ENDED.0] = 1 << 20;
            let threads = start(Section::THREADS);
            words[threads..threads + 4096].fill(1);
        });
        // More allocations failed than there are numbers, on stacks that are none.
        assert!(claim(&|words| words[header::FAILED..header::FAILURES + 24].fill(u64::MAX)));
    });
}

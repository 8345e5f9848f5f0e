//! A spool, of a process that is gone and of one that is running. What the fuzzer makes is laid over a sound header in
//! pieces of ten bytes, each the number of a word and what it becomes: else few inputs would come as far as a section.
#![no_main]

use alloc_probe_format::spool::{EXTENT_WORDS, HEADER_WORDS, MAGIC, Section, VERSION, header};
use alloc_probe_format::spool_file::SpoolFile;

/// Words of each section.
const WORDS: usize = 256;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut words = sound();
    for piece in bytes.chunks_exact(10) {
        let number = usize::from(u16::from_le_bytes([piece[0], piece[1]])) % words.len();
        let value = u64::from_le_bytes(piece[2..].try_into().expect("eight bytes"));
        words[number] = value;
    }
    let bytes: Vec<u8> = words.into_iter().flat_map(u64::to_le_bytes).collect();
    if let Ok(spool) = SpoolFile::parse(&bytes) {
        let rows = spool.dump().stacks.len();
        assert!(rows <= WORDS, "{rows}");
        spool.dump_of_running(u64::MAX / 2, &());
    }
});

/// The header, and a short section of each kind.
fn sound() -> Vec<u64> {
    let mut words = vec![0; HEADER_WORDS];
    words[header::MAGIC] = MAGIC;
    words[header::VERSION] = VERSION;
    words[header::MODE] = 4;
    words[header::EXTENT_COUNT] = 1;
    let sections = (1..10).map(Section).chain([Section::narrow_blocks(0), Section::wide_blocks(0)]);
    for section in sections {
        let extent = words[header::EXTENT_COUNT] as usize;
        let entry = [section.0, 0, words.len() * 8, WORDS * 8].map(|word| word as u64);
        words[header::EXTENTS + extent * EXTENT_WORDS..][..EXTENT_WORDS].copy_from_slice(&entry);
        words[header::EXTENT_COUNT] += 1;
        words[header::COUNTS + section.0] = 8;
        words.resize(words.len() + WORDS, 0);
    }
    words
}

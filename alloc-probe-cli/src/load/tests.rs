//! Every kind of file that is not a sound dump, and what is said of it.

use super::*;
use alloc_probe_format::dump::{
    FORMAT, Failure, Failures, FrameKind, Image, Mode, Site, StackNode, SymbolFrame, Symbols, Thread, VERSION,
};
use flate2::{Compression, write::GzEncoder};
use std::io::Write;

fn sample() -> Dump {
    let mut dump = Dump { format: FORMAT.into(), version: VERSION, mode: Mode::Full, ..Dump::default() };
    dump.images.push(Image { path: "/bin/orders".into(), build_id: "ab".repeat(20), ..Image::default() });
    dump.stacks.push(StackNode { kind: FrameKind::Root, ..StackNode::default() });
    for row in 0..40 {
        dump.stacks.push(StackNode { parent: row, image: Some(0), address: 0x1000, kind: FrameKind::Call });
        dump.sites.push(Site { stack: row + 1, sizes: vec![(3, 2)].into(), ..Site::default() });
    }
    dump
}

fn bytes(dump: &Dump) -> Vec<u8> {
    serde_json::to_vec(dump).unwrap()
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn zstd(text: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(text, ruzstd::encoding::CompressionLevel::Fastest)
}

fn refusal(bytes: &[u8]) -> String {
    parse(bytes, LIMIT_BYTES, false).expect_err("it is refused").reason
}

/// What is said of the sample after `change`.
fn refusal_of(change: impl FnOnce(&mut Dump)) -> String {
    let mut dump = sample();
    change(&mut dump);
    refusal(&bytes(&dump))
}

#[test]
fn a_dump_is_read_plain_and_compressed_whatever_its_name() {
    let text = bytes(&sample());
    for file in [text.clone(), gzip(&text), zstd(&text)] {
        assert_eq!(parse(&file, LIMIT_BYTES, false).unwrap(), sample());
    }
}

#[test]
fn several_compressed_parts_are_read_as_one() {
    let text = bytes(&sample());
    let (first, second) = text.split_at(text.len() / 2);
    let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"abc"].concat();
    assert_eq!(parse(&[gzip(first), gzip(second)].concat(), LIMIT_BYTES, false).unwrap(), sample());
    assert_eq!(
        parse(&[zstd(first), skippable, zstd(second)].concat(), LIMIT_BYTES, false).unwrap(),
        sample()
    );
}

#[test]
fn foreign_files_are_named_for_what_they_are() {
    let dhat = br#"{"dhatFileVersion":1,"mode":"rust-heap","verb":"Allocated","pps":[],"ftbl":["[root]"]}"#;
    let cases: [(&[u8], &str); 9] = [
        (b"", "the file is empty"),
        (&gzip(b""), "the file is empty"),
        (b"hello\n", "it is not a dump of alloc-probe"),
        (b"[1, 2]", "it is not a dump of alloc-probe"),
        (b"{\"a\": 1}", "it is not a dump of alloc-probe"),
        (b"{\"format\": \"other\", \"version\": 1}", "it is not a dump of alloc-probe"),
        (dhat, "it is a DHAT file of version 1, and this tool reads version 2"),
        (b"\x7fELF\x02\x01\x01", "it is a program, not a dump"),
        (b"ALPROBE1\0\0\0\0", "the spool ends within its header"),
    ];
    for (file, expected) in cases {
        assert_eq!(refusal(file), expected, "{:?}", String::from_utf8_lossy(file));
    }
}

#[test]
fn newer_dumps_are_refused_even_where_they_could_not_be_parsed() {
    let expected = "it is a dump of version 9, and this tool reads up to 1";
    assert_eq!(refusal_of(|dump| dump.version = 9), expected);
    let text = br#"{"format":"alloc-probe","version":9,"mode":"telepathy"}"#;
    assert_eq!(refusal(text), expected);
    assert_eq!(parse(text, LIMIT_BYTES, false).unwrap_err().hint, Some("update alloc-probe-cli"));
}

#[test]
fn parts_that_do_not_fit_together_are_damage() {
    let row = |parent, kind| StackNode { parent, image: None, address: 0, kind };
    type Change = Box<dyn FnOnce(&mut Dump)>;
    let cases: [(Change, &str); 11] = [
        (Box::new(|dump| dump.stacks.clear()), "its stacks have no root"),
        (
            Box::new(move |dump| dump.stacks[0] = row(0, FrameKind::Call)),
            "the first row of its stacks, and only that, must be the root",
        ),
        (
            Box::new(move |dump| dump.stacks[7] = row(0, FrameKind::Root)),
            "the first row of its stacks, and only that, must be the root",
        ),
        (
            Box::new(move |dump| dump.stacks[7] = row(7, FrameKind::Call)),
            "row 7 of its stacks comes before its caller's",
        ),
        (
            Box::new(|dump| dump.stacks[7].image = Some(1)),
            "row 7 of its stacks lies in an image that is not listed",
        ),
        (Box::new(|dump| dump.sites[2].stack = 41), "site 2 refers to stack 41, which is missing"),
        (
            Box::new(|dump| {
                dump.failures = Failures { count: 1, last: vec![Failure { stack: 41, ..Failure::default() }] }
            }),
            "a failed allocation refers to stack 41, which is missing",
        ),
        (
            Box::new(|dump| dump.threads.push(Thread { deepest_stack: 41, ..Thread::default() })),
            "a thread refers to stack 41, which is missing",
        ),
        (
            Box::new(|dump| dump.sites[2].ages = vec![(65, 1)].into()),
            "site 2 has a histogram with a bucket beyond 64",
        ),
        (Box::new(|dump| dump.symbols = Some(Symbols::default())), "it has symbols for 0 rows of 41"),
        (
            Box::new(|dump| {
                let frames = [[SymbolFrame::default()]; 41].iter().collect();
                dump.symbols = Some(Symbols { frames, ..Symbols::default() });
            }),
            "its symbols refer to a string that is missing",
        ),
    ];
    for (change, expected) in cases {
        assert_eq!(refusal_of(change), format!("the file is damaged: {expected}"));
    }
}

#[test]
fn stacks_that_would_fill_all_memory_are_refused() {
    let mut dump = sample();
    let rows = 40_000;
    dump.stacks.truncate(1);
    dump.stacks.extend((0..rows).map(|parent| StackNode { parent, ..StackNode::default() }));
    dump.sites = vec![Site { stack: rows, ..Site::default() }; 10_000];
    let refusal = check::check(&dump).unwrap_err();
    assert_eq!(refusal.reason, "its stacks have 400,000,000 frames in all, more than this tool reads");
}

#[test]
fn a_file_that_is_as_large_as_its_stacks_is_read() {
    let mut dump = sample();
    dump.stacks.truncate(1);
    dump.stacks.extend((0..200).map(|parent| StackNode { parent, ..StackNode::default() }));
    // As many sites as a parser has that recurses, in a debug build.
    dump.sites = vec![Site { stack: 200, ..Site::default() }; 1_400_000];
    let refusal = check::check(&dump).unwrap_err();
    assert_eq!(refusal.reason, "its stacks have 280,000,000 frames in all, more than this tool reads");
    // Each has frames of its own.
    dump.stacks.extend(vec![StackNode { parent: 200, ..StackNode::default() }; 4_000_000]);
    assert_eq!(check::check(&dump), Ok(()));
}

#[test]
fn a_bomb_is_refused_before_it_fills_the_memory() {
    let text = vec![b' '; 1 << 20];
    for bomb in [gzip(&text), zstd(&text)] {
        assert!(bomb.len() < 1 << 13);
        let refusal = parse(&bomb, 1 << 16, false).unwrap_err();
        assert_eq!(refusal.reason, "it holds more than 64.0 KiB, the most that this tool reads");
    }
}

#[test]
fn truncated_files_are_called_so_wherever_they_end() {
    let text = bytes(&sample());
    for (format, file) in [("plain", text.clone()), ("gzip", gzip(&text)), ("zstd", zstd(&text))] {
        for fiftieth in 1..50 {
            let part = &file[..file.len() * fiftieth / 50];
            let reason = refusal(part);
            assert!(reason.starts_with("the file is truncated"), "{format} {fiftieth}/50: {reason}");
        }
    }
}

#[test]
fn flipped_bits_are_refused_or_read_but_never_a_panic() {
    let text = bytes(&sample());
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    for file in [text.clone(), gzip(&text), zstd(&text)] {
        let mut refused = 0;
        for _ in 0..2_000 {
            let mut damaged = file.clone();
            for _ in 0..=random(3) {
                let at = random(damaged.len());
                damaged[at] ^= 1 << random(8);
            }
            match parse(&damaged, LIMIT_BYTES, false) {
                Ok(dump) => assert_eq!(dump.format, FORMAT),
                Err(refusal) => {
                    assert!(!refusal.reason.is_empty() && !refusal.reason.contains('\n'));
                    refused += 1;
                }
            }
        }
        assert!(refused > 500, "only {refused} of 2,000 were noticed");
    }
}

#[test]
fn what_the_system_refuses_is_said_with_the_path() {
    let error = load(Path::new("/nonexistent/x.json")).unwrap_err();
    assert_eq!(error.to_string(), "cannot read `/nonexistent/x.json`: no such file or directory");
    let error = load(Path::new("/")).unwrap_err();
    assert_eq!(error.to_string(), "cannot read `/`: is a directory");
}

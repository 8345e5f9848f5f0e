//! Reads a dump as a stream: its long lists row by row, so that its text is never in memory as a whole.
//!
//! What lies between the lists is little, and read at the end. Where anything is not as a dump has it, there is no dump:
//! who asked reads the file as a whole then, and says what is wrong with it.

use alloc_probe_format::dump::{Dump, FORMAT, SymbolRow, SymbolRows, VERSION};
use serde::de::DeserializeOwned;
use serde_json::Deserializer;
use std::io::Read;

/// How much is read at a time.
const CHUNK: usize = 1 << 18;

/// So many bytes of a file tell whether it is a dump.
pub(super) const HEAD_BYTES: usize = 32;

/// Whether a file that begins like this is a dump in JSON.
pub(super) fn is_one(head: &[u8]) -> bool {
    head.starts_with(format!("{{\"format\":\"{FORMAT}\"").as_bytes())
}

/// Parses a dump of a version that this tool reads; none where the text is anything else, damaged, or longer than `limit`.
pub(super) fn parse(source: impl Read, limit: u64) -> Option<Dump> {
    let source = source.take(limit + 1);
    let mut text = Text { source, bytes: Vec::new(), at: 0, is_whole: false, rest: Vec::new() };
    let (mut stacks, mut sites, mut frames) = (Vec::new(), Vec::new(), SymbolRows::default());
    text.object(&mut |text, key| match key {
        b"\"stacks\"" => text.rows(|row| stacks.push(row)),
        b"\"sites\"" => text.rows(|row| sites.push(row)),
        b"\"symbols\"" => text.object(&mut |text, key| match key {
            b"\"frames\"" => text.rows(|SymbolRow(row)| frames.push(&row)),
            _ => text.value(),
        }),
        _ => text.value(),
    })?;
    if text.peek().is_some() || text.source.limit() == 0 {
        return None;
    }
    let mut dump: Dump = serde_json::from_slice(&text.rest).ok()?;
    (dump.stacks, dump.sites) = (stacks, sites);
    if let Some(symbols) = &mut dump.symbols {
        symbols.frames = frames;
    }
    (dump.format == FORMAT && dump.version <= VERSION).then_some(dump)
}

struct Text<R> {
    source: R,
    /// What was read and not yet passed begins at `at`.
    bytes: Vec<u8>,
    at: usize,
    is_whole: bool,
    /// The text without the rows of long lists.
    rest: Vec<u8>,
}

impl<R: Read> Text<R> {
    /// Reads on; none where there is no more, or it can't be read.
    fn fill(&mut self) -> Option<()> {
        if self.is_whole {
            return None;
        }
        self.bytes.drain(..self.at);
        self.at = 0;
        // With a row that is longer than a chunk, it is read in ever larger ones.
        let wanted = CHUNK.max(self.bytes.len()) as u64;
        let read = self.source.by_ref().take(wanted).read_to_end(&mut self.bytes).ok()? as u64;
        self.is_whole = read < wanted;
        (read > 0).then_some(())
    }

    fn byte(&mut self) -> Option<u8> {
        if self.at == self.bytes.len() {
            self.fill()?;
        }
        Some(self.bytes[self.at])
    }

    /// The next byte that is no space.
    fn peek(&mut self) -> Option<u8> {
        loop {
            match self.byte()? {
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                byte => return Some(byte),
            }
        }
    }

    /// Passes a mark.
    fn pass(&mut self, mark: u8) -> Option<()> {
        (self.peek()? == mark).then(|| self.at += 1)
    }

    /// The same, and keeps it.
    fn keep(&mut self, mark: u8) -> Option<()> {
        self.pass(mark)?;
        self.rest.push(mark);
        Some(())
    }

    /// Whether another item of an object or a list follows, behind which `end` is passed.
    fn has_next(&mut self, end: u8) -> Option<bool> {
        match self.peek()? {
            b',' => {
                self.at += 1;
                Some(true)
            }
            byte if byte == end => {
                self.at += 1;
                Some(false)
            }
            _ => None,
        }
    }

    /// Passes an object, of which each value is passed by its key.
    fn object(&mut self, value: &mut dyn FnMut(&mut Self, &[u8]) -> Option<()>) -> Option<()> {
        self.keep(b'{')?;
        if self.peek()? == b'}' {
            return self.keep(b'}');
        }
        loop {
            let start = self.rest.len();
            self.string()?;
            let key = self.rest[start..].to_vec();
            self.keep(b':')?;
            value(self, &key)?;
            if !self.has_next(b'}')? {
                self.rest.push(b'}');
                return Some(());
            }
            self.rest.push(b',');
        }
    }

    /// Passes a list row by row. An empty one is kept.
    fn rows<T: DeserializeOwned>(&mut self, mut push: impl FnMut(T)) -> Option<()> {
        self.keep(b'[')?;
        self.rest.push(b']');
        if self.peek()? == b']' {
            return self.pass(b']');
        }
        loop {
            self.peek()?;
            push(self.row()?);
            if !self.has_next(b']')? {
                return Some(());
            }
        }
    }

    fn row<T: DeserializeOwned>(&mut self) -> Option<T> {
        loop {
            let mut rows = Deserializer::from_slice(&self.bytes[self.at..]).into_iter();
            match rows.next()? {
                Ok(row) => {
                    self.at += rows.byte_offset();
                    return Some(row);
                }
                Err(error) if error.is_eof() => self.fill()?,
                Err(_) => return None,
            }
        }
    }

    /// Passes and keeps a value of any kind. Whether it is sound, who parses what was kept finds out.
    fn value(&mut self) -> Option<()> {
        let mut depth = 0_u32;
        loop {
            match self.peek()? {
                b'"' => self.string()?,
                mark @ (b'{' | b'[') => {
                    self.keep(mark)?;
                    depth += 1;
                    continue;
                }
                mark @ (b'}' | b']') => {
                    self.keep(mark)?;
                    depth = depth.checked_sub(1)?;
                }
                mark @ (b',' | b':') => {
                    self.keep(mark)?;
                    continue;
                }
                _ => self.word()?,
            }
            if depth == 0 {
                return Some(());
            }
        }
    }

    /// A number or a word.
    fn word(&mut self) -> Option<()> {
        let start = self.rest.len();
        while let byte @ (b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'+' | b'-' | b'.') = self.byte()? {
            self.rest.push(byte);
            self.at += 1;
        }
        // Two that a space parts stay two. Any other byte is part of no dump.
        self.rest.push(b' ');
        (self.rest.len() > start + 1).then_some(())
    }

    fn string(&mut self) -> Option<()> {
        self.keep(b'"')?;
        loop {
            let byte = self.byte()?;
            self.rest.push(byte);
            self.at += 1;
            match byte {
                b'"' => return Some(()),
                b'\\' => {
                    let escaped = self.byte()?;
                    self.rest.push(escaped);
                    self.at += 1;
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc_probe_format::dump::{
        FrameKind, Image, Mark, Mode, Site, StackNode, SymbolFrame, Symbols, TailCalls,
    };

    fn dump() -> Dump {
        let mut dump = Dump { format: FORMAT.into(), version: VERSION, mode: Mode::Full, ..Dump::default() };
        dump.stacks.push(StackNode { kind: FrameKind::Root, ..StackNode::default() });
        dump.images.push(Image { path: "/a \"b\\".into(), load_address: u64::MAX, ..Image::default() });
        dump.marks.push(Mark { name: "ready, {[ steady".into(), count: 2, ..Mark::default() });
        let frame = |function| SymbolFrame { function, line: Some(7), ..SymbolFrame::default() };
        let strings = vec!["f".into(), "g \\ü\n".into()];
        let mut symbols = Symbols { strings, frames: [vec![]].into_iter().collect(), ..Symbols::default() };
        for row in 1..40_000_u32 {
            let node =
                StackNode { parent: row / 2, image: Some(0), address: u64::from(row), ..Default::default() };
            dump.stacks.push(node);
            dump.sites.push(Site { stack: row, sizes: vec![(4, u64::from(row))].into(), ..Site::default() });
            symbols.frames.push(&[frame(row % 2)]);
        }
        symbols.tail_calls.push(TailCalls { row: 3, frames: vec![frame(1)] });
        dump.symbols = Some(symbols);
        dump
    }

    /// A source that gives so many bytes at a time.
    struct Slow<'t>(&'t [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let length = buffer.len().min(self.1).min(self.0.len());
            buffer[..length].copy_from_slice(&self.0[..length]);
            self.0 = &self.0[length..];
            Ok(length)
        }
    }

    #[test]
    fn what_is_read_in_pieces_is_what_was_written() {
        let mut dump = dump();
        let text = serde_json::to_vec(&dump).unwrap();
        assert!(is_one(&text) && text.len() > 4 * CHUNK);
        for piece in [usize::MAX, 1_000_003, 7_919] {
            assert_eq!(parse(Slow(&text, piece), 1 << 30).as_ref(), Some(&dump));
        }
        let spaced = serde_json::to_vec_pretty(&dump).unwrap();
        assert_eq!(parse(&*spaced, 1 << 30).as_ref(), Some(&dump));
        (dump.stacks, dump.sites, dump.symbols) = Default::default();
        assert_eq!(parse(&*serde_json::to_vec(&dump).unwrap(), 1 << 30), Some(dump));
    }

    #[test]
    fn what_is_no_dump_is_none() {
        let text = serde_json::to_string(&dump()).unwrap();
        assert!(parse(text.as_bytes(), text.len() as u64).is_some());
        assert!(parse(text.as_bytes(), text.len() as u64 - 1).is_none(), "longer than the limit");
        let other = |from: &str, to: &str| text.replacen(from, to, 1);
        let cases = [
            text[..text.len() - 1].to_owned(),
            text[..text.len() / 2].to_owned(),
            format!("{text} 1"),
            other(":\"full\"", ":\"fu ll\""),
            other("\"version\":1", "\"version\":2"),
            other("\"version\":1", "\"version\":1 1"),
            other("\"peak_time_ns\":0", "\"peak_time_ns\":0]"),
            other("[15000,0,", "[15000,0 0,"),
            other("],[15000,0,", "] [15000,0,"),
            other("\"sites\":[", "\"sites\":[7,"),
            other("\"sites\":[", "\"sites\":7,\"other\":["),
            other("\"stacks\":[", "\"sites\":[],\"stacks\":["),
            other("{\"format\"", "[\"format\""),
            other("\"process\":{", "\"process\":{@"),
            other("\"samples\":[", "\"samples\":[\0"),
        ];
        for (number, case) in cases.iter().enumerate() {
            assert_ne!(*case, text);
            assert!(parse(case.as_bytes(), 1 << 30).is_none(), "case {number}");
        }
    }
}

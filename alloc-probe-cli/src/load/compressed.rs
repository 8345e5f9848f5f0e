//! Compressed dumps, told by their first bytes: gzip and Zstandard.

use super::read::read_within;
use super::refusal::Refusal;
use crate::error::io_reason;
use flate2::read::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};
use std::borrow::Cow;
use std::error::Error;
use std::io::{self, BufRead, BufReader, Read};

const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];
const ZSTD_MAGIC: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// The text of a file: its bytes as they are, or what they decompress to, which is at most `limit` bytes.
pub(super) fn decompress(bytes: &[u8], limit: u64) -> Result<Cow<'_, [u8]>, Refusal> {
    if bytes.starts_with(GZIP_MAGIC) {
        let text = read_within(MultiGzDecoder::new(bytes), limit);
        text.map(Cow::Owned).map_err(|error| refusal("gzip", &error))
    } else if bytes.starts_with(ZSTD_MAGIC) {
        let text = read_within(ZstdFrames { rest: bytes, frame: None }, limit);
        text.map(Cow::Owned).map_err(|error| refusal("zstd", &error))
    } else {
        Ok(Cow::Borrowed(bytes))
    }
}

/// So many bytes of a file's text tell what it is.
const HEAD_BYTES: u64 = 64;

/// How a file's text begins: as much of it as can be had.
pub(super) fn head(bytes: &[u8]) -> Vec<u8> {
    let mut head = Vec::new();
    // What is damaged is said when it is read.
    let _ = reader(bytes).take(HEAD_BYTES).read_to_end(&mut head);
    head
}

/// Has a file's text read as a stream, of at most `limit` bytes.
pub(super) fn stream<T>(
    bytes: &[u8],
    limit: u64,
    read: impl FnOnce(&mut dyn BufRead, &dyn Fn(&io::Error) -> Refusal) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    let format = if bytes.starts_with(GZIP_MAGIC) { "gzip" } else { "zstd" };
    let limited = Limited { source: reader(bytes), rest: limit };
    read(&mut BufReader::with_capacity(1 << 16, limited), &|error| refusal(format, error))
}

/// A file's text as a stream.
pub(super) fn reader(bytes: &[u8]) -> Box<dyn Read + '_> {
    if bytes.starts_with(GZIP_MAGIC) {
        Box::new(MultiGzDecoder::new(bytes))
    } else if bytes.starts_with(ZSTD_MAGIC) {
        Box::new(ZstdFrames { rest: bytes, frame: None })
    } else {
        Box::new(bytes)
    }
}

/// Reading that fails beyond so many bytes.
struct Limited<R> {
    source: R,
    rest: u64,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        let Some(rest) = self.rest.checked_sub(read as u64) else {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it holds more than this tool reads"));
        };
        self.rest = rest;
        Ok(read)
    }
}

fn refusal(format: &str, error: &io::Error) -> Refusal {
    match error.kind() {
        io::ErrorKind::FileTooLarge => Refusal::new(io_reason(error)),
        _ if is_early_end(error) => {
            Refusal::new(format_args!("the file is truncated: its {format} data ends too early"))
        }
        _ => Refusal::new(format_args!("its {format} data is damaged: {}", io_reason(error))),
    }
}

/// Whether an early end of the input is what is at the bottom of an error. Only there do all decoders agree.
fn is_early_end(error: &io::Error) -> bool {
    let mut layer: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = layer {
        let inner = error.downcast_ref::<io::Error>();
        if inner.is_some_and(|inner| inner.kind() == io::ErrorKind::UnexpectedEof) {
            return true;
        }
        // An `io::Error` passes over the error it holds, and names that one's source as its own.
        layer = match inner.and_then(io::Error::get_ref) {
            Some(held) => Some(held),
            None => error.source(),
        };
    }
    false
}

/// All the frames of a file, one after the other: parallel compressors write several.
struct ZstdFrames<'a> {
    rest: &'a [u8],
    frame: Option<StreamingDecoder<&'a [u8], FrameDecoder>>,
}

impl Read for ZstdFrames<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(frame) = &mut self.frame {
                let read = frame.read(buffer)?;
                if read > 0 || buffer.is_empty() {
                    return Ok(read);
                }
                let (stated, calculated) =
                    (frame.decoder.get_checksum_from_data(), frame.decoder.get_calculated_checksum());
                if stated.is_some() && stated != calculated {
                    return Err(io::Error::other("its checksum does not match"));
                }
                self.rest = *frame.get_ref();
                self.frame = None;
            }
            if self.rest.is_empty() {
                return Ok(0);
            }
            match StreamingDecoder::new(self.rest) {
                Ok(frame) => self.frame = Some(frame),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let skipped = SKIPPABLE_HEADER_BYTES.saturating_add(length as usize);
                    self.rest = self
                        .rest
                        .get(skipped..)
                        .ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
    }
}

/// Magic number and length of a frame that decoders are to skip.
const SKIPPABLE_HEADER_BYTES: usize = 8;

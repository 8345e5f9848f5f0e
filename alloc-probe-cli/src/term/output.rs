//! Where results go: as text whose styles are dropped where nobody sees them, or as the bytes of a format.

use anstream::{AutoStream, StripStream};
use std::io::{self, BufWriter, StdoutLock, Write};

/// Where results go.
pub struct Output<'a>(Stream<'a>);

enum Stream<'a> {
    Standard(BufWriter<AutoStream<StdoutLock<'static>>>),
    Kept(StripStream<&'a mut (dyn Write + 'static)>),
    Bytes(Box<dyn Write + 'a>),
}

impl Output<'static> {
    pub(super) fn standard() -> Output<'static> {
        Output(Stream::Standard(BufWriter::new(AutoStream::auto(io::stdout().lock()))))
    }
}

impl<'a> Output<'a> {
    pub(super) fn kept(bytes: &'a mut Vec<u8>) -> Output<'a> {
        Output(Stream::Kept(StripStream::new(bytes as &mut (dyn Write + 'static))))
    }

    /// The stream for what is no text: from here on, every byte is written as it is.
    ///
    /// # Errors
    ///
    /// Where the text before can't be written.
    pub fn bytes(&mut self) -> io::Result<&mut (dyn Write + 'a)> {
        self.flush()?;
        let nowhere = Stream::Bytes(Box::new(io::sink()));
        self.0 = match std::mem::replace(&mut self.0, nowhere) {
            Stream::Standard(stream) => {
                let stream = stream.into_inner().map_err(io::IntoInnerError::into_error)?;
                Stream::Bytes(Box::new(BufWriter::new(stream.into_inner())))
            }
            Stream::Kept(stream) => Stream::Bytes(Box::new(stream.into_inner())),
            bytes @ Stream::Bytes(_) => bytes,
        };
        Ok(self.stream())
    }

    fn stream(&mut self) -> &mut (dyn Write + 'a) {
        match &mut self.0 {
            Stream::Standard(stream) => stream,
            Stream::Kept(stream) => stream,
            Stream::Bytes(stream) => stream.as_mut(),
        }
    }
}

/// A stream to which everything goes as it is.
impl<'a> From<Box<dyn Write + 'a>> for Output<'a> {
    fn from(stream: Box<dyn Write + 'a>) -> Output<'a> {
        Output(Stream::Bytes(stream))
    }
}

impl<'a> AsMut<dyn Write + 'a> for Output<'a> {
    fn as_mut(&mut self) -> &mut (dyn Write + 'a) {
        self.stream()
    }
}

impl Write for Output<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream().flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn styles_are_dropped_from_text_and_bytes_stay() {
        let mut kept = Vec::new();
        let mut output = Output::kept(&mut kept);
        output.write_all(b"a\x1b[1mb").unwrap();
        output.bytes().unwrap().write_all(b"c\x1b[1md\xff").unwrap();
        output.write_all(b"\x1b[0m").unwrap();
        drop(output);
        assert_eq!(kept, b"abc\x1b[1md\xff\x1b[0m");
    }
}

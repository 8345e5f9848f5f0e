//! How JSON is laid out, and how long lists are written.

use serde::{Serialize, Serializer};
use serde_json::ser::Formatter;
use std::io::{self, Write};

/// The version of the schema. It changes when something is renamed, removed, or comes to mean something else.
pub(super) const SCHEMA_VERSION: u32 = 2;

/// So deep, each field and each row has a line of its own. What lies deeper stays on that line.
const LINES: usize = 2;

/// Writes a value with a line for each of its fields, and for each row of their lists: short, and still to be read, and to
/// be compared line by line.
///
/// # Errors
///
/// Those of `out`.
pub(super) fn write(value: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    let mut serializer = serde_json::Serializer::with_formatter(&mut *out, Layout::default());
    value.serialize(&mut serializer)?;
    writeln!(out)
}

/// A list whose rows are made while they are written.
pub(super) struct Rows<F>(pub(super) F);

impl<F, I> Serialize for Rows<F>
where
    F: Fn() -> I,
    I: Iterator<Item: Serialize>,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0())
    }
}

#[derive(Default)]
struct Layout {
    depth: usize,
    /// Whether the innermost list or object has anything in it.
    has_value: bool,
}

impl Layout {
    fn begin<W: ?Sized + Write>(&mut self, mark: &[u8], out: &mut W) -> io::Result<()> {
        self.depth += 1;
        self.has_value = false;
        out.write_all(mark)
    }

    fn next<W: ?Sized + Write>(&mut self, first: bool, out: &mut W) -> io::Result<()> {
        if !first {
            out.write_all(b",")?;
        }
        self.line(out)
    }

    fn end<W: ?Sized + Write>(&mut self, mark: &[u8], out: &mut W) -> io::Result<()> {
        let is_open = self.has_value && self.depth <= LINES;
        self.depth -= 1;
        if is_open {
            self.line(out)?;
        }
        self.has_value = true;
        out.write_all(mark)
    }

    fn line<W: ?Sized + Write>(&self, out: &mut W) -> io::Result<()> {
        if self.depth > LINES {
            return Ok(());
        }
        out.write_all(b"\n")?;
        (0..self.depth).try_for_each(|_| out.write_all(b" "))
    }
}

impl Formatter for Layout {
    fn begin_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.begin(b"[", out)
    }

    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.end(b"]", out)
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.next(first, out)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.has_value = true;
        Ok(())
    }

    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.begin(b"{", out)
    }

    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.end(b"}", out)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.next(first, out)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(if self.depth <= LINES { b": " } else { b":" })
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.has_value = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fields_and_rows_have_lines() {
        let value =
            json!({ "a": 1, "b": [], "c": { "d": [1, 2] }, "e": [{ "f": [1, { "g": 2 }], "h": {} }, 3] });
        let mut text = Vec::new();
        write(&value, &mut text).unwrap();
        let expected = "{\n \"a\": 1,\n \"b\": [],\n \"c\": {\n  \"d\": [1,2]\n },\n \"e\": [\n  {\"f\":[1,{\"g\":2}],\
                        \"h\":{}},\n  3\n ]\n}\n";
        assert_eq!(String::from_utf8(text).unwrap(), expected);
        assert_eq!(serde_json::from_str::<serde_json::Value>(expected).unwrap(), value);
    }
}

//! The symbols that a dump may carry, so that it can be read where its program's files are not.

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// Symbols that a dump carries: for each row of [`Dump::stacks`](super::Dump::stacks), the frames it stands for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Symbols {
    /// The strings that the rest refers to.
    pub strings: Vec<String>,
    /// For each row of the stacks, its frames, inlined ones first.
    #[serde(deserialize_with = "rows::deserialize")]
    pub frames: Vec<Vec<SymbolFrame>>,
    /// The strings, in ascending order, that are names of functions whose path was made from their file: the module is
    /// right, but a type may be missing (`alloc::vec::push` for `alloc::vec::Vec::push`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guessed: Vec<u32>,
    /// What is not in the stacks, since its functions ended in a jump to the next, at most once for each row of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tail_calls: Vec<TailCalls>,
    /// The images whose symbols could not be had.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<MissingImage>,
}

/// Functions between a row of the stacks and its parent, which left no frame there: each ended in a jump to what it
/// called last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TailCalls {
    /// The row of [`Dump::stacks`](super::Dump::stacks).
    pub row: u32,
    /// Their frames, from the row's function outwards.
    pub frames: Vec<SymbolFrame>,
}

/// An image whose symbols could not be had, or only in part.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingImage {
    /// The row of [`Dump::images`](super::Dump::images).
    pub image: u32,
    /// Why, in a clause.
    pub reason: String,
}

/// One source-level frame, written as `[function, file, line, column]`, without what is not known at its end, and with
/// `null` for what is not known before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SymbolFrame {
    /// The demangled function name, an index into [`Symbols::strings`].
    pub function: u32,
    /// The source file, likewise.
    pub file: Option<u32>,
    /// The line, from 1.
    pub line: Option<u32>,
    /// The column, from 1.
    pub column: Option<u32>,
}

impl Serialize for SymbolFrame {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let items = [Some(self.function), self.file, self.line, self.column];
        let known = items.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
        items[..known].serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for SymbolFrame {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<SymbolFrame, D::Error> {
        struct Items;
        impl<'de> Visitor<'de> for Items {
            type Value = SymbolFrame;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a frame [function, file, line, column]")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<SymbolFrame, A::Error> {
                let missing = || A::Error::custom("a frame of the symbols has no function");
                let frame = SymbolFrame {
                    function: seq.next_element()?.ok_or_else(missing)?,
                    file: seq.next_element()?.flatten(),
                    line: seq.next_element()?.flatten(),
                    column: seq.next_element()?.flatten(),
                };
                while seq.next_element::<serde::de::IgnoredAny>()?.is_some() {}
                Ok(frame)
            }
        }
        deserializer.deserialize_seq(Items)
    }
}

/// Rows of frames. There are millions of them, most of one frame: so each gets just the room that it needs.
mod rows {
    use super::*;
    use serde::de::DeserializeSeed;

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Vec<SymbolFrame>>, D::Error> {
        deserializer.deserialize_seq(Rows)
    }

    struct Rows;

    impl<'de> Visitor<'de> for Rows {
        type Value = Vec<Vec<SymbolFrame>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("rows of frames")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            let (mut rows, mut row) = (Vec::new(), Vec::new());
            while seq.next_element_seed(Row(&mut row))?.is_some() {
                rows.push(row.as_slice().to_vec());
            }
            Ok(rows)
        }
    }

    /// Reads a row into room that is used again and again.
    struct Row<'r>(&'r mut Vec<SymbolFrame>);

    impl<'de> DeserializeSeed<'de> for Row<'_> {
        type Value = ();

        fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
            deserializer.deserialize_seq(self)
        }
    }

    impl<'de> Visitor<'de> for Row<'_> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a row of frames")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
            self.0.clear();
            while let Some(frame) = seq.next_element()? {
                self.0.push(frame);
            }
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_symbols_are_arrays_without_what_is_not_known() {
        let cases = [
            ("[7]", SymbolFrame { function: 7, ..SymbolFrame::default() }),
            ("[7,1,12]", SymbolFrame { function: 7, file: Some(1), line: Some(12), column: None }),
            ("[7,null,12,5]", SymbolFrame { function: 7, file: None, line: Some(12), column: Some(5) }),
        ];
        for (text, frame) in cases {
            assert_eq!(serde_json::to_string(&frame).unwrap(), text);
            assert_eq!(serde_json::from_str::<SymbolFrame>(text).unwrap(), frame);
        }
        for text in ["[]", "[null]", "[-1]", "7", "{}"] {
            assert!(serde_json::from_str::<SymbolFrame>(text).is_err(), "{text}");
        }
    }
}

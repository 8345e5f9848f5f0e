//! A frame of the symbols.

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// One source-level frame, written as `[function, file, line, column]`, without what is not known at its end, and with
/// `null` for what is not known before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SymbolFrame {
    /// The demangled function name, an index into [`Symbols::strings`](super::Symbols::strings).
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

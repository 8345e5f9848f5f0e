//! The tree of stacks.

use super::hex::Hex;
use crate::spool::FrameKind;
use serde::de::{Error as _, SeqAccess, Visitor};
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// One row of the tree of stacks, written as `[parent, image, "0xaddress"]`, with a fourth item where the
/// kind is not [`FrameKind::Call`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StackNode {
    /// The row of the caller.
    pub parent: u32,
    /// The image the address lies in; none where it lies in no known one (`null` in the file).
    pub image: Option<u32>,
    /// The address as the image's file has it (the process's without an image).
    pub address: u64,
    /// What the address means.
    pub kind: FrameKind,
}

impl Serialize for StackNode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let with_kind = self.kind != FrameKind::Call;
        let mut row = serializer.serialize_seq(Some(3 + usize::from(with_kind)))?;
        row.serialize_element(&self.parent)?;
        row.serialize_element(&self.image)?;
        row.serialize_element(&Hex(self.address))?;
        if with_kind {
            row.serialize_element(&self.kind)?;
        }
        row.end()
    }
}

impl<'de> Deserialize<'de> for StackNode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<StackNode, D::Error> {
        struct Row;
        impl<'de> Visitor<'de> for Row {
            type Value = StackNode;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a row [parent, image, \"0xaddress\"] of the tree of stacks")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<StackNode, A::Error> {
                let missing = || A::Error::custom("a row of the tree of stacks is too short");
                let node = StackNode {
                    parent: seq.next_element()?.ok_or_else(missing)?,
                    image: seq.next_element()?.ok_or_else(missing)?,
                    address: seq.next_element::<Hex>()?.ok_or_else(missing)?.0,
                    kind: seq.next_element()?.unwrap_or_default(),
                };
                while seq.next_element::<serde::de::IgnoredAny>()?.is_some() {}
                Ok(node)
            }
        }
        deserializer.deserialize_seq(Row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stack_rows_are_short_arrays() {
        let call = StackNode { parent: 3, image: Some(1), address: 0x1f40, kind: FrameKind::Call };
        let cut = StackNode { parent: 0, image: None, address: 0, kind: FrameKind::Cut };
        let text = serde_json::to_string(&[call, cut]).unwrap();
        assert_eq!(text, r#"[[3,1,"0x1f40"],[0,null,"0x0","cut"]]"#);
        assert_eq!(serde_json::from_str::<Vec<StackNode>>(&text).unwrap(), [call, cut]);
    }

    #[test]
    fn bad_rows_are_refused() {
        for text in
            [r#"[3,1]"#, r#"[3,1,"1f40"]"#, r#"[3,1,12]"#, r#"[-1,1,"0x1"]"#, r#"[0,0,"0x1","other"]"#]
        {
            assert!(serde_json::from_str::<StackNode>(text).is_err(), "{text}");
        }
    }
}

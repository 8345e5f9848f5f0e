//! A frame key: the address in the low 48 bits, above them in two bits what it means, and above these the number of the
//! image that it lay in, where that is gone.

use serde::{Deserialize, Serialize};

/// What the address of a frame means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FrameKind {
    /// A return address: the call is just before it.
    #[default]
    Call,
    /// The very instruction, as where a signal interrupted it.
    Exact,
    /// Frames were left out here: the stack was deeper than the limit, or could not be followed.
    Cut,
    /// No address, but the number of an operation: whatever is inward of it was done in it.
    Operation,
    /// The first row, which is no frame.
    Root,
}

/// Where the kind starts.
pub const KIND_SHIFT: u32 = 48;

/// Where the image starts.
const IMAGE_SHIFT: u32 = 50;

/// The largest number there is room for. Stands for any from there on: which of them it is, is then not known.
const LAST_IMAGE: u64 = (1 << (64 - IMAGE_SHIFT)) - 2;

/// The kind of a key.
pub fn kind(key: u64) -> FrameKind {
    match key >> KIND_SHIFT & 3 {
        1 => FrameKind::Exact,
        2 => FrameKind::Cut,
        3 => FrameKind::Operation,
        _ => FrameKind::Call,
    }
}

/// What marks a key as that of an image that is gone, by the number of its fact.
pub fn of_gone(image: u64) -> u64 {
    (image.min(LAST_IMAGE) + 1) << IMAGE_SHIFT
}

/// The number of that image; none where it is the one that stands there now.
pub fn image(key: u64) -> Option<u64> {
    (key >> IMAGE_SHIFT).checked_sub(1)
}

/// The address of a key.
pub fn address(key: u64) -> u64 {
    key & ((1 << KIND_SHIFT) - 1)
}

//! The hash by which a file without a build id is known again: of what its executable segments have in the file.
//!
//! Two lanes of 64 bits over the words of eight bytes, little-endian, the last one filled up with zeros; and then the
//! number of bytes. It tells builds apart and is no proof against somebody who wants two files to look alike.

/// A hash that is fed piece by piece. Only the last piece may be no multiple of eight bytes.
#[derive(Clone, Debug)]
pub struct TextHash {
    lanes: [u64; 2],
    bytes: u64,
}

impl Default for TextHash {
    fn default() -> TextHash {
        TextHash::new()
    }
}

impl TextHash {
    /// Of nothing yet.
    pub const fn new() -> TextHash {
        TextHash { lanes: [0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344], bytes: 0 }
    }

    /// Adds a piece.
    pub fn add(&mut self, piece: &[u8]) {
        let mut words = piece.chunks_exact(8);
        for word in &mut words {
            self.word(u64::from_le_bytes(word.try_into().unwrap_or_default()));
        }
        let rest = words.remainder();
        if !rest.is_empty() {
            let mut last = [0; 8];
            last[..rest.len()].copy_from_slice(rest);
            self.word(u64::from_le_bytes(last));
        }
        self.bytes += piece.len() as u64;
    }

    fn word(&mut self, word: u64) {
        let [one, two] = &mut self.lanes;
        *one = (*one ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
        *two = (two.rotate_left(31) ^ word).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    }

    /// The hash of all that was added: 16 bytes.
    pub fn finish(mut self) -> [u8; 16] {
        self.word(self.bytes);
        self.word(0);
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.lanes[0].to_le_bytes());
        bytes[8..].copy_from_slice(&self.lanes[1].to_le_bytes());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::TextHash;

    fn of(pieces: &[&[u8]]) -> [u8; 16] {
        let mut hash = TextHash::new();
        pieces.iter().for_each(|piece| hash.add(piece));
        hash.finish()
    }

    #[test]
    fn pieces_do_not_matter_and_every_byte_does() {
        let text: Vec<u8> = (0..=255).cycle().take(1003).collect();
        let whole = of(&[&text]);
        assert_eq!(of(&[&text[..512], &text[512..]]), whole);
        for index in [0, 7, 8, 500, 1002] {
            let mut other = text.clone();
            other[index] ^= 1;
            assert_ne!(of(&[&other]), whole, "{index}");
        }
        let mut longer = text.clone();
        longer.push(0);
        assert_ne!(of(&[&longer]), whole, "zeros at the end count");
    }
}

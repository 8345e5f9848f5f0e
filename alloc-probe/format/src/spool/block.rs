//! Live blocks. A narrow entry is two words, a wide one four with the size in the third:
//!
//! ```text
//! word 0:  address 48 | low 16 bits of the site
//! word 1:  high 8 bits of the site | sampled 1 | size 13 (0 in a wide entry) | allocated_at 42, in clock units
//! ```
//!
//! Word 0 is 0 where there never was an entry and 1 where there was one; word 1 is 0 while an entry is
//! being written.

/// Sizes from here on need a wide entry.
pub const WIDE_SIZE: u64 = 1 << 13;
/// Addresses from here on can't be kept.
pub const ADDRESS_LIMIT: u64 = 1 << 48;
/// Bits of the time of an allocation; lifetimes are taken modulo this.
pub const TIME_BITS: u32 = 42;
/// The mask of such a time.
pub const TIME_MASK: u64 = (1 << TIME_BITS) - 1;
/// What is left of an entry that was removed.
pub const REMOVED: u64 = 1;
/// Ticks of the clock in a unit, as a shift.
pub const UNIT_SHIFT: u32 = 10;

/// An entry taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// The address.
    pub address: u64,
    /// The size asked for; 0 in the first two words of a wide entry.
    pub size: u64,
    /// The site's number.
    pub site: u32,
    /// When it was allocated, in clock units, modulo 2^42.
    pub allocated_at: u64,
    /// Whether it was drawn by chance, and so stands for more than itself.
    pub sampled: bool,
}

impl Block {
    /// No block.
    pub const NONE: Block = Block { address: 0, size: 0, site: 0, allocated_at: 0, sampled: false };

    /// The first two words of an entry.
    pub const fn pack(self) -> (u64, u64) {
        let site = self.site as u64;
        let size = if self.size < WIDE_SIZE { self.size } else { 0 };
        let first = self.address << 16 | (site & 0xffff);
        let sampled = (self.sampled as u64) << 55;
        let second = (site >> 16) << 56 | sampled | size << TIME_BITS | (self.allocated_at & TIME_MASK);
        (first, second)
    }

    /// The entry of two words.
    pub const fn unpack(first: u64, second: u64) -> Block {
        Block {
            address: first >> 16,
            size: second >> TIME_BITS & (WIDE_SIZE - 1),
            site: ((second >> 56) << 16 | first & 0xffff) as u32,
            allocated_at: second & TIME_MASK,
            sampled: second >> 55 & 1 != 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_unpacked_as_packed() {
        for site in [0, 1, 0xffff, 0x1_0000, 0xff_ffff] {
            for size in [0, 1, WIDE_SIZE - 1] {
                let sampled = site == 1;
                let block =
                    Block { address: ADDRESS_LIMIT - 16, size, site, allocated_at: TIME_MASK - 5, sampled };
                let (first, second) = block.pack();
                assert_eq!(Block::unpack(first, second), block);
            }
        }
    }
}

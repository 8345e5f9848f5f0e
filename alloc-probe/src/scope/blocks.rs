//! The live blocks of open scopes: from an address to the scope that owns the block.
//!
//! There is an entry exactly as long as its block is live and its scope is open, so that nothing has to be looked up
//! once all scopes are closed. The blocks of a scope are a chain, by which they are found when it closes.

use super::slot::{Number, slot};
use super::table::{Entry, KEY_LIMIT, MIX, Table};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// 16 million places of 24 bytes at the most; only what is used becomes memory.
const BITS: u32 = 24;

static BLOCKS: Table<Block> = Table::new();

/// A live block. Its address is the key.
#[repr(C)]
struct Block {
    word: AtomicU64,
    /// `scope << 32 | node of its stack`.
    owner: AtomicU64,
    /// `next << 32 | before`, each a place plus one, so that 0 ends a chain.
    links: AtomicU64,
}

// SAFETY: three atomic integers, and the first is the table's.
unsafe impl Entry for Block {
    fn word(&self) -> &AtomicU64 {
        &self.word
    }

    /// By the address's page, and within it by the address: blocks allocated together are found together.
    #[inline(always)]
    fn home(address: u64) -> u64 {
        ((address >> 12).wrapping_mul(MIX) >> 24) << 7 | (address >> 5 & 127)
    }
}

/// Who a block belongs to, and the stack that allocated it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) scope: Number,
    /// 0 where nobody asked.
    pub(super) node: u32,
}

impl Owner {
    fn of(block: &Block) -> Owner {
        let owner = block.owner.load(Relaxed);
        Owner { scope: (owner >> 32) as u32, node: owner as u32 }
    }

    fn store(self, block: &Block) {
        block.owner.store(u64::from(self.scope) << 32 | u64::from(self.node), Relaxed);
    }
}

/// Makes the table. Called once.
pub(super) fn create() -> bool {
    BLOCKS.create(BITS)
}

/// The place and the owner of the block at an address, if a scope owns it. Both may be out of date until the lock of the
/// owner's tree is held, and this says the same again.
#[inline(always)]
pub(super) fn find(address: u64) -> Option<(u32, Owner)> {
    let place = BLOCKS.find(address)?;
    Some((place, Owner::of(BLOCKS.at(place))))
}

/// Adds the block at an address. False where there is no room. The lock of the owner's tree is held.
pub(super) fn insert(address: u64, owner: Owner) -> bool {
    if address >= KEY_LIMIT - 1 {
        return false;
    }
    let Some(place) = BLOCKS.insert(address) else { return false };
    owner.store(BLOCKS.at(place));
    let first = &slot(owner.scope).blocks;
    let next = first.load(Relaxed);
    set_links(place, next, 0);
    if next != 0 {
        set_before(next - 1, place + 1);
    }
    first.store(place + 1, Relaxed);
    true
}

/// Takes a block away. The lock of the owner's tree is held.
pub(super) fn remove(place: u32, owner: Owner) {
    let links = BLOCKS.at(place).links.load(Relaxed);
    let (next, before) = ((links >> 32) as u32, links as u32);
    if before == 0 {
        slot(owner.scope).blocks.store(next, Relaxed);
    } else {
        set_next(before - 1, next);
    }
    if next != 0 {
        set_before(next - 1, before);
    }
    BLOCKS.remove(place);
}

/// A block ends whose tree can't be locked: it stays in the chain, where nobody finds it, until its scope closes.
pub(super) fn disown(place: u32) {
    BLOCKS.make_unfindable(place);
}

/// Whether the block at an address still lies at a place, with an owner.
#[inline(always)]
pub(super) fn is_at(place: u32, address: u64, owner: Owner) -> bool {
    BLOCKS.has(place, address) && Owner::of(BLOCKS.at(place)) == owner
}

/// Gives all blocks of a scope to another, or to none. The tree's lock is held.
pub(super) fn hand_over(from: Number, to: Number) {
    let first = slot(from).blocks.swap(0, Relaxed);
    let mut place = first;
    while place != 0 {
        let block = BLOCKS.at(place - 1);
        let next = (block.links.load(Relaxed) >> 32) as u32;
        if to == 0 {
            BLOCKS.remove(place - 1);
        } else {
            Owner { scope: to, ..Owner::of(block) }.store(block);
            if next == 0 {
                join(place, first, to);
            }
        }
        place = next;
    }
}

/// Puts a chain that ends at `last` before the one of a scope.
fn join(last: u32, first: u32, to: Number) {
    let theirs = slot(to).blocks.swap(first, Relaxed);
    set_next(last - 1, theirs);
    if theirs != 0 {
        set_before(theirs - 1, last);
    }
}

fn set_links(place: u32, next: u32, before: u32) {
    BLOCKS.at(place).links.store(u64::from(next) << 32 | u64::from(before), Relaxed);
}

fn set_next(place: u32, next: u32) {
    let before = BLOCKS.at(place).links.load(Relaxed) as u32;
    set_links(place, next, before);
}

fn set_before(place: u32, before: u32) {
    let next = (BLOCKS.at(place).links.load(Relaxed) >> 32) as u32;
    set_links(place, next, before);
}

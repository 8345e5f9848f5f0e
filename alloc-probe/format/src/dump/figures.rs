//! What was counted of a process, and of a site.
//!
//! The list at the end is the only place that knows which figures there are: a new one is a line there, and what reads
//! all of them ([`Figures::each`]) has it.

use serde::{Deserialize, Serialize};

/// Whether a figure is left out of the file.
pub(super) fn is_zero(figure: &u64) -> bool {
    *figure == 0
}

macro_rules! figures {
    ($($(#[doc = $meaning:literal])+ $name:ident;)+) => {
        /// The figures of a process, and of a site. Those that are zero are left out of the file: most sites have few others.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        pub struct Figures {
            $(
                $(#[doc = $meaning])+
                #[serde(default, skip_serializing_if = "is_zero")]
                pub $name: u64,
            )+
            /// Of the bytes live at the end, those at sites that grow without end, but for what may be under way. The
            /// verdict is of whoever reads a dump, so no dump has it.
            #[serde(skip)]
            pub growth_bytes: u64,
        }

        impl Figures {
            /// Adds another's figures to these, as for two sites that are shown as one.
            pub fn add(&mut self, other: &Figures) {
                $(self.$name = self.$name.saturating_add(other.$name);)+
                self.growth_bytes = self.growth_bytes.saturating_add(other.growth_bytes);
            }

            /// Every figure with the name that it has in JSON, also those that are zero.
            pub fn each(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name)),+, ("growth_bytes", self.growth_bytes)].into_iter()
            }
        }
    };
}

impl Figures {
    /// Blocks that have ended: freed, or replaced by a `realloc`.
    pub const fn freed_blocks(&self) -> u64 {
        self.total_blocks.saturating_sub(self.end_blocks)
    }
}

figures! {
    /// Bytes ever allocated.
    total_bytes;
    /// Blocks ever allocated.
    total_blocks;
    /// Bytes live at the instant of the process's peak.
    peak_bytes;
    /// Blocks live at the instant of the process's peak of bytes.
    peak_blocks;
    /// Bytes live when the dump was taken.
    end_bytes;
    /// Blocks live when the dump was taken.
    end_blocks;
    /// Bytes of those live blocks that were at least as old as the threshold.
    long_lived_bytes;
    /// Live blocks at least as old as the threshold.
    long_lived_blocks;
    /// Blocks freed before the thread that allocated them allocated again.
    temporary_blocks;
    /// Blocks that came from a `realloc`.
    realloc_calls;
    /// Of these, the ones that got another address.
    realloc_moves;
    /// Bytes that had to be copied for it: the smaller of the old and the new size, for each move.
    moved_bytes;
    /// The lifetimes of all blocks that have ended (freed, or replaced by a `realloc`), added up.
    lifetime_sum_ns;
}

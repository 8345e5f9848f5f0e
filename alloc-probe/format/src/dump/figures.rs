//! What was counted of a process, and of a site.
//!
//! Which figures there are, the [table](crate::site_figures) says.

use crate::site_figures::site_figures;
use serde::{Deserialize, Serialize};

/// Whether a figure is left out of the file.
pub(super) fn is_zero(figure: &u64) -> bool {
    *figure == 0
}

macro_rules! figures {
    ($(#[doc = $meaning:literal] $name:ident [$($source:tt)+] $($metric:ident = $by:literal, $words:literal)?;)+) => {
        /// The figures of a process, and of a site. Those that are zero are left out of the file: most sites have few others.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        pub struct Figures {
            $(
                #[doc = $meaning]
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

            /// Sets the figures of these names to 0.
            pub fn forget(&mut self, names: &[String]) {
                $(if names.iter().any(|name| name == stringify!($name)) {
                    self.$name = 0;
                })+
                if names.iter().any(|name| name == "growth_bytes") {
                    self.growth_bytes = 0;
                }
            }

            /// The figure of a name, but for that which no dump has.
            pub(super) fn by_name(&mut self, name: &str) -> Option<&mut u64> {
                match name {
                    $(stringify!($name) => Some(&mut self.$name),)+
                    _ => None,
                }
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

site_figures!(figures);

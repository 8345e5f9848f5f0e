//! What an assertion says, as its macro fills it in: which figure, how it has to compare, with what, and where.

use super::usage::Usage;

macro_rules! figures {
    ($($figure:ident),+ $(,)?) => {
        /// A figure of a [`Usage`], by the name of its field.
        #[allow(non_camel_case_types, reason = "the macros name them as the fields of `Usage`")]
        #[allow(missing_docs, reason = "the fields of `Usage` have it")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Figure {
            $($figure,)+
        }

        impl Figure {
            /// Its value.
            pub(crate) fn of(self, usage: &Usage) -> u64 {
                match self {
                    $(Figure::$figure => usage.$figure,)+
                }
            }
        }
    };
}

figures! {
    allocations,
    reallocs,
    frees,
    total_bytes,
    total_blocks,
    peak_bytes,
    peak_blocks,
    live_bytes,
    live_blocks,
    largest_block,
    temporary_blocks,
}

/// How a figure has to compare with its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `<=`
    AtMost,
    /// `<`
    Below,
    /// `==`
    Equal,
    /// `>=`
    AtLeast,
    /// `>`
    Above,
}

impl Comparison {
    pub(crate) fn holds(self, figure: u64, limit: u64) -> bool {
        match self {
            Comparison::AtMost => figure <= limit,
            Comparison::Below => figure < limit,
            Comparison::Equal => figure == limit,
            Comparison::AtLeast => figure >= limit,
            Comparison::Above => figure > limit,
        }
    }
}

/// A limit, of any type that counts.
pub trait Limit {
    /// The limit as a figure.
    fn figure(self) -> u64;
}

macro_rules! limits {
    ($($integer:ty),*) => { $(
        impl Limit for $integer {
            #[track_caller]
            fn figure(self) -> u64 {
                u64::try_from(self).unwrap_or_else(|_| panic!("{self} is no limit for a figure of memory"))
            }
        }
    )* };
}
limits!(i32, u32, i64, u64, usize, u128);

/// Where an assertion stands. The macros fill it in.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    /// The name of a closure in the function, as the compiler has it.
    pub function: &'static str,
    /// The folder of the package.
    pub package: Option<&'static str>,
    /// Whether debug assertions are on.
    pub debug: bool,
}

//! What a finding is.

/// What a finding says happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The allocator holds resident memory that nothing uses.
    Retained,
    /// Free memory that can't be given back, as something lives on its pages.
    Fragmentation,
    /// Blocks that grew by realloc stay as large as they ever were.
    CapacityKept,
    /// Stacks are deeper in one build.
    StackGrowth,
    /// Blocks live longer in one build.
    Lifetimes,
    /// One run did more of the same.
    MoreWork,
    /// There are more threads or arenas.
    Threads,
    /// What is live grows and does not settle.
    Growth,
    /// Address space was reserved, and never used.
    Reserved,
    /// The higher figure is the price of fewer allocations, and does not grow.
    NoConcern,
}

impl Kind {
    /// The word for it in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Retained => "retained",
            Kind::Fragmentation => "fragmentation",
            Kind::CapacityKept => "capacity-kept",
            Kind::StackGrowth => "stack-growth",
            Kind::Lifetimes => "lifetimes",
            Kind::MoreWork => "more-work",
            Kind::Threads => "threads",
            Kind::Growth => "growth",
            Kind::Reserved => "reserved",
            Kind::NoConcern => "no-concern",
        }
    }

    /// The words for it on a page.
    pub const fn title(self) -> &'static str {
        match self {
            Kind::Retained => "Retained, not used",
            Kind::Fragmentation => "Fragmentation",
            Kind::CapacityKept => "Capacity kept",
            Kind::StackGrowth => "Stack growth",
            Kind::Lifetimes => "Lifetimes",
            Kind::MoreWork => "More work",
            Kind::Threads => "Threads",
            Kind::Growth => "Growth",
            Kind::Reserved => "Reserved, not used",
            Kind::NoConcern => "No concern",
        }
    }
}

/// One finding.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What it says happened.
    pub kind: Kind,
    /// The finding in a sentence with its figure.
    pub sentence: String,
    /// How many bytes of the difference it explains: less than zero where the base has more of it. Where it holds of
    /// [both](Finding::in_both) runs, how many bytes of the new run's memory.
    pub bytes: i64,
    /// Whether both runs have about as much of it, so that it's no cause of their difference, but worth to be known.
    pub in_both: bool,
    /// What it was concluded from: a sentence for each fact, with its figures.
    pub evidence: Vec<String>,
    /// The sites that it is about, those with most of it first: indices into [`Diff::pairs`](crate::analyse::diff::Diff::pairs), each
    /// with its part of the bytes.
    pub sites: Vec<(usize, i64)>,
    /// What to do about it, in a sentence.
    pub advice: String,
}

//! The kinds of findings.

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
    /// What the allocator adds to many small blocks.
    SmallBlocks,
    /// Blocks that are allocated and freed at once, which costs time.
    TemporaryWork,
    /// The higher figure is the price of fewer allocations, and does not grow.
    NoConcern,
}

impl Kind {
    /// Whether it is concluded from what sites have, so that of a run whose sites are not known nothing is.
    pub const fn is_of_sites(self) -> bool {
        matches!(self, Kind::CapacityKept | Kind::Lifetimes | Kind::MoreWork | Kind::Growth)
    }

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
            Kind::SmallBlocks => "small-blocks",
            Kind::TemporaryWork => "temporary-work",
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
            Kind::SmallBlocks => "Many small blocks",
            Kind::TemporaryWork => "Temporary work",
            Kind::NoConcern => "No concern",
        }
    }
}

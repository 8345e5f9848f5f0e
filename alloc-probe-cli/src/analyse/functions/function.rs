//! A function's number, and what is known of it.

/// A function, by the numbering of one `Functions`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FunctionId(pub u32);

/// What is known of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Function {
    /// The number of its file; none where it is not known.
    pub file: Option<u32>,
    /// Whether it has a name of its own. All closures of a file share one, and so do all functions of an image whose names are
    /// not known, so two of them on a stack are no recursion.
    pub is_named: bool,
    /// Whether its name is known.
    pub is_known: bool,
}

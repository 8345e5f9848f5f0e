//! What became of a limit of a budget.

/// One limit and what it was held against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The function, or the operation, that the limit is of, if it's not the whole program's.
    pub function: Option<String>,
    /// The figure's name.
    pub figure: String,
    /// The limit as the file has it.
    pub limit: String,
    /// What was measured, in words.
    pub measured: String,
    /// Whether it's within the limit.
    pub met: bool,
    /// Where the function is, as far as its frames tell.
    pub place: Option<(String, u32)>,
}

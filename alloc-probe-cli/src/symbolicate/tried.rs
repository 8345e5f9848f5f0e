//! What came of each place where symbols were looked for.

/// One place that was looked at, and what was there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// The place: a path, with the option that named it where one did.
    pub place: String,
    /// What was found, in a clause.
    pub outcome: String,
}

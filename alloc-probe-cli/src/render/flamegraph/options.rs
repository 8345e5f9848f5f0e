//! What can be chosen of a picture of two runs.

/// Whose figures the widths of a difference are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Widths {
    /// The base's: what vanished is in the picture, and what came is not.
    Base,
    /// The new run's: what came is in the picture, and what vanished is not.
    New,
}

/// How a picture is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// By itself: it can be clicked and searched.
    File,
    /// As a part of a page, without a script: functions have tooltips.
    Page,
}

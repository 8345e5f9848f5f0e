//! What findings rest on, whether they are about one run or about two: when a run was active, how old its live blocks
//! are, which sites grow, what a spike left behind; and the words for it.

pub(in crate::analyse) mod activity;
pub(in crate::analyse) mod advice;
pub(in crate::analyse) mod ages;
pub(in crate::analyse) mod capacity;
#[cfg(test)]
pub(in crate::analyse) mod fixtures;
pub(in crate::analyse) mod growing;
pub mod kind;
pub(crate) mod place;
pub(in crate::analyse) mod pools;
pub(in crate::analyse) mod spike;
pub(in crate::analyse) mod words;

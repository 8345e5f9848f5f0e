//! What the subjects share: the reference that the probe is held against, and the words to say what is known.
//!
//! A *subject* is a small program whose figures can be derived by hand. It wraps its allocator twice,
//! `AllocProbe<Reference<System>>`, so that the reference sees exactly what reaches the inner allocator. The
//! suite runs each subject in every build profile and mode, and compares.

pub mod causes;
pub mod heap_scenarios;
pub mod reference;
pub mod subject;
pub mod usages;
pub mod workload;

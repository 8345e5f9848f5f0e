//! What a finding about one run is.

pub use crate::analyse::evidence::kind::Kind;

/// One finding.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What it says happened.
    pub kind: Kind,
    /// How many bytes it is about.
    pub bytes: u64,
    /// The finding in a few words with its figure: `65.2 MiB kept by glibc 2.36`.
    pub short: String,
    /// The finding in a sentence with its figure.
    pub sentence: String,
    /// What it was concluded from: a sentence for each fact, with its figures.
    pub evidence: Vec<String>,
    /// The sites that it is about, those with most of it first: indices into the sites as they are shown, each with its
    /// part of the bytes.
    pub sites: Vec<(usize, u64)>,
    /// What to do about it, in a sentence.
    pub advice: String,
}

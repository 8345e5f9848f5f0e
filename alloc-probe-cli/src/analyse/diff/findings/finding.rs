//! What a finding is.

pub use crate::analyse::evidence::kind::Kind;

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

impl Finding {
    /// What a site's bytes are, where they are no difference, but a part of what one run has: the spike that left pages behind
    /// may have been in both.
    pub fn part(&self, bytes: i64) -> Option<i64> {
        match self.kind {
            Kind::Retained => Some(bytes.saturating_abs()),
            _ => self.in_both.then_some(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_spike_are_no_differences() {
        let part = |kind, in_both, bytes| {
            let (sentence, advice) = (String::new(), String::new());
            let finding = Finding { kind, sentence, bytes, in_both, evidence: vec![], sites: vec![], advice };
            finding.part(bytes)
        };
        assert_eq!(part(Kind::Retained, false, 7), Some(7));
        assert_eq!(part(Kind::Retained, false, -7), Some(7), "of the base");
        assert_eq!(part(Kind::Fragmentation, false, -7), None);
        assert_eq!(part(Kind::Fragmentation, true, 7), Some(7));
    }
}

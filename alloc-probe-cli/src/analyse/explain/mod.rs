//! Why one process's memory is what it is: the account, what it says in a sentence, and what stands out.

mod ending;
pub mod finding;
mod findings;
pub mod headline;
pub mod outside;
mod run;
pub mod series;

use crate::analyse::account::Account;
use crate::analyse::sites::ShownSites;
use crate::profile::Profile;
use finding::Finding;
use headline::Headline;
use outside::Seen;
use run::Run;
use series::Series;

/// What can be said of a run.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// What a person would say.
    pub headline: Headline,
    /// What the resident memory consists of; none where that is not known.
    pub account: Option<Account>,
    /// What those see who look at the process from outside.
    pub seen: Vec<Seen>,
    /// What stands out.
    pub findings: Vec<Finding>,
}

/// Explains a run with its sites as they are [shown](crate::analyse::sites::shown). Earlier dumps of the same run make
/// sharper what grows.
pub fn explain(profile: &Profile, sites: &ShownSites<'_>, series: Option<&Series>) -> Explanation {
    let account = Account::of(&profile.dump);
    let run = Run::new(profile, sites, account.as_ref(), series);
    let findings = findings::findings(&run);
    Explanation {
        headline: headline::of(&run, &findings),
        seen: outside::seen(&profile.dump),
        findings,
        account,
    }
}

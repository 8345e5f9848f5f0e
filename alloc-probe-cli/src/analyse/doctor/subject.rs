//! What is checked: a project, and what of it is shipped.

use super::finding::{Finding, Outcome, Severity};
use super::rebuild::Rebuilt;
use super::settings;
use crate::project::{Member, Project, Target};
use std::path::PathBuf;

/// The probe's package.
pub(super) const PROBE: &str = "alloc-probe";

/// What is checked.
pub struct Subject<'a> {
    /// The project.
    pub project: &'a Project,
    /// The profiles of what is shipped.
    pub profiles: Vec<String>,
    /// What building it twice showed, if it was.
    pub rebuilt: Option<Rebuilt>,
}

impl<'a> Subject<'a> {
    /// A project with the profiles that were asked for, or those that it ships: `release`, and what images and CI build
    /// by name and is optimised.
    pub fn new(project: &'a Project, profiles: &[String]) -> Subject<'a> {
        let mut profiles = profiles.to_vec();
        if profiles.is_empty() {
            profiles.push("release".to_owned());
            let named = project
                .scripts
                .iter()
                .flat_map(|script| script.cargo())
                .filter_map(|(_, words)| profile_of(words));
            for profile in named {
                let is_known = profile == "release" || settings::is_of_release(project, &profile);
                if is_known && !profiles.contains(&profile) {
                    profiles.push(profile);
                }
            }
        }
        Subject { project, profiles, rebuilt: None }
    }

    /// The programs that are shipped, with their packages.
    pub fn programs(&self) -> impl Iterator<Item = (&'a Member, &'a Target)> {
        let shipped = |member: &'a Member| member.package.shipped().map(move |target| (member, target));
        self.project.packages.iter().flat_map(shipped)
    }

    /// Whether there is nothing but libraries, whose profiles are those of the programs that use them.
    pub fn is_libraries(&self) -> bool {
        self.programs().next().is_none()
    }

    /// Whether everything that is shipped can be had from a registry: others build it, with toolchains of their own.
    pub fn is_published(&self) -> bool {
        self.programs().all(|(member, _)| member.package.is_published())
    }

    /// Whether a program holds the probe: its package needs it, or one beside that it needs.
    pub fn has_probe(&self) -> bool {
        self.programs().any(|(member, _)| needs_probe(self.project, member))
    }

    /// Advice for what is the project's own, and a note for what others build as they like.
    pub(super) fn advice(&self) -> Severity {
        if self.is_published() { Severity::Note } else { Severity::Advice }
    }

    /// Findings about each profile that is shipped; nothing where there are only libraries.
    pub(super) fn of_profiles(&self, find: impl Fn(&str) -> Vec<Finding>) -> Outcome {
        if self.is_libraries() {
            return Outcome::Apart(ONLY_LIBRARIES);
        }
        let mut findings: Vec<Finding> = Vec::new();
        for finding in self.profiles.iter().flat_map(|profile| find(profile)) {
            // What one profile inherits from another is one line, and is told once.
            let is_told = finding.place.as_ref().is_some_and(|place| {
                place.line.is_some() && findings.iter().any(|other| other.place.as_ref() == Some(place))
            });
            if !is_told {
                findings.push(finding);
            }
        }
        Outcome::Checked(findings)
    }
}

/// Why a check of programs does not apply.
pub(super) const ONLY_LIBRARIES: &str = "there are only libraries";

/// The profile that a command of cargo's names.
fn profile_of(words: &[String]) -> Option<String> {
    words.iter().enumerate().find_map(|(index, word)| {
        let named = word.strip_prefix("--profile=").map(str::to_owned);
        named.or_else(|| words.get(index + 1).filter(|_| word == "--profile").cloned())
    })
}

/// Whether a package needs the probe, itself or through one beside it.
fn needs_probe(project: &Project, member: &Member) -> bool {
    reachable(project, member).iter().any(|member| {
        let name = &member.package.name;
        name == PROBE || member.package.needs().any(|needed| needed.name == PROBE)
    })
}

/// A package and the project's others that it needs, also through each other.
pub(super) fn reachable<'a>(project: &'a Project, member: &'a Member) -> Vec<&'a Member> {
    let mut reached = vec![member];
    let mut next = 0;
    while let Some(member) = reached.get(next).copied() {
        let folders: Vec<&PathBuf> =
            member.package.needs().filter_map(|needed| needed.path.as_ref()).collect();
        let others = project.packages.iter().filter(|other| {
            folders.iter().any(|folder| other.package.manifest_path.parent() == Some(folder.as_path()))
        });
        for other in others {
            if !reached.iter().any(|known| known.package.name == other.package.name) {
                reached.push(other);
            }
        }
        next += 1;
    }
    reached
}

//! One global allocator for each program; and the probe, its version and its mode.

use super::finding::{Finding, Fix, Outcome, Severity};
use super::subject::{ONLY_LIBRARIES, PROBE, Subject, reachable};
use crate::project::document::Place;
use crate::project::scripts::Role;
use crate::project::sources::{Declared, What};
use crate::project::{Member, Project, Target};

fn is_library(target: &Target) -> bool {
    target.kind.iter().any(|kind| ["lib", "rlib", "dylib", "proc-macro"].contains(&kind.as_str()))
}

/// What is declared in a program: its own files, and the libraries of the project's that it is built with.
fn declared_in<'a>(project: &'a Project, member: &'a Member, target: &Target) -> Vec<&'a Declared> {
    let own =
        member.targets.iter().filter(|(other, _)| other.src_path == target.src_path && !is_library(other));
    let libraries = reachable(project, member).into_iter().flat_map(|member| &member.targets);
    let libraries = libraries.filter(|(target, _)| is_library(target));
    own.chain(libraries).flat_map(|(_, declared)| declared).collect()
}

/// What sets the global allocator.
fn is_allocator(declared: &Declared) -> bool {
    [What::GlobalAllocator, What::Install].contains(&declared.what)
}

/// A program has one global allocator.
pub(super) fn global_allocator(subject: &Subject<'_>) -> Outcome {
    let project = subject.project;
    let mut findings: Vec<Finding> = Vec::new();
    for (member, target) in subject.programs() {
        let allocators: Vec<&Declared> = declared_in(project, member, target)
            .into_iter()
            .filter(|declared| is_allocator(declared))
            .collect();
        let (always, sometimes): (Vec<&Declared>, Vec<&Declared>) =
            allocators.into_iter().partition(|declared| !declared.is_conditional);
        let (Some(first), Some(second)) = (always.first(), always.get(1).or(sometimes.first())) else {
            continue;
        };
        let place = Some(second.place.clone());
        if findings.iter().any(|finding| finding.place == place) {
            continue;
        }
        let at = |place: &Place| {
            format!("{}:{}", project.relative(&place.path).display(), place.line.unwrap_or(1))
        };
        let (severity, when) = match second.is_conditional {
            true => (Severity::Advice, "Where the second is compiled in, the program does not build"),
            false => (Severity::Required, "A program with two does not build"),
        };
        findings.push(Finding {
            severity,
            what: format!(
                "`{}` has a second global allocator; the first is at {}",
                target.name,
                at(&first.place)
            ),
            place,
            why: format!(
                "{when}. The probe wraps whatever allocator there is, so one line is enough for both."
            ),
            fixes: vec![Fix::new(
                &project.relative(&first.place.path).to_string_lossy(),
                &["alloc_probe::install!(tikv_jemallocator::Jemalloc);    // or any other allocator"],
            )],
        });
    }
    for member in project.packages.iter().filter(|member| member.package.shipped().next().is_none()) {
        let libraries = member.targets.iter().filter(|(target, _)| is_library(target));
        let mut declared = libraries.flat_map(|(_, declared)| declared);
        if let Some(declared) = declared.find(|declared| is_allocator(declared) && !declared.is_conditional)
            && member.package.is_published()
        {
            findings.push(Finding {
                severity: Severity::Advice,
                what: format!("the library `{}` sets the global allocator", member.package.name),
                place: Some(declared.place.clone()),
                why: "The programs that use it can have no other, the probe included.".to_owned(),
                fixes: vec![Fix::new("main.rs of the program", &["alloc_probe::install!();"])],
            });
        }
    }
    Outcome::Checked(findings)
}

/// The probe is there, of one version that this command line can read, and records as much as production bears.
pub(super) fn probe(subject: &Subject<'_>) -> Outcome {
    let project = subject.project;
    if subject.is_libraries() {
        return Outcome::Apart(ONLY_LIBRARIES);
    }
    if !subject.has_probe() {
        return Outcome::Checked(vec![Finding {
            severity: Severity::Note,
            what: "no program holds the probe".to_owned(),
            place: Some(Place::file(&project.manifest.path)),
            why: "What a program allocates, and where, can then be told only from outside.".to_owned(),
            fixes: vec![
                Fix::new(
                    "Cargo.toml",
                    &[
                        "[dependencies]",
                        "alloc-probe = { path = \"../alloc-probe/alloc-probe\" }    # a checkout",
                    ],
                ),
                Fix::new("main.rs", &["alloc_probe::install!();"]),
            ],
        }]);
    }
    let mut findings = Vec::new();
    let is_installed = subject
        .programs()
        .any(|(member, target)| declared_in(project, member, target).into_iter().any(is_allocator));
    if !is_installed {
        findings.push(Finding {
            severity: Severity::Advice,
            what: format!("`{PROBE}` is a dependency, and no program installs it"),
            place: dependency_place(project),
            why: "It records nothing until it is the global allocator.".to_owned(),
            fixes: vec![Fix::new("main.rs", &["alloc_probe::install!();"])],
        });
    }
    versions(project, &mut findings);
    modes(subject, &mut findings);
    Outcome::Checked(findings)
}

/// The line on which a manifest of the project names the probe.
fn dependency_place(project: &Project) -> Option<Place> {
    project.packages.iter().find_map(|member| {
        let entry = member.manifest.get(&["dependencies", PROBE])?;
        Some(member.manifest.place(entry))
    })
}

fn versions(project: &Project, findings: &mut Vec<Finding>) {
    let versions = project.lock.versions(PROBE);
    let place = Some(Place::file(&project.lock.path));
    if versions.len() > 1 {
        findings.push(Finding {
            severity: Severity::Required,
            what: format!("there are {} versions of the probe: {}", versions.len(), versions.join(" and ")),
            place,
            why: "Each is a global allocator of its own: a program with both does not build, and one without says less."
                .to_owned(),
            fixes: vec![Fix::new("on the command line", &["cargo update -p alloc-probe", "cargo tree -i alloc-probe"])],
        });
    } else if let Some(version) =
        versions.first().filter(|version| is_newer(version, env!("CARGO_PKG_VERSION")))
    {
        findings.push(Finding {
            severity: Severity::Advice,
            what: format!("the probe is {version}, and this command line is {}", env!("CARGO_PKG_VERSION")),
            place,
            why: "Its dumps may have what an older command line does not know.".to_owned(),
            fixes: vec![Fix::new(
                "on the command line",
                &["cargo install --locked --path alloc-probe-cli    # in a checkout of that version"],
            )],
        });
    }
}

fn is_newer(version: &str, than: &str) -> bool {
    let numbers = |version: &str| -> Vec<u64> {
        version.split(['.', '-', '+']).map_while(|part| part.parse().ok()).collect()
    };
    numbers(version) > numbers(than)
}

fn modes(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let project = subject.project;
    let finding = |what: &str, place, fix| {
        Finding {
        severity: Severity::Advice,
        what: what.to_owned(),
        place: Some(place),
        why: "In `full`, the program takes about half as much processor time again, or more. `sample` costs next to \
              nothing, and its estimates are enough to say what holds memory."
            .to_owned(),
        fixes: vec![fix],
    }
    };
    for script in project.scripts.iter().filter(|script| script.role == Role::Image) {
        let value = |name: &str| {
            script.settings.iter().rev().find(|setting| setting.name == name && !setting.value.is_empty())
        };
        let (mode, out) = (value("ALLOC_PROBE"), value("ALLOC_PROBE_OUT"));
        let full = match (mode, out) {
            (Some(mode), _) => (mode.value == "full").then_some(mode),
            (None, out) => out,
        };
        if let Some(setting) = full {
            let fix =
                Fix::new(&project.relative(&script.path).to_string_lossy(), &["ENV ALLOC_PROBE=sample"]);
            let what = "the image records every block (`full`)";
            findings.push(finding(what, script.place(setting.line), fix));
        }
    }
    let declared = subject.programs().flat_map(|(member, target)| declared_in(project, member, target));
    let mut told: Vec<&Place> = Vec::new();
    for declared in declared.filter(|one| one.what == What::FullMode && !one.is_conditional) {
        if !told.contains(&&declared.place) {
            told.push(&declared.place);
            let file = project.relative(&declared.place.path).to_string_lossy().into_owned();
            let fix = Fix::new(&file, &[".with_mode(Mode::Sample)"]);
            findings.push(finding("the code asks for every block (`full`)", declared.place.clone(), fix));
        }
    }
}

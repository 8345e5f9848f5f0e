//! What the compiler makes of the code: optimisation, panics, checks.

use super::finding::{Finding, Fix, Outcome, Severity};
use super::settings::{self, Setting};
use super::subject::Subject;
use crate::project::document::{Entry, Place};
use crate::project::scripts::Role;
use crate::project::sources::What;

const UNOPTIMISED: [&str; 2] = ["0", "1"];

/// Optimised programs.
pub(super) fn opt_level(subject: &Subject<'_>) -> Outcome {
    let project = subject.project;
    subject.of_profiles(|profile| {
        let level = settings::setting(project, profile, "opt-level");
        let finding = |severity, what: String, place, why: &str, fix| Finding {
            severity,
            what,
            place,
            why: why.to_owned(),
            fixes: vec![fix],
        };
        let place = || level.place().or_else(|| Some(settings::table_place(project, profile)));
        let whole = Fix::of_profile(profile, "opt-level = 3");
        let mut findings = Vec::new();
        if UNOPTIMISED.contains(&level.value.as_str()) {
            findings.push(finding(
                Severity::Required,
                format!("`{profile}` is built with opt-level {}{}", level.value, level.by()),
                place(),
                "Code that is hardly optimised takes several times the time, and allocates what optimised code does not.",
                whole,
            ));
        } else if ["s", "z"].contains(&level.value.as_str()) {
            findings.push(finding(
                Severity::Note,
                format!("`{profile}` is built for size (opt-level \"{}\"){}", level.value, level.by()),
                place(),
                "Smaller code is often slower: fewer calls are inlined, fewer loops unrolled. Both can be measured.",
                compare(subject, profile, &format!("opt-level={},3", level.value)),
            ));
        }
        for (package, entry) in overrides(subject, profile) {
            let Some(value) = entry.get("opt-level").and_then(|level| Some((level.line, level.text()?))) else { continue };
            if UNOPTIMISED.contains(&value.1.as_str()) {
                findings.push(finding(
                    Severity::Advice,
                    format!("`{profile}` builds {package} with opt-level {}", value.1),
                    Some(Place::at(&project.manifest.path, value.0)),
                    "Code that is hardly optimised takes several times the time. In what is shipped it is seldom meant.",
                    Fix::new("Cargo.toml", &[&format!("[profile.{profile}.package.\"{package}\"]"), "opt-level = 3"]),
                ));
            }
        }
        findings
    })
}

/// The settings that a profile of the manifest has for single packages.
fn overrides<'a>(subject: &Subject<'a>, profile: &str) -> Vec<(&'a str, &'a Entry)> {
    let packages = subject.project.manifest.table(&["profile", profile, "package"]);
    packages.iter().map(|(name, entry)| (name.as_str(), entry)).collect()
}

/// How to measure what values of settings do.
fn compare(subject: &Subject<'_>, profile: &str, matrix: &str) -> Fix {
    let program = subject.programs().next().map_or("NAME", |(_, target)| target.name.as_str());
    let profiles = if profile == "release" { String::new() } else { format!(" --profiles {profile}") };
    let command = format!("alloc-probe compare --bin {program}{profiles} --matrix '{matrix}'");
    Fix { place: "on the command line".to_owned(), lines: vec![command] }
}

/// A hint where nobody has chosen yet.
pub(super) fn lto(subject: &Subject<'_>) -> Outcome {
    let project = subject.project;
    subject.of_profiles(|profile| {
        let (lto, units) =
            (settings::setting(project, profile, "lto"), settings::setting(project, profile, "codegen-units"));
        if lto.is_chosen() || units.is_chosen() {
            return Vec::new();
        }
        vec![Finding {
            severity: Severity::Note,
            what: format!("`{profile}` has cargo's defaults: no LTO beyond each crate, 16 codegen units"),
            place: Some(settings::table_place(project, profile)),
            why: "Link-time optimisation and fewer codegen units often make a program smaller and faster, and always make \
                  the build slower. Whether it pays is to be measured."
                .to_owned(),
            fixes: vec![compare(subject, profile, "lto=off,thin,fat; codegen-units=16,1")],
        }]
    })
}

/// Crates whose users expect that a panic ends a task or a request only.
const CATCHERS: [&str; 4] = ["tokio", "actix-web", "axum", "async-std"];

/// What `abort` costs.
pub(super) fn panic(subject: &Subject<'_>) -> Outcome {
    let project = subject.project;
    subject.of_profiles(|profile| {
        let panic = settings::setting(project, profile, "panic");
        if panic.value != "abort" {
            return Vec::new();
        }
        let declared = subject.programs().flat_map(|(member, _)| &member.targets).flat_map(|(_, declared)| declared);
        let caught = declared.into_iter().find(|one| one.what == What::CatchUnwind && !one.is_conditional);
        let direct = subject.programs().flat_map(|(member, _)| member.package.needs());
        let catcher = direct.into_iter().find(|needed| CATCHERS.contains(&needed.name.as_str()));
        let costs = "With `abort` a panic ends the whole process at once: no destructor runs, and nothing can catch it.";
        let (severity, why) = match (caught, catcher) {
            (Some(caught), _) => {
                let line = caught.place.line.unwrap_or_default();
                let path = project.relative(&caught.place.path).display();
                (Severity::Advice, format!("{costs} {path}:{line} catches panics, which does nothing then."))
            }
            (None, Some(needed)) => (
                Severity::Note,
                format!("{costs} A panic in one task or request of `{}` ends all the others.", needed.name),
            ),
            (None, None) => (Severity::Note, costs.to_owned()),
        };
        vec![Finding {
            severity,
            what: format!("`{profile}` aborts on panic{}", panic.by()),
            place: panic.place(),
            why,
            fixes: vec![Fix::of_profile(profile, "panic = \"unwind\"")],
        }]
    })
}

/// Debug assertions are for debug builds.
pub(super) fn debug_assertions(subject: &Subject<'_>) -> Outcome {
    subject.of_profiles(|profile| {
        let assertions = settings::setting(subject.project, profile, "debug-assertions");
        if assertions.value != "true" || !settings::is_of_release(subject.project, profile) {
            return Vec::new();
        }
        vec![Finding {
            severity: Severity::Advice,
            what: format!("`{profile}` has debug assertions on{}", assertions.by()),
            place: assertions.place(),
            why: "They are written for tests: they cost time, end the process where one fails, and change what \
                  `cfg!(debug_assertions)` decides, in dependencies too."
                .to_owned(),
            fixes: vec![Fix::of_profile(profile, "debug-assertions = false")],
        }]
    })
}

/// Arithmetic that wraps.
pub(super) fn overflow_checks(subject: &Subject<'_>) -> Outcome {
    let project = subject.project;
    subject.of_profiles(|profile| {
        if settings::setting(project, profile, "overflow-checks").is_chosen() {
            return Vec::new();
        }
        vec![Finding {
            severity: Severity::Note,
            what: format!("`{profile}` does not check arithmetic for overflow, and tests under `dev` do"),
            place: Some(settings::table_place(project, profile)),
            why: "A sum that is too large wraps silently there, and may size an allocation. The check costs little in \
                  most programs."
                .to_owned(),
            fixes: vec![Fix::of_profile(profile, "overflow-checks = true")],
        }]
    })
}

/// Incremental builds are for those who change code.
pub(super) fn incremental(subject: &Subject<'_>) -> Outcome {
    let project = subject.project;
    let is_on = |value: &str| ["1", "true"].contains(&value);
    let finding = |what: String, place, fix| {
        Finding {
        severity: Severity::Advice,
        what,
        place,
        why: "The compiler then cuts a crate into hundreds of parts that are optimised apart: slower, larger code."
            .to_owned(),
        fixes: vec![fix],
    }
    };
    let outcome = subject.of_profiles(|profile| {
        let profiles = Fix::of_profile(profile, "incremental = false");
        // The variable wins over all profiles, and `build.incremental` too.
        if let Some((name, value)) = project.environment.iter().find(|(name, _)| name == "CARGO_INCREMENTAL")
        {
            let by = Setting { value: String::new(), origin: settings::Origin::Variable(name.clone()) }.by();
            let fix = Fix::new("in the environment", &["CARGO_INCREMENTAL=0"]);
            return if is_on(value) {
                vec![finding(format!("`{profile}` is built incrementally{by}"), None, fix)]
            } else {
                Vec::new()
            };
        }
        let of_build = project.configs.iter().find_map(|document| {
            let entry = document.get(&["build", "incremental"])?;
            Some((entry.text()?, document.place(entry)))
        });
        if let Some((value, place)) = of_build {
            let fix = Fix::new(".cargo/config.toml", &["[build]", "incremental = false"]);
            return if is_on(&value) {
                vec![finding(
                    format!("`{profile}` is built incrementally, as all profiles are"),
                    Some(place),
                    fix,
                )]
            } else {
                Vec::new()
            };
        }
        let setting = settings::setting(project, profile, "incremental");
        if !is_on(&setting.value) {
            return Vec::new();
        }
        vec![finding(
            format!("`{profile}` is built incrementally{}", setting.by()),
            setting.place(),
            profiles,
        )]
    });
    let Outcome::Checked(mut findings) = outcome else { return outcome };
    for script in project.scripts.iter().filter(|script| script.role == Role::Image) {
        let on = script.settings.iter().filter(|one| one.name == "CARGO_INCREMENTAL" && is_on(&one.value));
        findings.extend(on.map(|setting| {
            let fix =
                Fix::new(&project.relative(&script.path).to_string_lossy(), &["ENV CARGO_INCREMENTAL=0"]);
            finding("the image is built incrementally".to_owned(), Some(script.place(setting.line)), fix)
        }));
    }
    Outcome::Checked(findings)
}

/// Profiles that cargo does not read.
pub(super) fn profile_place(subject: &Subject<'_>) -> Outcome {
    let root = &subject.project.manifest.path;
    let inner = subject.project.packages.iter().filter(|member| member.manifest.path != *root);
    let findings = inner.filter_map(|member| {
        let entry = member.manifest.get(&["profile"])?;
        Some(Finding {
            severity: Severity::Required,
            what: format!(
                "the profiles of `{}` are not read: it is a member of a workspace",
                member.package.name
            ),
            place: Some(member.manifest.place(entry)),
            why:
                "Cargo takes profiles from the workspace's own manifest alone, so these settings do nothing."
                    .to_owned(),
            fixes: vec![Fix::new(
                &root.to_string_lossy(),
                &[&format!(
                    "# the tables [profile.…] of {}",
                    subject.project.relative(&member.manifest.path).display()
                )],
            )],
        })
    });
    Outcome::Checked(findings.collect())
}

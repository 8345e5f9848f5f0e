//! Whether two builds of one commit use the same: toolchain, dependencies.

use super::finding::{Finding, Fix, Outcome, Severity};
use super::subject::{ONLY_LIBRARIES, Subject};
use crate::project::document::Place;
use crate::project::lock::Commit;
use crate::project::scripts::{Role, Script};

const WHY_TOOLCHAIN: &str = "Each compiler makes other code: size, speed and memory change with it, and so may a lint that \
                             fails the build. With a version in the repository, that is a commit like any other.";

/// The version of a toolchain or of an image: `1.85`, `1.85.0`, or a nightly's date.
fn is_version(text: &str) -> bool {
    let first = text.split('-').next().unwrap_or_default();
    let numbers = first.split('.').filter(|part| part.parse::<u32>().is_ok()).count();
    let is_dated = text.split('-').filter(|part| part.len() >= 2 && part.parse::<u32>().is_ok()).count() >= 3;
    (numbers >= 2 && numbers == first.split('.').count()) || is_dated
}

/// One toolchain for all.
pub(super) fn toolchain(subject: &Subject<'_>) -> Outcome {
    if subject.is_libraries() {
        return Outcome::Apart(ONLY_LIBRARIES);
    }
    let project = subject.project;
    let file = Fix::new(
        "rust-toolchain.toml",
        &["[toolchain]", "channel = \"1.85.0\"    # the version that you build with"],
    );
    let bases = bases(project.scripts.iter().filter(|script| script.role == Role::Image));
    let mut findings = Vec::new();
    let named =
        project.toolchain.as_ref().and_then(|toolchain| Some((toolchain, toolchain.channel.as_deref()?)));
    // Whoever installs a published program brings a toolchain.
    if named.is_none() && bases.is_empty() && subject.is_published() {
        return Outcome::Apart("whoever installs a published program brings a toolchain");
    }
    let is_pinned = named.is_some_and(|(_, channel)| is_version(channel) || channel.contains('/'));
    match named {
        _ if is_pinned => {}
        Some((toolchain, channel)) => findings.push(Finding {
            severity: subject.advice(),
            what: format!("the toolchain is `{channel}`, which is another one every few weeks"),
            place: Some(toolchain.place.clone()),
            why: WHY_TOOLCHAIN.to_owned(),
            fixes: vec![file.clone()],
        }),
        // An image that is built with one version pins what is shipped.
        None if !bases.is_empty() && bases.iter().all(|base| is_version(&base.tag)) => {}
        None => findings.push(Finding {
            severity: subject.advice(),
            what: "no toolchain is pinned".to_owned(),
            place: Some(Place::file(&project.manifest.path)),
            why: WHY_TOOLCHAIN.to_owned(),
            fixes: vec![file.clone()],
        }),
    }
    // With a toolchain file, rustup in the image installs what that names.
    for base in bases.iter().filter(|base| !is_pinned && !is_version(&base.tag)) {
        let tag = if base.tag.is_empty() { "no tag".to_owned() } else { format!("the tag `{}`", base.tag) };
        findings.push(Finding {
            severity: Severity::Advice,
            what: format!("the image is built with whatever `{}` is that day: {tag}", base.image),
            place: Some(base.place.clone()),
            why: WHY_TOOLCHAIN.to_owned(),
            fixes: vec![Fix::new(
                &project.relative(&base.place.path).to_string_lossy(),
                &[&format!("FROM {}:1.85.0    # the version that you build with", base.image)],
            )],
        });
    }
    Outcome::Checked(findings)
}

/// An image with Rust in it that another is built from.
struct Base {
    image: String,
    tag: String,
    place: Place,
}

fn bases<'a>(scripts: impl Iterator<Item = &'a Script>) -> Vec<Base> {
    let mut bases = Vec::new();
    for script in scripts {
        for from in script.instructions.iter().filter(|instruction| instruction.name == "FROM") {
            let Some(named) = from.words.iter().find(|word| !word.starts_with("--")) else { continue };
            // A digest is as exact as can be; what a variable stands for is not known.
            if named.contains('@') || named.contains('$') {
                continue;
            }
            let name = named.rsplit('/').next().unwrap_or(named);
            let (image, tag) = name.split_once(':').unwrap_or((name, ""));
            if image == "rust" {
                let image = named.strip_suffix(&format!(":{tag}")).unwrap_or(named).to_owned();
                bases.push(Base { image, tag: tag.to_owned(), place: script.place(from.line) });
            }
        }
    }
    bases
}

/// The lock file is committed.
pub(super) fn lock_file(subject: &Subject<'_>) -> Outcome {
    if subject.is_libraries() {
        return Outcome::Apart("a library's lock file is its own business");
    }
    let lock = &subject.project.lock;
    let add = "git add Cargo.lock";
    let (what, place, lines) = match (&lock.packages, &lock.commit) {
        (None, _) => {
            ("there is no Cargo.lock", Place::file(&lock.path), vec!["cargo generate-lockfile", add])
        }
        (Some(_), Commit::Ignored(rule)) => (
            "a rule leaves Cargo.lock out of the repository",
            rule.clone(),
            vec!["# remove the rule, then", add],
        ),
        (Some(_), Commit::Untracked) => ("Cargo.lock is not committed", Place::file(&lock.path), vec![add]),
        (Some(_), Commit::Tracked | Commit::Unknown) => return Outcome::Checked(Vec::new()),
    };
    Outcome::Checked(vec![Finding {
        severity: Severity::Required,
        what: what.to_owned(),
        place: Some(place),
        why: "Without it, each build takes the newest dependencies of that day: nobody has tested them together, and no \
              build can be repeated."
            .to_owned(),
        fixes: vec![Fix::new("on the command line", &lines)],
    }])
}

/// Subcommands that build what is shipped.
const BUILDERS: [&str; 5] = ["build", "b", "install", "rustc", "zigbuild"];

/// Builds elsewhere keep to the lock file.
pub(super) fn locked(subject: &Subject<'_>) -> Outcome {
    if subject.is_libraries() {
        return Outcome::Apart(ONLY_LIBRARIES);
    }
    if subject.project.scripts.is_empty() {
        return Outcome::Apart("there are no images and no workflows");
    }
    let mut findings = Vec::new();
    for script in &subject.project.scripts {
        let loose: Vec<(usize, &[String])> =
            script.cargo().filter(|(_, words)| is_loose(words, script.role)).collect();
        let Some((line, words)) = loose.first() else { continue };
        let others: Vec<String> = loose[1..].iter().map(|(line, _)| line.to_string()).collect();
        let others = match others.len() {
            0 => String::new(),
            1 => format!("; nor does line {}", others[0]),
            _ => format!("; nor do lines {}", others.join(", ")),
        };
        findings.push(Finding {
            severity: Severity::Advice,
            what: format!("`cargo {}` does not keep to Cargo.lock{others}", words.join(" ")),
            place: Some(script.place(*line)),
            why: "Where the lock file does not fit the manifests, cargo changes it and builds with other dependencies than \
                  those that were tested. With `--locked` it stops."
                .to_owned(),
            fixes: vec![Fix::new(
                &subject.project.relative(&script.path).to_string_lossy(),
                &[format!("cargo {} --locked {}", words[0], words[1..].join(" ")).trim_end()],
            )],
        });
    }
    Outcome::Checked(findings)
}

/// Whether a command of cargo's builds the project for use and may change the lock file.
fn is_loose(words: &[String], role: Role) -> bool {
    let has =
        |option: &str| words.iter().any(|word| word == option || word.starts_with(&format!("{option}=")));
    let Some(subcommand) = words.first() else { return false };
    // A variable may stand for anything.
    if !BUILDERS.contains(&subcommand.as_str()) || words.iter().any(|word| word.contains('$')) {
        return false;
    }
    // Another project's programs are none of this one's.
    if subcommand == "install" && !has("--path") {
        return false;
    }
    let is_for_use = role == Role::Image
        || subcommand == "install"
        || ["--release", "-r", "--profile"].iter().any(|o| has(o));
    is_for_use && !has("--locked") && !has("--frozen")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_told_from_channels() {
        for pinned in
            ["1.85", "1.85.0", "1.85.0-slim-bookworm", "nightly-2025-01-02", "1.85-x86_64-unknown-linux-gnu"]
        {
            assert!(is_version(pinned), "{pinned}");
        }
        for loose in [
            "",
            "stable",
            "nightly",
            "beta",
            "latest",
            "1",
            "1-slim",
            "slim-bookworm",
            "stable-x86_64-unknown-linux-gnu",
        ] {
            assert!(!is_version(loose), "{loose}");
        }
    }
}

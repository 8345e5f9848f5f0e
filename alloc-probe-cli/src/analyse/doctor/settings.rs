//! What a profile's settings come to: from the compiler's flags, variables, configuration files, the manifest and the
//! profiles it inherits from, in the order in which cargo takes them.

use crate::project::Project;
use crate::project::document::{Document, Place};

/// What a setting comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The value, as it would be written in a manifest, without quotes.
    pub value: String,
    /// Who says so.
    pub origin: Origin,
}

/// Who decides a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody: cargo does.
    Default,
    /// A line of a file.
    Line(Place),
    /// A variable of the environment.
    Variable(String),
}

impl Setting {
    /// Whether somebody chose it.
    pub fn is_chosen(&self) -> bool {
        self.origin != Origin::Default
    }

    /// The line that chose it.
    pub fn place(&self) -> Option<Place> {
        match &self.origin {
            Origin::Line(place) => Some(place.clone()),
            _ => None,
        }
    }

    /// What to add to a sentence about it, where no line says who decides.
    pub fn by(&self) -> String {
        match &self.origin {
            Origin::Variable(name) => format!(", by the variable `{name}`"),
            _ => String::new(),
        }
    }
}

/// What cargo's own profiles have.
const DEFAULTS: [(&str, &str, &str); 10] = [
    // The setting, in `release`, in `dev`.
    ("opt-level", "3", "0"),
    ("debug", "none", "full"),
    ("strip", "none", "none"),
    ("split-debuginfo", "off", "off"),
    ("lto", "false", "false"),
    ("codegen-units", "16", "256"),
    ("panic", "unwind", "unwind"),
    ("overflow-checks", "false", "true"),
    ("debug-assertions", "false", "true"),
    ("incremental", "false", "true"),
];

/// Profiles that each inherits from the next, to the one of cargo's own. None where the first is no profile, or they
/// inherit in a circle.
pub fn chain(project: &Project, profile: &str) -> Option<Vec<String>> {
    let mut chain = vec![profile.to_owned()];
    loop {
        let last = chain.last()?.as_str();
        let next = match last {
            "dev" | "release" => return Some(chain),
            "test" => "dev".to_owned(),
            "bench" => "release".to_owned(),
            name => documents(project).find_map(|document| {
                document.get(&["profile", name, "inherits"]).and_then(|entry| entry.text())
            })?,
        };
        if chain.contains(&next) {
            return None;
        }
        chain.push(next);
    }
}

/// Whether a profile is optimised by default.
pub fn is_of_release(project: &Project, profile: &str) -> bool {
    chain(project, profile).is_some_and(|chain| chain.last().is_some_and(|root| root == "release"))
}

/// The profiles that the project names, with cargo's own two.
pub fn names(project: &Project) -> Vec<String> {
    let mut names: Vec<String> = ["dev", "release"].map(str::to_owned).to_vec();
    for document in documents(project) {
        names.extend(document.table(&["profile"]).iter().map(|(name, _)| name.clone()));
    }
    names.sort();
    names.dedup();
    names
}

/// What a profile's setting comes to.
pub fn setting(project: &Project, profile: &str, key: &str) -> Setting {
    let by_flag = flags(project).into_iter().rev().find(|flag| flag.key == key);
    if let Some(flag) = by_flag {
        return Setting { value: flag.value, origin: flag.origin };
    }
    let chain = chain(project, profile).unwrap_or_else(|| vec!["release".to_owned()]);
    for level in &chain {
        let variable = format!("CARGO_PROFILE_{}_{}", capitals(level), capitals(key));
        if let Some((name, value)) = project.environment.iter().find(|(name, _)| *name == variable) {
            return Setting { value: value.clone(), origin: Origin::Variable(name.clone()) };
        }
        for document in documents(project) {
            if let Some(entry) = document.get(&["profile", level, key])
                && let Some(value) = entry.text()
            {
                return Setting { value, origin: Origin::Line(document.place(entry)) };
            }
        }
    }
    let is_dev = chain.last().is_some_and(|root| root == "dev");
    let default = DEFAULTS.iter().find(|(name, ..)| *name == key);
    let value = default.map_or("", |(_, release, dev)| if is_dev { dev } else { release });
    Setting { value: value.to_owned(), origin: Origin::Default }
}

/// The line of a profile's table, or the manifest where it has none.
pub fn table_place(project: &Project, profile: &str) -> Place {
    let entry = project.manifest.get(&["profile", profile]);
    entry.map_or_else(|| Place::file(&project.manifest.path), |entry| project.manifest.place(entry))
}

/// Files that may have profiles, the first to count first.
fn documents(project: &Project) -> impl Iterator<Item = &Document> {
    project.configs.iter().chain([&project.manifest])
}

fn capitals(name: &str) -> String {
    name.to_ascii_uppercase().replace('-', "_")
}

/// A setting that a flag of the compiler makes: after cargo's own, so it counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flag {
    /// The setting, as a profile calls it; `link-arg` for what goes to the linker.
    pub key: String,
    /// Its value.
    pub value: String,
    /// Where it comes from.
    pub origin: Origin,
}

/// The compiler's flags that are in force, from the one source that cargo takes them from.
pub fn flags(project: &Project) -> Vec<Flag> {
    let variable = |name: &str| project.environment.iter().find(|(known, _)| known == name);
    if let Some((name, value)) = variable("CARGO_ENCODED_RUSTFLAGS") {
        let words: Vec<String> = value.split('\u{1f}').map(str::to_owned).collect();
        return parse_flags(&words, &Origin::Variable(name.clone()));
    }
    if let Some((name, value)) = variable("RUSTFLAGS") {
        return parse_flags(&split(value), &Origin::Variable(name.clone()));
    }
    let mut of_target = Vec::new();
    for (name, value) in &project.environment {
        if name.starts_with("CARGO_TARGET_") && name.contains(&capitals(std::env::consts::ARCH)) {
            of_target.extend(parse_flags(&split(value), &Origin::Variable(name.clone())));
        }
    }
    // Of several files the nearest comes last, and the last flag counts.
    for document in project.configs.iter().rev() {
        for (target, table) in document.table(&["target"]) {
            if let Some(entry) = table.get("rustflags").filter(|_| is_ours(target)) {
                of_target.extend(parse_flags(&entry.words(), &Origin::Line(document.place(entry))));
            }
        }
    }
    if !of_target.is_empty() {
        return of_target;
    }
    if let Some((name, value)) = variable("CARGO_BUILD_RUSTFLAGS") {
        return parse_flags(&split(value), &Origin::Variable(name.clone()));
    }
    let of_build = project.configs.iter().rev().filter_map(|document| {
        let entry = document.get(&["build", "rustflags"])?;
        Some(parse_flags(&entry.words(), &Origin::Line(document.place(entry))))
    });
    of_build.flatten().collect()
}

fn split(flags: &str) -> Vec<String> {
    flags.split_whitespace().map(str::to_owned).collect()
}

/// Whether a target's table in a configuration file is for programs of this machine.
fn is_ours(target: &str) -> bool {
    let os = std::env::consts::OS;
    let of_this_os = ["cfg(unix)", "cfg(all())"].contains(&target)
        || (target.starts_with("cfg(")
            && target.contains(&format!("target_os = \"{os}\""))
            && !target.contains("not("));
    of_this_os || (target.starts_with(std::env::consts::ARCH) && target.contains(os))
}

/// The settings among flags.
pub fn parse_flags(words: &[String], origin: &Origin) -> Vec<Flag> {
    let mut flags = Vec::new();
    let mut add = |key: &str, value: &str| {
        let value = value.trim_matches('"');
        flags.push(Flag { key: key.to_owned(), value: value.to_owned(), origin: origin.clone() });
    };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let codegen = match word.as_str() {
            "-g" => {
                add("debug", "full");
                continue;
            }
            "-O" => {
                add("opt-level", "3");
                continue;
            }
            "-C" | "--codegen" => words.next().map(String::as_str),
            word => word.strip_prefix("-C").or_else(|| word.strip_prefix("--codegen=")),
        };
        let Some(option) = codegen else { continue };
        match option.split_once('=').unwrap_or((option, "")) {
            ("debuginfo", level) => add("debug", level),
            ("lto", "") => add("lto", "fat"),
            ("incremental", folder) => add("incremental", if folder.is_empty() { "false" } else { "true" }),
            ("overflow-checks" | "debug-assertions", "") => add(option, "true"),
            (key @ ("overflow-checks" | "debug-assertions"), value) => {
                add(key, if ["y", "yes", "on", "true"].contains(&value) { "true" } else { "false" });
            }
            ("link-arg" | "link-args", argument) => {
                for part in argument.split([' ', ',']) {
                    if ["-s", "--strip-all"].contains(&part) {
                        add("strip", "symbols");
                    } else if ["-S", "--strip-debug"].contains(&part) {
                        add("strip", "debuginfo");
                    } else {
                        add("link-arg", part);
                    }
                }
            }
            (key, value) => add(key, value),
        }
    }
    flags
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_settings() {
        let words = split(
            "-g -C opt-level=s -Clto -C link-arg=-Wl,-s,--build-id=none -Coverflow-checks=on -D warnings",
        );
        let origin = Origin::Variable("RUSTFLAGS".to_owned());
        let flags = parse_flags(&words, &origin);
        let seen: Vec<_> = flags.iter().map(|flag| (flag.key.as_str(), flag.value.as_str())).collect();
        assert_eq!(
            seen,
            [
                ("debug", "full"),
                ("opt-level", "s"),
                ("lto", "fat"),
                ("link-arg", "-Wl"),
                ("strip", "symbols"),
                ("link-arg", "--build-id=none"),
                ("overflow-checks", "true")
            ]
        );
    }
}

//! Whether what runs can be named: debug info, stripping, and the build id that finds what was kept apart.

use super::finding::{Finding, Fix, Outcome, Severity};
use super::settings::{self, Setting};
use super::subject::{ONLY_LIBRARIES, Subject};
use crate::project::document::Place;
use crate::project::scripts::{Role, Script};

/// How much debug info a value of `debug` stands for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    None,
    /// Lines, but no functions that were inlined.
    Directives,
    Lines,
}

fn level(value: &str) -> Level {
    match value {
        "0" | "none" | "false" | "" => Level::None,
        "line-directives-only" => Level::Directives,
        _ => Level::Lines,
    }
}

const WHY_DEBUG: &str = "Functions that were inlined, files and lines come from debug info alone. It changes nothing of \
                         the code, and is read only when a stack is shown.";

/// Debug info enough for stacks.
pub(super) fn debug_info(subject: &Subject<'_>) -> Outcome {
    let project = subject.project;
    let outcome = subject.of_profiles(|profile| {
        let debug = settings::setting(project, profile, "debug");
        if level(&debug.value) >= Level::Lines || is_set_in_scripts(project.scripts.iter(), profile) {
            return Vec::new();
        }
        let severity = match () {
            () if subject.has_probe() => Severity::Required,
            () if debug.is_chosen() => Severity::Note,
            () => subject.advice(),
        };
        let lacks = match level(&debug.value) {
            Level::None => "has no debug info",
            _ => "has line directives only, which name no function",
        };
        vec![Finding {
            severity,
            what: format!("`{profile}` {lacks}{}", debug.by()),
            place: debug.place().or_else(|| Some(settings::table_place(project, profile))),
            why: WHY_DEBUG.to_owned(),
            fixes: vec![Fix::of_profile(profile, "debug = \"line-tables-only\"")],
        }]
    });
    let of_binaries =
        project.binaries.iter().filter(|binary| !binary.has_lines && !binary.is_split).map(|binary| {
            let (severity, then) = match binary.has_build_id {
                true => (Severity::Note, "Its build id finds them in the unstripped file: keep that."),
                false => (Severity::Required, "Without a build id, nothing finds them elsewhere."),
            };
            Finding {
                severity,
                what: match binary.has_symbols {
                    true => "it has no line tables, only names of functions".to_owned(),
                    false => "it is stripped: it has no names and no lines".to_owned(),
                },
                place: Some(Place::file(&binary.path)),
                why: format!("{WHY_DEBUG} {then}"),
                fixes: vec![Fix::new("on the command line", &["alloc-probe show FILE --binary UNSTRIPPED"])],
            }
        });
    add(outcome, of_binaries.collect())
}

/// Adds findings about built programs to those about profiles.
fn add(outcome: Outcome, more: Vec<Finding>) -> Outcome {
    match outcome {
        Outcome::Checked(findings) => Outcome::Checked(findings.into_iter().chain(more).collect()),
        Outcome::Apart(_) if !more.is_empty() => Outcome::Checked(more),
        apart @ Outcome::Apart(_) => apart,
    }
}

/// Whether an image or a workflow asks for debug info by a variable.
fn is_set_in_scripts<'a>(mut scripts: impl Iterator<Item = &'a Script>, profile: &str) -> bool {
    let variable = format!("CARGO_PROFILE_{}_DEBUG", profile.to_ascii_uppercase().replace('-', "_"));
    scripts.any(|script| {
        let mut settings = script.settings.iter();
        settings.any(|setting| setting.name == variable && level(&setting.value) >= Level::Lines)
    })
}

/// What in a command or a copied path says that symbols are kept.
const KEPT: [&str; 8] = [
    "--only-keep-debug",
    "--add-gnu-debuglink",
    ".dwp",
    "upload-dif",
    "debug-files",
    "symbolize",
    "debuginfod",
    ".debug",
];

fn keeps_symbols(script: &Script) -> bool {
    let commands = script.commands.iter().map(|command| &command.words);
    let mut words =
        commands.chain(script.instructions.iter().map(|instruction| &instruction.words)).flatten();
    words.any(|word| KEPT.iter().any(|kept| word.contains(kept)))
}

/// Nothing is stripped without a copy that has what was taken away.
pub(super) fn strip(subject: &Subject<'_>) -> Outcome {
    let project = subject.project;
    let severity = if subject.has_probe() { Severity::Required } else { Severity::Note };
    if project.scripts.iter().any(keeps_symbols) {
        return if subject.is_libraries() {
            Outcome::Apart(ONLY_LIBRARIES)
        } else {
            Outcome::Checked(Vec::new())
        };
    }
    let why = "Once stripped, a program shows addresses: in a dump, a profile, a panic's backtrace and a core file. The \
               unstripped file names them all later, found by its build id, if somebody keeps it.";
    let keep = Fix::new(
        "where the program is packaged",
        &[
            "objcopy --only-keep-debug target/release/NAME NAME.debug    # keep this",
            "objcopy --strip-all --add-gnu-debuglink=NAME.debug target/release/NAME",
        ],
    );
    let outcome = subject.of_profiles(|profile| {
        let strip = settings::setting(project, profile, "strip");
        let lost = match strip.value.as_str() {
            "symbols" | "true" => "all symbols",
            "debuginfo" => "debug info",
            _ => return Vec::new(),
        };
        // Packed debug info lies beside the program, and stripping leaves it there.
        if lost == "debug info" && settings::setting(project, profile, "split-debuginfo").value == "packed" {
            return Vec::new();
        }
        vec![Finding {
            severity,
            what: format!("`{profile}` strips {lost}{}, and nothing here keeps them", strip.by()),
            place: strip.place(),
            why: why.to_owned(),
            fixes: vec![Fix::of_profile(profile, "strip = \"none\""), keep.clone()],
        }]
    });
    let Outcome::Checked(mut findings) = outcome else { return outcome };
    for script in project.scripts.iter().filter(|script| script.role == Role::Image) {
        let strips = script.commands.iter().filter(|command| {
            command.words.first().is_some_and(|program| program == "strip" || program.ends_with("-strip"))
        });
        findings.extend(strips.map(|command| Finding {
            severity,
            what: "the image strips the program, and nothing here keeps what it takes away".to_owned(),
            place: Some(script.place(command.line)),
            why: why.to_owned(),
            fixes: vec![keep.clone()],
        }));
    }
    Outcome::Checked(findings)
}

/// Debug info that lies beside the program goes where it goes.
pub(super) fn split(subject: &Subject<'_>) -> Outcome {
    let project = subject.project;
    subject.of_profiles(|profile| {
        let split = settings::setting(project, profile, "split-debuginfo");
        let has_debug = level(&settings::setting(project, profile, "debug").value) > Level::None;
        let (severity, what) = match split.value.as_str() {
            "unpacked" if has_debug => (
                Severity::Advice,
                "leaves debug info in the folder of the build: in its object files, or in `.dwo` files",
            ),
            "packed" if has_debug && !project.scripts.iter().any(keeps_symbols) => (
                Severity::Note,
                "puts debug info into a `.dwp` file beside the program: keep it with the program",
            ),
            _ => return Vec::new(),
        };
        let lines =
            format!("split-debuginfo = \"{}\"", if severity == Severity::Advice { "packed" } else { "off" });
        vec![Finding {
            severity,
            what: format!("`{profile}` {what}{}", split.by()),
            place: split.place(),
            why: "A program that is copied away from where it was built has no lines then.".to_owned(),
            fixes: vec![Fix::of_profile(profile, &lines)],
        }]
    })
}

/// A build id in each program.
pub(super) fn build_id(subject: &Subject<'_>) -> Outcome {
    let why = "The build id is what a dump, a debugger and debuginfod find the right debug info by.";
    let fix =
        Fix::new(".cargo/config.toml", &["[build]", "rustflags = [\"-C\", \"link-arg=-Wl,--build-id\"]"]);
    let flags = settings::flags(subject.project);
    let without = flags.iter().filter(|flag| flag.key == "link-arg" && flag.value == "--build-id=none");
    let mut findings: Vec<Finding> = without
        .map(|flag| {
            let setting = Setting { value: String::new(), origin: flag.origin.clone() };
            Finding {
                severity: Severity::Advice,
                what: format!("the linker is told to leave the build id out{}", setting.by()),
                place: setting.place(),
                why: why.to_owned(),
                fixes: vec![fix.clone()],
            }
        })
        .collect();
    let binaries = &subject.project.binaries;
    findings.extend(binaries.iter().filter(|binary| !binary.has_build_id).map(|binary| Finding {
        severity: if binary.has_lines { Severity::Advice } else { Severity::Required },
        what: "it has no build id".to_owned(),
        place: Some(Place::file(&binary.path)),
        why: why.to_owned(),
        fixes: vec![fix.clone()],
    }));
    match findings.is_empty() && binaries.is_empty() {
        true => Outcome::Apart("no program was named with --binary"),
        false => Outcome::Checked(findings),
    }
}

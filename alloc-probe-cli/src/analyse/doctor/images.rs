//! Whether what is shipped is a release build.

use super::finding::{Finding, Fix, Outcome, Severity};
use super::subject::Subject;
use crate::project::document::Place;
use crate::project::scripts::{Role, Script};

const WHY: &str = "A debug build takes several times the time and often more memory, and stops at assertions that are meant \
                   for tests.";

/// No debug builds in images, and none that were named.
pub(super) fn debug_shipped(subject: &Subject<'_>) -> Outcome {
    let project = subject.project;
    let images: Vec<&Script> = project.scripts.iter().filter(|script| script.role == Role::Image).collect();
    let mut findings = Vec::new();
    for script in &images {
        let file = project.relative(&script.path).to_string_lossy().into_owned();
        let mut add = |severity, what: String, line, fixed: String| {
            findings.push(Finding {
                severity,
                what,
                place: Some(script.place(line)),
                why: WHY.to_owned(),
                fixes: vec![Fix::new(&file, &[&fixed])],
            });
        };
        let copies = script.instructions.iter().filter(|one| ["COPY", "ADD"].contains(&one.name.as_str()));
        for copy in copies {
            if let Some(path) =
                copy.words.iter().find(|word| word.contains("target/") && word.contains("/debug/"))
            {
                let whole = format!("{} {}", copy.name, copy.words.join(" "));
                let what = format!("the image has a debug build: `{path}`");
                add(Severity::Required, what, copy.line, whole.replace("/debug/", "/release/"));
            }
        }
        // What starts the program.
        let starts =
            script.instructions.iter().filter(|one| ["CMD", "ENTRYPOINT"].contains(&one.name.as_str()));
        for start in starts {
            let is_run = start.words.windows(2).any(|pair| pair[0] == "cargo" && pair[1] == "run");
            if is_run && !is_optimised(&start.words) {
                let what = "the image builds and runs a debug build when it starts".to_owned();
                add(
                    Severity::Required,
                    what,
                    start.line,
                    "CMD [\"cargo\", \"run\", \"--release\", \"--locked\"]".to_owned(),
                );
            }
        }
        let builds: Vec<_> =
            script.cargo().filter(|(_, words)| ["build", "b"].contains(&words[0].as_str())).collect();
        let is_known = builds.iter().all(|(_, words)| !words.iter().any(|word| word.contains('$')));
        if let Some((line, words)) = builds.first()
            && is_known
            && !builds.iter().any(|(_, words)| is_optimised(words))
        {
            let what = format!("the image builds with `cargo {}`, which is a debug build", words.join(" "));
            let rest = words[1..].join(" ");
            let fixed = format!("RUN cargo build --release --locked {rest}").trim_end().to_owned();
            add(Severity::Advice, what, *line, fixed);
        }
    }
    let debug_builds = project.binaries.iter().filter(|binary| binary.is_debug_build);
    findings.extend(debug_builds.map(|binary| Finding {
        severity: Severity::Required,
        what:
            "it is a debug build: it has checks that are compiled in with debug assertions alone".to_owned(),
        place: Some(Place::file(&binary.path)),
        why: WHY.to_owned(),
        fixes: vec![Fix::new("on the command line", &["cargo build --release --locked"])],
    }));
    match images.is_empty() && project.binaries.is_empty() {
        true => Outcome::Apart("there are no images, and no program was named with --binary"),
        false => Outcome::Checked(findings),
    }
}

fn is_optimised(words: &[String]) -> bool {
    words.iter().any(|word| {
        ["--release", "-r", "--profile"].contains(&word.as_str()) || word.starts_with("--profile=")
    })
}

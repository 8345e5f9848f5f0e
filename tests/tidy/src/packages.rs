//! Every dependency has a line in the document of the design that says why it is there.

use crate::{expect_none, files};

const DOCUMENT: &str = "docs/design.md";

#[test]
fn every_dependency_has_a_reason() {
    let files = files();
    let design = &files.iter().find(|file| file.path == DOCUMENT).expect("the document of the design").text;
    let mut broken = Vec::new();
    for manifest in files.iter().filter(|file| file.path.ends_with("Cargo.toml")) {
        for name in dependencies(&manifest.text) {
            let is_ours = name.starts_with("alloc-probe");
            if !is_ours && !design.contains(&format!("`{name}`")) {
                broken.push(format!("{}: {name}", manifest.path));
            }
        }
    }
    expect_none("a dependency has a line in docs/design.md that says why it is there", broken);
}

/// The names in a manifest's tables of dependencies, one a line.
fn dependencies(manifest: &str) -> Vec<&str> {
    let mut inside = false;
    let mut names = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line.ends_with("dependencies]");
        } else if let (true, Some((name, _))) = (inside, line.split_once('=')) {
            let name = name.trim();
            if !name.starts_with('#') {
                names.push(name.split('.').next().unwrap_or(name));
            }
        }
    }
    names
}

#[test]
fn dependencies_are_found_in_each_kind_of_table() {
    let manifest = "[package]\nname = \"a\"\n\n[dependencies]\nlibc = \"0.2\"\nserde.workspace = true\n# gone = \"1\"\n\n\
                    [features]\ndefault = []\n\n[target.'cfg(unix)'.dev-dependencies]\ntempfile = \"3\"\n\n\
                    [workspace.dependencies]\nclap = { version = \"4\", features = [\"derive\"] }\n";
    assert_eq!(dependencies(manifest), ["libc", "serde", "tempfile", "clap"]);
}

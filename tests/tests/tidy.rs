//! The rules of the repository that no compiler holds: each is a test, and lists every place that breaks it.

use alloc_probe_format::dump::VERSION;
use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// The lines that a source file may have before it should be two.
const LONGEST_SOURCE: usize = 700;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the repository")
}

/// A text file of the repository.
struct File {
    /// From the root, with `/`.
    path: String,
    text: String,
}

impl File {
    fn is(&self, extension: &str) -> bool {
        Path::new(&self.path).extension().is_some_and(|own| own == extension)
    }

    /// The lines with their numbers, from 1.
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }
}

/// All text files, in order. Built things and what hides behind a dot are left out, but for the two folders
/// that are part of the project.
fn files() -> Vec<File> {
    let mut files = Vec::new();
    let mut folders = vec![root().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder can be read").flatten() {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            if path.is_dir() {
                let hidden = name.starts_with('.') && name != ".ci" && name != ".cargo";
                if !hidden && !name.starts_with("target") {
                    folders.push(path);
                }
            } else if let (Ok(text), Ok(relative)) = (fs::read_to_string(&path), path.strip_prefix(root())) {
                files.push(File { path: relative.to_string_lossy().into_owned(), text });
            }
        }
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    assert!(files.iter().any(|file| file.path == "tests/tests/tidy.rs"), "the repository was not found");
    files
}

/// Fails where a rule is broken, with all the places.
fn expect_none(rule: &str, broken: Vec<String>) {
    assert!(broken.is_empty(), "{rule}:\n  {}", broken.join("\n  "));
}

#[test]
fn unsafe_code_says_why_it_is_sound() {
    let mut broken = Vec::new();
    for file in files().iter().filter(|file| file.is("rs")) {
        let lines = file.text.lines().collect::<Vec<_>>();
        for (index, line) in lines.iter().enumerate() {
            let code = line.trim_start();
            let is_code = !code.starts_with("//");
            let opens = [" {", " impl"].iter().any(|next| code.contains(&format!("unsafe{next}")));
            if is_code && opens && !is_explained(&lines[..index]) {
                broken.push(format!("{}:{}: no `SAFETY:` above", file.path, index + 1));
            }
        }
        let parsed = syn::parse_file(&file.text).unwrap_or_else(|error| panic!("{}: {error}", file.path));
        for (signature, attributes) in functions(&parsed.items) {
            let documented = attributes.iter().any(|attribute| quoted(attribute).contains("# Safety"));
            if signature.unsafety.is_some() && !documented {
                broken.push(format!("{}: `unsafe fn {}` has no `# Safety`", file.path, signature.ident));
            }
        }
    }
    expect_none("unsafe code has a comment that says what upholds its contract", broken);
}

/// Whether a `SAFETY:` comment stands above: before any blank line, so in the same paragraph.
fn is_explained(above: &[&str]) -> bool {
    let paragraph = above.iter().rev().take_while(|line| !line.trim().is_empty());
    paragraph.take(15).any(|line| line.contains("SAFETY:"))
}

/// The functions of a file and their attributes. The methods of a trait's implementation are left out: the trait
/// documents their contract.
fn functions(items: &[syn::Item]) -> Vec<(&syn::Signature, &[syn::Attribute])> {
    let mut found = Vec::new();
    for item in items {
        match item {
            syn::Item::Fn(function) => found.push((&function.sig, &function.attrs[..])),
            syn::Item::Impl(block) if block.trait_.is_none() => {
                found.extend(block.items.iter().filter_map(|item| {
                    let syn::ImplItem::Fn(method) = item else { return None };
                    Some((&method.sig, &method.attrs[..]))
                }))
            }
            syn::Item::Trait(block) => found.extend(block.items.iter().filter_map(|item| {
                let syn::TraitItem::Fn(method) = item else { return None };
                Some((&method.sig, &method.attrs[..]))
            })),
            syn::Item::Mod(syn::ItemMod { content: Some((_, items)), .. }) => found.extend(functions(items)),
            _ => {}
        }
    }
    found
}

/// The text of a documentation line; empty for other attributes.
fn quoted(attribute: &syn::Attribute) -> String {
    match &attribute.meta {
        syn::Meta::NameValue(syn::MetaNameValue { path, value: syn::Expr::Lit(literal), .. })
            if path.is_ident("doc") =>
        {
            match &literal.lit {
                syn::Lit::Str(text) => text.value(),
                _ => String::new(),
            }
        }
        _ => String::new(),
    }
}

#[test]
fn cited_files_exist() {
    let files = files();
    let parents = files.iter().filter_map(|file| Path::new(&file.path).parent());
    let folders = parents.flat_map(Path::iter).filter(|folder| *folder != "src").collect::<HashSet<_>>();
    let mut broken = Vec::new();
    for file in &files {
        for (number, text) in prose(file) {
            for cited in text.split(|c: char| !(c.is_alphanumeric() || "_-./".contains(c))) {
                let cited = cited.trim_end_matches('.');
                let is_source = (cited.ends_with(".rs") || cited.ends_with(".md")) && cited.len() > 3;
                let known = || files.iter().any(|file| Path::new(&file.path).ends_with(cited));
                if is_source && is_ours(&folders, cited) && !known() {
                    broken.push(format!("{}:{number}: {cited}", file.path));
                }
            }
        }
    }
    expect_none("a file that a comment or a document cites is there", broken);
}

/// Whether a cited path is meant to be in the repository: a bare name is, and one that starts with a folder that
/// it has. Other paths, as of the standard library, are examples.
fn is_ours(folders: &HashSet<&OsStr>, cited: &str) -> bool {
    match cited.split_once('/') {
        Some((first, _)) => folders.contains(OsStr::new(first)),
        None => true,
    }
}

/// The lines meant for people: comments of sources, and documents without their code.
fn prose(file: &File) -> Vec<(usize, &str)> {
    if file.is("rs") {
        return file.lines().filter_map(|(number, line)| Some((number, line.split_once("//")?.1))).collect();
    }
    if !file.is("md") {
        return Vec::new();
    }
    let mut in_code = false;
    let mut outside = |line: &str| {
        in_code ^= line.trim_start().starts_with("```");
        !in_code
    };
    file.lines().filter(|(_, line)| outside(line)).collect()
}

#[test]
fn local_links_resolve() {
    let files = files();
    let mut broken = Vec::new();
    for file in files.iter().filter(|file| file.is("md")) {
        for (number, line) in prose(file) {
            for target in line.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
                if !target.contains("://")
                    && !target.starts_with("mailto:")
                    && !resolves(&files, file, target)
                {
                    broken.push(format!("{}:{number}: {target}", file.path));
                }
            }
        }
    }
    expect_none("a link to a file, or to a heading, leads there", broken);
}

fn resolves(files: &[File], from: &File, target: &str) -> bool {
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = match path {
        "" => from.path.clone(),
        _ => normal(&Path::new(&from.path).with_file_name("").join(path)),
    };
    let exists = root().join(&path).exists();
    let heading = |file: &File| file.text.lines().any(|line| line.starts_with('#') && slug(line) == anchor);
    exists && (anchor.is_empty() || files.iter().any(|file| file.path == path && heading(file)))
}

/// A path without `..`.
fn normal(path: &Path) -> String {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => _ = normal.pop(),
            component => normal.push(component),
        }
    }
    normal.to_string_lossy().into_owned()
}

/// The anchor that a heading has on the web.
fn slug(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn nothing_is_left_lying_about() {
    // In two halves, so that this file passes.
    let words = [("TO", "DO"), ("FIX", "ME"), ("XX", "X"), ("HA", "CK"), ("<<<<", "<<<"), (">>>>", ">>>")];
    let words = words.map(|(one, other)| format!("{one}{other}"));
    let mut broken = Vec::new();
    for file in
        files().iter().filter(|file| ["rs", "md", "toml", "json"].iter().any(|extension| file.is(extension)))
    {
        for (number, line) in file.lines() {
            let has_word = |word: &String| {
                line.split(|c: char| c.is_whitespace() || ":(),".contains(c)).any(|w| w == word)
            };
            let stray = words.iter().any(has_word);
            let untidy = line.ends_with([' ', '\t']) || (!file.is("md") && line.contains('\t'));
            if stray || untidy {
                broken.push(format!("{}:{number}: {line}", file.path));
            }
        }
        if !file.text.is_empty() && !file.text.ends_with('\n') {
            broken.push(format!("{}: no end of the last line", file.path));
        }
    }
    expect_none("no reminders, no merge markers, no stray white space", broken);
}

#[test]
fn the_format_and_its_documents_go_together() {
    let read =
        |path: &str| fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    let document = read("docs/format.md").to_lowercase();
    assert!(
        document.contains(&format!("version {VERSION}")),
        "docs/format.md doesn't name version {VERSION}"
    );
    let schema = serde_json::from_str::<serde_json::Value>(&read("docs/dump.schema.json")).expect("JSON");
    assert_eq!(schema["properties"]["version"]["const"], VERSION);
}

#[test]
fn sources_are_short_enough_to_read() {
    let files = files();
    let long = files.iter().filter(|file| file.is("rs") && file.text.lines().count() > LONGEST_SOURCE);
    let broken = long.map(|file| format!("{}: {} lines", file.path, file.text.lines().count())).collect();
    expect_none("a source file has 700 lines at most", broken);
}

#[test]
fn every_subject_is_built_and_used() {
    let files = files();
    let manifest = &files.iter().find(|file| file.path == "tests/Cargo.toml").expect("the manifest").text;
    let tests =
        files.iter().filter(|file| file.path.starts_with("tests/tests/") && !file.path.ends_with("tidy.rs"));
    let words = tests
        .flat_map(|file| file.text.split(|c: char| !(c.is_alphanumeric() || c == '_')))
        .map(|word| word.trim_start_matches("CARGO_BIN_EXE_"))
        .collect::<HashSet<_>>();
    let subjects =
        files.iter().filter_map(|file| file.path.strip_prefix("tests/subjects/")?.strip_suffix(".rs"));
    let unused = subjects
        .filter(|name| !manifest.contains(&format!("\"subjects/{name}.rs\"")) || !words.contains(name));
    expect_none("each subject is a binary that some test runs", unused.map(str::to_owned).collect());
}

//! Files that build a project elsewhere: Dockerfiles, and the workflows of GitHub and GitLab. What they run and set is
//! read line by line; what a variable stands for (`$FLAGS`) is not known.

use super::document::Place;
use crate::error::{Error, io_reason};
use std::path::{Path, PathBuf};

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It makes an image.
    Image,
    /// It is what a server runs for each change.
    Ci,
}

/// A file.
#[derive(Clone, Debug)]
pub struct Script {
    /// What it is for.
    pub role: Role,
    /// Where it is.
    pub path: PathBuf,
    /// What it runs.
    pub commands: Vec<ShellCommand>,
    /// The variables it sets.
    pub settings: Vec<Setting>,
    /// An image's other instructions, such as `FROM` and `COPY`, with their words.
    pub instructions: Vec<Instruction>,
}

/// A command with its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShellCommand {
    /// Its line.
    pub line: usize,
    /// Its words, the program first.
    pub words: Vec<String>,
}

/// A variable that is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its line.
    pub line: usize,
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// An instruction of a Dockerfile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// Its line.
    pub line: usize,
    /// Its name, in capitals.
    pub name: String,
    /// What follows.
    pub words: Vec<String>,
}

impl Script {
    /// The place of a line in it.
    pub fn place(&self, line: usize) -> Place {
        Place::at(&self.path, line)
    }

    /// The commands of cargo's that it runs: the subcommand and what follows.
    pub fn cargo(&self) -> impl Iterator<Item = (usize, &[String])> {
        self.commands.iter().filter_map(|command| {
            let words = command.words.as_slice();
            let rest = match words.first().map(String::as_str) {
                Some("cargo") => &words[1..],
                _ => return None,
            };
            let rest = if rest.first().is_some_and(|word| word.starts_with('+')) { &rest[1..] } else { rest };
            (!rest.is_empty()).then_some((command.line, rest))
        })
    }
}

/// Finds and reads the files of a project.
///
/// # Errors
///
/// Where one can't be read.
pub(super) fn read(root: &Path) -> Result<Vec<Script>, Error> {
    let mut scripts = Vec::new();
    for path in images(root, 0) {
        scripts.push(image(&path, &text(&path)?));
    }
    let mut workflows = entries(&root.join(".github/workflows"));
    workflows.extend(entries(&root.join(".gitlab/ci")));
    workflows.retain(|path| path.extension().is_some_and(|ending| ending == "yml" || ending == "yaml"));
    workflows.push(root.join(".gitlab-ci.yml"));
    for path in workflows.iter().filter(|path| path.is_file()) {
        scripts.push(workflow(path, &text(path)?));
    }
    Ok(scripts)
}

fn text(path: &Path) -> Result<String, Error> {
    let bytes = std::fs::read(path).map_err(|error| Error::read(path, io_reason(&error)))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The files and folders in a folder, in order; none where it is not there.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// How deep Dockerfiles are looked for.
const DEPTH: usize = 2;

/// The Dockerfiles in a folder and those below it, but for what is built or hidden.
fn images(folder: &Path, depth: usize) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in entries(folder) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            let is_apart = name.starts_with('.') || ["target", "node_modules", "vendor"].contains(&&*name);
            if depth < DEPTH && !is_apart && !path.is_symlink() {
                found.extend(images(&path, depth + 1));
            }
        } else if !name.ends_with(".dockerignore")
            && (["Dockerfile", "Containerfile"]
                .iter()
                .any(|stem| name == *stem || name.starts_with(&format!("{stem}.")))
                || name.ends_with(".Dockerfile")
                || name.ends_with(".dockerfile"))
        {
            found.push(path);
        }
    }
    found
}

/// Takes a Dockerfile.
fn image(path: &Path, text: &str) -> Script {
    let mut script = Script::new(Role::Image, path);
    for (line, text) in joined(text) {
        let (name, rest) = text.split_once(char::is_whitespace).unwrap_or((&text, ""));
        let name = name.to_ascii_uppercase();
        match name.as_str() {
            "RUN" => script.shell(line, rest),
            "ENV" | "ARG" => script.settings.extend(assignments(line, rest)),
            _ => script.instructions.push(Instruction { line, name, words: exec_words(rest) }),
        }
    }
    script
}

/// Lines of which a continued one is one, with the number of its first. Comments are left out, also between the parts.
fn joined(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    let mut is_open = false;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (part, continues) = line.strip_suffix('\\').map_or((line, false), |part| (part, true));
        match lines.last_mut() {
            Some((_, last)) if is_open => {
                last.push(' ');
                last.push_str(part);
            }
            _ => lines.push((index + 1, part.to_owned())),
        }
        is_open = continues;
    }
    lines
}

/// Words of an instruction, which may be an array of strings.
fn exec_words(text: &str) -> Vec<String> {
    let text = text.trim();
    match serde_json::from_str::<Vec<String>>(text) {
        Ok(words) => words,
        Err(_) => words(text),
    }
}

/// Takes a workflow. Only what stands where commands stand counts: after `run:` or `script:`, in a list, or in a block
/// of lines.
fn workflow(path: &Path, text: &str) -> Script {
    let mut script = Script::new(Role::Ci, path);
    for (line, text) in joined(text) {
        let text = text.strip_prefix("- ").unwrap_or(&text).trim();
        let (key, value) = match text.split_once(':') {
            Some((key, value))
                if !key.is_empty()
                    && key.chars().all(|letter| letter.is_alphanumeric() || "_-".contains(letter)) =>
            {
                (key, value.trim())
            }
            _ => ("", text),
        };
        match key {
            "" | "run" | "script" | "before_script" | "after_script" => script.shell(line, unquoted(value)),
            // A word that is set to another, as `env:` and `variables:` have it.
            name if name
                .chars()
                .all(|letter| letter.is_ascii_uppercase() || letter == '_' || letter.is_ascii_digit()) =>
            {
                let setting = Setting { line, name: name.to_owned(), value: unquoted(value).to_owned() };
                script.settings.push(setting);
            }
            _ => {}
        }
    }
    script
}

fn unquoted(text: &str) -> &str {
    let quoted = ['"', '\''].iter().find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote));
    quoted.unwrap_or(text)
}

impl Script {
    fn new(role: Role, path: &Path) -> Script {
        let path = path.to_owned();
        Script { role, path, commands: Vec::new(), settings: Vec::new(), instructions: Vec::new() }
    }

    /// Takes a line for a shell, with all its commands.
    fn shell(&mut self, line: usize, text: &str) {
        for part in commands(text) {
            let mut words = words(&part);
            // Options of `RUN` itself, and words that only start another program.
            while let Some(first) = words.first() {
                if let Some(setting) = assignment(line, first) {
                    self.settings.push(setting);
                } else if !(["sudo", "time", "exec", "env", "command", "then", "do", "if", "!", "("]
                    .contains(&first.as_str())
                    || first.starts_with("--"))
                {
                    break;
                }
                words.remove(0);
            }
            if words.first().is_some_and(|word| word == "export") {
                self.settings.extend(words[1..].iter().filter_map(|word| assignment(line, word)));
            } else if !words.is_empty() {
                self.commands.push(ShellCommand { line, words });
            }
        }
    }
}

/// The commands of a line, which `&&`, `||`, `;` and `|` divide outside quotes.
fn commands(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut quote = None;
    for letter in text.chars() {
        match (quote, letter) {
            (None, '&' | ';' | '|' | '\n') => {
                parts.push(String::new());
                continue;
            }
            (None, '"' | '\'') => quote = Some(letter),
            (Some(open), _) if open == letter => quote = None,
            _ => {}
        }
        if let Some(part) = parts.last_mut() {
            part.push(letter);
        }
    }
    parts.retain(|part| !part.trim().is_empty());
    parts
}

/// The words of a command, without their quotes.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let (mut word, mut is_word, mut quote) = (String::new(), false, None);
    for letter in text.chars() {
        match (quote, letter) {
            (None, '"' | '\'') => (quote, is_word) = (Some(letter), true),
            (Some(open), _) if open == letter => quote = None,
            (None, _) if letter.is_whitespace() => {
                if is_word {
                    words.push(std::mem::take(&mut word));
                }
                is_word = false;
            }
            _ => {
                word.push(letter);
                is_word = true;
            }
        }
    }
    if is_word {
        words.push(word);
    }
    words
}

/// `NAME=value`, and Docker's old `NAME value`.
fn assignments(line: usize, text: &str) -> Vec<Setting> {
    let words = words(text);
    match words.first() {
        Some(name) if !name.contains('=') && words.len() > 1 => {
            vec![Setting { line, name: name.clone(), value: words[1..].join(" ") }]
        }
        _ => words.iter().filter_map(|word| assignment(line, word)).collect(),
    }
}

fn assignment(line: usize, word: &str) -> Option<Setting> {
    let (name, value) = word.split_once('=')?;
    let is_name = !name.is_empty()
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
        && !name.starts_with(|letter: char| letter.is_ascii_digit());
    is_name.then(|| Setting { line, name: name.to_owned(), value: value.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cargo(script: &Script) -> Vec<(usize, String)> {
        script.cargo().map(|(line, words)| (line, words.join(" "))).collect()
    }

    #[test]
    fn a_dockerfile_is_its_commands_settings_and_instructions() {
        let text = "FROM rust:1.95 AS build\n# cargo build\nENV CARGO_INCREMENTAL=1 RUSTFLAGS=\"-C strip=symbols\"\n\
                    ENV ALLOC_PROBE full\nRUN --mount=type=cache,target=/x apt-get update \\\n  # why\n  && cargo build --locked \\\n\
                    --release; FOO=1 cargo +1.95 test\nCOPY --from=build /app/target/debug/x /x\nCMD [\"/x\", \"run\"]\n";
        let script = image(Path::new("Dockerfile"), text);
        assert_eq!(cargo(&script), [(5, "build --locked --release".to_owned()), (5, "test".to_owned())]);
        let settings: Vec<_> =
            script.settings.iter().map(|one| (one.line, one.name.as_str(), one.value.as_str())).collect();
        assert_eq!(
            settings,
            [
                (3, "CARGO_INCREMENTAL", "1"),
                (3, "RUSTFLAGS", "-C strip=symbols"),
                (4, "ALLOC_PROBE", "full"),
                (5, "FOO", "1")
            ]
        );
        let instructions: Vec<_> =
            script.instructions.iter().map(|one| (one.line, one.name.as_str())).collect();
        assert_eq!(instructions, [(1, "FROM"), (9, "COPY"), (10, "CMD")]);
        assert_eq!(script.instructions[2].words, ["/x", "run"]);
    }

    #[test]
    fn a_workflow_is_its_commands_and_settings() {
        let text = "name: cargo build\nenv:\n  RUSTFLAGS: \"-g\"\njobs:\n  build:\n    steps:\n      - name: cargo test\n\
                    \x20       run: cargo build --release\n      - run: |\n          cd x && cargo test --locked\n\
                    \x20     # - run: cargo check\n  gitlab:\n    script:\n      - cargo clippy\n      - 'cargo doc'\n";
        let script = workflow(Path::new("ci.yml"), text);
        assert_eq!(
            cargo(&script),
            [
                (8, "build --release".to_owned()),
                (10, "test --locked".to_owned()),
                (14, "clippy".to_owned()),
                (15, "doc".to_owned())
            ]
        );
        assert_eq!(script.settings, [Setting { line: 3, name: "RUSTFLAGS".into(), value: "-g".into() }]);
    }
}

//! What the source files of a target declare: global allocators, the probe, and panics that are caught. Read word by
//! word: comments and strings are left out, and so is what only tests have. Macros are not expanded.

use super::document::Place;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Something that a source file has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// What it is.
    pub what: What,
    /// Where.
    pub place: Place,
    /// Whether it depends on a feature, the platform or anything else that `cfg` asks for.
    pub is_conditional: bool,
}

/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// `#[global_allocator]`
    GlobalAllocator,
    /// `alloc_probe::install!`
    Install,
    /// `catch_unwind`
    CatchUnwind,
    /// `with_mode(Mode::Full)`
    FullMode,
}

/// Reads a target's files, from the first on through its modules. A file that can't be read is left out: the compiler
/// will say more.
pub(super) fn read(first: &Path) -> Vec<Declared> {
    let mut found = Vec::new();
    let mut files = vec![(first.to_owned(), folder(first), false)];
    let mut seen = HashSet::new();
    while let Some((path, modules, is_conditional)) = files.pop() {
        if !seen.insert(path.clone()) {
            continue;
        }
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let file = File { path: &path, modules: &modules, is_conditional };
        files.extend(file.read(&words(&text), &mut found));
    }
    found.sort_by(|one, other| (&one.place.path, one.place.line).cmp(&(&other.place.path, other.place.line)));
    found
}

fn folder(path: &Path) -> PathBuf {
    path.parent().unwrap_or(Path::new("")).to_owned()
}

struct File<'a> {
    path: &'a Path,
    /// Where the files of its modules are.
    modules: &'a Path,
    is_conditional: bool,
}

/// What is around a place in a file.
#[derive(Clone)]
struct Around {
    /// Where a module's files would be.
    modules: PathBuf,
    is_conditional: bool,
    is_test: bool,
}

impl File<'_> {
    /// Finds what is declared, and gives the files of the modules.
    fn read(&self, words: &[Word], found: &mut Vec<Declared>) -> Vec<(PathBuf, PathBuf, bool)> {
        let mut files = Vec::new();
        let outermost =
            Around { modules: self.modules.to_owned(), is_conditional: self.is_conditional, is_test: false };
        let mut around = vec![outermost];
        // Of the item that comes next.
        let mut attributes = Attributes::default();
        let mut index = 0;
        while let Some(word) = words.get(index) {
            let Some(here) = around.last().cloned() else { break };
            let text = word.text.as_str();
            index += 1;
            if text == "#" && words.get(index).is_some_and(|word| word.text == "[") {
                let end = closing(words, index);
                attributes.take(&words[index + 1..end], word.line);
                index = end + 1;
                continue;
            }
            if text == "#" && words.get(index).is_some_and(|word| word.text == "!") {
                index = closing(words, index + 1) + 1;
                continue;
            }
            let is_conditional = here.is_conditional || attributes.is_conditional;
            let is_test = here.is_test || attributes.is_test;
            let mut add = |what, line| {
                if !is_test {
                    found.push(Declared { what, place: Place::at(self.path, line), is_conditional });
                }
            };
            if let Some(line) = attributes.global_allocator.take() {
                add(What::GlobalAllocator, line);
            }
            match text {
                // What a macro makes is declared where it is called.
                "macro_rules" if words.get(index).is_some_and(|next| next.text == "!") => {
                    let body =
                        words[index..].iter().position(|word| ["{", "(", "["].contains(&word.text.as_str()));
                    let end = body.map_or(words.len(), |open| closing(words, index + open) + 1);
                    (index, attributes) = (end, Attributes::default());
                    continue;
                }
                "catch_unwind" if words.get(index).is_some_and(|next| next.text == "(") => {
                    add(What::CatchUnwind, word.line);
                }
                "with_mode" => {
                    let mut arguments = words[index..].iter().take_while(|word| word.text != ")");
                    if arguments.any(|word| word.text == "Full") {
                        add(What::FullMode, word.line);
                    }
                }
                "install" if words.get(index).is_some_and(|next| next.text == "!") => {
                    let path = words[..index - 1].iter().rev().take(3).map(|word| word.text.as_str());
                    if path.eq([":", ":", "alloc_probe"]) {
                        add(What::Install, word.line);
                    }
                }
                "mod" => {
                    if let (Some(name), Some(next)) = (words.get(index), words.get(index + 1)) {
                        if next.text == ";" && !is_test {
                            let given = attributes.path.as_ref().map(|path| folder(self.path).join(path));
                            files.extend(
                                module(&here.modules, &name.text, given)
                                    .map(|(file, below)| (file, below, is_conditional)),
                            );
                        } else if next.text == "{" {
                            let modules = here.modules.join(&name.text);
                            around.push(Around { modules, is_conditional, is_test });
                            attributes = Attributes::default();
                            index += 2;
                            continue;
                        }
                    }
                }
                "{" => around.push(Around { is_conditional, is_test, ..here }),
                "}" if around.len() > 1 => _ = around.pop(),
                _ => {}
            }
            if ["{", "}", ";"].contains(&text) {
                attributes = Attributes::default();
            }
        }
        files
    }
}

/// The attributes before an item.
#[derive(Default)]
struct Attributes {
    is_conditional: bool,
    is_test: bool,
    global_allocator: Option<usize>,
    path: Option<String>,
}

impl Attributes {
    /// Takes what stands between the brackets of one.
    fn take(&mut self, words: &[Word], line: usize) {
        let name = words.first().map(|word| word.text.as_str());
        match name {
            Some("cfg" | "cfg_attr") => {
                self.is_conditional = true;
                let named = |name: &str| words.iter().any(|word| word.text == name);
                self.is_test |= name == Some("cfg") && named("test") && !named("not") && !named("any");
                if name == Some("cfg_attr") && named("global_allocator") {
                    self.global_allocator = Some(line);
                }
            }
            Some("test") => self.is_test = true,
            Some("global_allocator") => self.global_allocator = Some(line),
            Some("path") => self.path = words.get(2).map(|word| word.text.trim_matches('"').to_owned()),
            _ => {}
        }
    }
}

/// The file of a module and the folder of those below it.
fn module(modules: &Path, name: &str, given: Option<PathBuf>) -> Option<(PathBuf, PathBuf)> {
    let name = name.trim_start_matches("r#");
    if let Some(file) = given {
        let below = folder(&file);
        return Some((file, below));
    }
    let (flat, deep) = (modules.join(format!("{name}.rs")), modules.join(name).join("mod.rs"));
    let file = [flat, deep].into_iter().find(|file| file.is_file())?;
    Some((file, modules.join(name)))
}

/// The place of the bracket that closes the one at `open`, or the end.
fn closing(words: &[Word], open: usize) -> usize {
    let mut depth = 0_usize;
    for (index, word) in words.iter().enumerate().skip(open) {
        match word.text.as_str() {
            "[" | "(" | "{" => depth += 1,
            "]" | ")" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return index;
        }
    }
    words.len().saturating_sub(1).max(open)
}

/// A name, a string or a sign, and its line.
struct Word {
    text: String,
    line: usize,
}

/// The words of a source file. Of comments there is nothing, of strings only short ones on one line, as paths are.
fn words(text: &str) -> Vec<Word> {
    let letters: Vec<char> = text.chars().collect();
    let mut words = Vec::new();
    let (mut index, mut line) = (0, 1);
    let at = |index: usize| letters.get(index).copied().unwrap_or('\0');
    while index < letters.len() {
        let (start, start_line) = (index, line);
        match at(index) {
            '/' if at(index + 1) == '/' => {
                while index < letters.len() && at(index) != '\n' {
                    index += 1;
                }
                continue;
            }
            '/' if at(index + 1) == '*' => {
                let mut depth = 0;
                while index < letters.len() {
                    match (at(index), at(index + 1)) {
                        ('/', '*') => (depth, index) = (depth + 1, index + 2),
                        ('*', '/') => (depth, index) = (depth - 1, index + 2),
                        (letter, _) => {
                            line += usize::from(letter == '\n');
                            index += 1;
                        }
                    }
                    if depth == 0 {
                        break;
                    }
                }
                continue;
            }
            '"' => index = after_string(&letters, index, &mut line),
            '\'' => {
                // A letter in quotes, or a lifetime, which has no second quote.
                index += match (at(index + 1), at(index + 2)) {
                    ('\\', _) => {
                        let closing = letters.iter().skip(index + 3).position(|letter| *letter == '\'');
                        closing.map_or(2, |closing| closing + 4)
                    }
                    (_, '\'') => 3,
                    _ => 1,
                };
                continue;
            }
            letter if letter.is_alphanumeric() || letter == '_' => {
                while at(index).is_alphanumeric() || at(index) == '_' {
                    index += 1;
                }
                let is_raw = ["r", "br", "cr"]
                    .iter()
                    .any(|prefix| prefix.chars().eq(letters[start..index].iter().copied()));
                if is_raw && ['"', '#'].contains(&at(index)) && is_raw_string(&letters, index) {
                    index = after_raw_string(&letters, index, &mut line);
                    continue;
                }
            }
            letter => {
                line += usize::from(letter == '\n');
                index += 1;
                if letter.is_whitespace() {
                    continue;
                }
            }
        }
        words
            .push(Word { text: letters[start..index.min(letters.len())].iter().collect(), line: start_line });
    }
    words
}

fn after_string(letters: &[char], start: usize, line: &mut usize) -> usize {
    let mut index = start + 1;
    while let Some(letter) = letters.get(index) {
        *line += usize::from(*letter == '\n');
        match letter {
            '\\' => {
                index += 1;
                *line += usize::from(letters.get(index) == Some(&'\n'));
            }
            '"' => return index + 1,
            _ => {}
        }
        index += 1;
    }
    index
}

fn is_raw_string(letters: &[char], hashes: usize) -> bool {
    letters[hashes..].iter().find(|letter| **letter != '#') == Some(&'"')
}

fn after_raw_string(letters: &[char], start: usize, line: &mut usize) -> usize {
    let hashes = letters[start..].iter().take_while(|letter| **letter == '#').count();
    let mut index = start + hashes + 1;
    while index < letters.len() {
        *line += usize::from(letters[index] == '\n');
        let closing = &letters[index + 1..letters.len().min(index + 1 + hashes)];
        if letters[index] == '"' && closing.len() == hashes && closing.iter().all(|letter| *letter == '#') {
            return index + 1 + hashes;
        }
        index += 1;
    }
    index
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_followed_and_tests_comments_and_strings_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(at("net/deep")).unwrap();
        std::fs::write(
            at("main.rs"),
            "// #[global_allocator]\n/* /* */ #[global_allocator] */\nconst TEXT: &str = \"\n#[global_allocator]\";\n\
             const RAW: &str = r#\"alloc_probe::install!(\"#;\nfn quoted<'a>(_: &'a str) -> char { '\"' }\n\
             mod net;\n#[cfg(feature = \"x\")]\nmod gated {\n    #[global_allocator]\n    static A: B = B;\n}\n\
             macro_rules! install {\n    () => {\n        #[global_allocator]\n        static A: B = B;\n    };\n}\n\
             #[cfg(test)]\nmod tests {\n    #[global_allocator]\n    static A: B = B;\n}\nalloc_probe::install!();\n",
        )
        .unwrap();
        std::fs::write(at("net/mod.rs"), "pub mod deep;\n#[path = \"other.rs\"]\nmod one;\n").unwrap();
        std::fs::write(at("net/deep/mod.rs"), "fn x() { let _ = std::panic::catch_unwind(|| ()); }\n")
            .unwrap();
        std::fs::write(at("net/other.rs"), "#[global_allocator]\nstatic A: B = B;\n").unwrap();
        let found: Vec<_> = read(&at("main.rs"))
            .into_iter()
            .map(|one| {
                let path = one.place.path.strip_prefix(folder.path()).unwrap().to_string_lossy().into_owned();
                (path, one.place.line.unwrap(), one.what, one.is_conditional)
            })
            .collect();
        assert_eq!(
            found,
            [
                ("main.rs".to_owned(), 10, What::GlobalAllocator, true),
                ("main.rs".to_owned(), 24, What::Install, false),
                ("net/deep/mod.rs".to_owned(), 1, What::CatchUnwind, false),
                ("net/other.rs".to_owned(), 1, What::GlobalAllocator, false),
            ]
        );
    }
}

//! Patterns of paths and words, with globset and aho-corasick. `globs PATTERNS`.

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, MatchKind};
use alloc_probe::AllocProbe;
use alloc_probe_programs::{Logged, step};
use globset::{Glob, GlobBuilder, GlobMatcher, GlobSet, GlobSetBuilder};

#[global_allocator]
static ALLOC: AllocProbe<Logged> = AllocProbe::new(Logged);

#[derive(Debug)]
struct Rule {
    matcher: GlobMatcher,
    keep: bool,
}

struct Rules {
    rules: Vec<Rule>,
    set: GlobSet,
    words: AhoCorasick,
}

#[derive(Debug)]
#[expect(dead_code, reason = "printed")]
enum Error {
    Pattern { pattern: String, error: globset::Error },
    Words(aho_corasick::BuildError),
}

impl From<aho_corasick::BuildError> for Error {
    fn from(error: aho_corasick::BuildError) -> Error {
        Error::Words(error)
    }
}

fn rules(text: &str) -> Result<Rules, Error> {
    let mut set = GlobSetBuilder::new();
    let mut rules = Vec::new();
    let mut words = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (keep, pattern) = line.strip_prefix('!').map_or((false, line), |rest| (true, rest));
        let fault = |error| Error::Pattern { pattern: pattern.to_owned(), error };
        let glob: Glob = GlobBuilder::new(pattern)
            .case_insensitive(keep)
            .literal_separator(true)
            .build()
            .map_err(fault)?;
        rules.push(Rule { matcher: glob.compile_matcher(), keep });
        set.add(glob);
        words.extend(
            pattern
                .split(['*', '/', '?', '{', '}', ','])
                .filter(|word| word.len() > 1)
                .map(str::to_lowercase),
        );
    }
    let fault = |error| Error::Pattern { pattern: "all".to_owned(), error };
    let set = set.build().map_err(fault)?;
    let words = AhoCorasickBuilder::new()
        .match_kind(MatchKind::LeftmostLongest)
        .ascii_case_insensitive(true)
        .build(&words)?;
    Ok(Rules { rules, set, words })
}

impl Rules {
    fn is_kept(&self, path: &str) -> Option<bool> {
        self.rules.iter().rev().find(|rule| rule.matcher.is_match(path)).map(|rule| rule.keep)
    }
}

fn text(number: u64) -> String {
    let lines: String = (0..number % 6)
        .map(|line| format!("  src{line}/**/*.{{rs,toml{number}}}\n!**/[a-f{line}]?est.rs\n"))
        .collect();
    format!("*.o\ntarget/**\n{lines}{}", if number % 8 == 7 { "{a,b" } else { "docs/{a,b*}/x" })
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count: u64 = std::env::args().nth(1).ok_or("usage: globs PATTERNS")?.parse()?;
    let mut kept = Vec::new();
    let mut errors = Vec::new();
    let mut all = Vec::new();
    for number in 0..count {
        step(number);
        let text = text(number);
        step(number);
        let rules = match rules(&text) {
            Ok(rules) => rules,
            Err(Error::Pattern { pattern, error }) => {
                errors.push(format!("{pattern}: {error}"));
                continue;
            }
            Err(error) => return Err(format!("{error:?}").into()),
        };
        for path in 0..20 {
            let path = format!("src{}/some/{}est.rs", path % 4, (b'a' + path % 12) as char);
            step(number);
            let matches = rules.set.matches(&path);
            step(number);
            if rules.is_kept(&path) != Some(false) && !matches.is_empty() {
                kept.push(rules.words.replace_all(&path, &vec!["_"; rules.words.patterns_len()]));
            }
        }
        step(number);
        let found: Vec<String> =
            rules.words.find_iter(&text).map(|found| text[found.range()].to_uppercase()).collect();
        kept.push(found.join(","));
        step(number);
        all.push(rules);
    }
    step(1 << 32);
    println!(
        "{} letters, {} errors, {} rules",
        kept.concat().len(),
        errors.len(),
        all.iter().map(|rules| rules.rules.len()).sum::<usize>()
    );
    Ok(())
}

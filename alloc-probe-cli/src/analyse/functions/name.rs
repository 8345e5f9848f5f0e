//! What is left of a function's name when everything that differs from build to build is taken away.
//!
//! Hashes, generic arguments, the numbers of closures and the compiler's suffixes go; crates, modules, types and
//! functions stay. The manglings' own differences are gone with [`short_name`].

use crate::source::names::short_name;

/// A function's name as two builds can be expected to agree on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    /// The name with as much of its path as was known, such as `orders::cache::Cache::insert`.
    pub(super) path: String,
    /// Where the last part begins in `path`.
    leaf: usize,
    /// Whether the path is known. A function of C has none and is not told from one that lost it.
    pub(super) qualified: bool,
    /// Whether it is known at all. Otherwise the image stands for it, and any two of its functions have it.
    pub(super) known: bool,
}

impl Name {
    /// The name without its path, which is all that line tables know: `insert`.
    pub(super) fn leaf(&self) -> &str {
        &self.path[self.leaf..]
    }

    /// Reads a demangled name. Nothing that a symbol table can hold makes it fail.
    pub(super) fn of(function: &str) -> Name {
        // Where there is no symbol, the image is all that holds for another build: never an address.
        if let Some((_, image)) = function.strip_prefix("0x").and_then(|text| text.split_once(" in ")) {
            let image = image.rsplit('/').next().unwrap_or(image);
            return Name { path: format!("?? in {image}"), leaf: 0, qualified: true, known: false };
        }
        let mut path = with_plain_closures(&short_name(without_suffixes(function)));
        // An impl that the compiler only numbered hides the type, so all the path is worth nothing.
        let numbered = path.rfind(NUMBERED_IMPL);
        if let Some(numbered) = numbered {
            path.drain(..numbered + NUMBERED_IMPL.len());
        }
        let leaf = last_separator(&path).map_or(0, |separator| separator + 2);
        Name { qualified: leaf > 0 && numbered.is_none(), known: true, leaf, path }
    }
}

/// What [`with_plain_closures`] makes of `{impl#4}::`.
const NUMBERED_IMPL: &str = "{impl}::";

/// Drops what compilers append: `::h0123456789abcdef`, `.llvm.1234`, `.1312`, `.cold`, ` [clone .part.0]`, and the
/// arguments of a function of C++.
fn without_suffixes(function: &str) -> &str {
    let mut name = function;
    for suffix in [" [clone", " (.", ".llvm.", ".cold", ".part.", ".isra.", ".constprop.", ".lto_priv."] {
        name = name.split(suffix).next().unwrap_or(name);
    }
    // The linker numbers functions of one name.
    while let Some((rest, number)) = name.rsplit_once('.') {
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            break;
        }
        name = rest;
    }
    if let Some((rest, hash)) = name.rsplit_once("::h") {
        if hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            name = rest;
        }
    }
    let is_rust = name.starts_with('<') || name.ends_with('}');
    match name.find('(') {
        // A method of Go has its type in there: `strings.(*Builder).grow`.
        Some(type_of_go) if name[..type_of_go].ends_with('.') => name,
        Some(arguments) if arguments > 0 && !is_rust && !name[..arguments].contains('<') => {
            &name[..arguments]
        }
        _ => name,
    }
}

/// Writes everything that the compiler named itself in one way: a closure, an `async` block and the body of an
/// `async fn` are all closures to the older mangling.
fn with_plain_closures(name: &str) -> String {
    let mut plain = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(open) = rest.find('{') {
        plain.push_str(&rest[..open]);
        let close = rest[open..].find('}').map_or(rest.len(), |close| open + close);
        let word = rest[open..close].trim_start_matches('{');
        plain.push_str(if word.starts_with("impl") { "{impl}" } else { "{closure}" });
        rest = rest[close..].trim_start_matches('}');
    }
    plain + rest
}

/// The last `::` that is inside no angle bracket.
fn last_separator(path: &str) -> Option<usize> {
    let bytes = path.as_bytes();
    let mut depth = 0_i32;
    let mut last = None;
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'<' => depth += 1,
            // The arrow of a function's type closes nothing.
            b'>' if at > 0 && bytes[at - 1] != b'-' => depth -= 1,
            b':' if depth == 0 && bytes.get(at + 1) == Some(&b':') => last = Some(at),
            _ => {}
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_between_builds_is_gone() {
        let cases = [
            ("orders::cache::insert", "orders::cache::insert"),
            ("orders::cache::insert::h0123456789abcdef", "orders::cache::insert"),
            ("orders::cache::insert::hello", "orders::cache::insert::hello"),
            ("orders::cache::Cache<K, V>::insert", "orders::cache::Cache::insert"),
            ("<orders::cache::Cache<K, fn(K) -> V>>::insert::<&str>", "orders::cache::Cache::insert"),
            ("orders::get::{{closure}}", "orders::get::{closure}"),
            ("orders::get::{closure#0}::{async_block#1}", "orders::get::{closure}::{closure}"),
            (
                "<orders::Order as serde::Serialize>::serialize::<S>",
                "<orders::Order as serde::Serialize>::serialize",
            ),
            (
                "orders::_::<impl serde::Serialize for orders::Order>::go",
                "<orders::Order as serde::Serialize>::go",
            ),
            ("parse.llvm.1234567", "parse"),
            ("orders::parse.cold", "orders::parse"),
            ("orders::parse.1312", "orders::parse"),
            ("XML_Parse [clone .part.0]", "XML_Parse"),
            ("ns::Parser::feed(char const*, unsigned long)", "ns::Parser::feed"),
            ("strings.(*Builder).grow", "strings.(*Builder).grow"),
            ("0x1f40 in /usr/lib/libfoo.so", "?? in libfoo.so"),
            ("0x1f48 in libfoo.so", "?? in libfoo.so"),
        ];
        for (given, expected) in cases {
            assert_eq!(Name::of(given).path, expected, "{given}");
        }
    }

    #[test]
    fn the_leaf_is_what_line_tables_know() {
        let cases = [
            ("workloads::facts::deep", "deep", true),
            ("deep", "deep", false),
            ("push<u8, alloc::alloc::Global>", "push", false),
            ("<orders::Order as serde::ser::Serialize>::serialize", "serialize", true),
            ("orders::get::{{closure}}", "{closure}", true),
            ("{closure#0}", "{closure}", false),
            ("{async_fn#0}", "{closure}", false),
            ("orders::{impl#4}::get<u8>", "get", false),
            ("orders::{impl#4}::get::{closure#0}", "{closure}", false),
        ];
        for (given, leaf, qualified) in cases {
            let name = Name::of(given);
            assert_eq!((name.leaf(), name.qualified), (leaf, qualified), "{given}");
        }
    }

    #[test]
    fn no_name_is_too_odd() {
        for odd in [
            "",
            "<",
            ">",
            "<<a",
            "{",
            "}",
            "[",
            "::",
            "a::",
            "<a as",
            "operator<<",
            "ü<ö>::ä",
            "()",
            "->>",
            "{ü",
        ] {
            let name = Name::of(odd);
            assert!(name.path.ends_with(name.leaf()), "{odd}");
        }
    }
}

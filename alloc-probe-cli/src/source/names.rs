//! Names of functions: demangled, and without what differs from build to build.
//!
//! One function has several spellings, by mangling and by debug info:
//!
//! | where from | what it looks like |
//! |---|---|
//! | legacy mangling | `alloc::vec::Vec<T,A>::push`, `alloc::slice::<impl [T]>::to_vec`, `f::{{closure}}` |
//! | v0 mangling | `<alloc::vec::Vec<u8>>::push`, `<[u8]>::to_vec`, `f::<u8>::{closure#0}` |
//! | line tables, inlined | `push<u8, alloc::alloc::Global>`, `to_vec<u8>`, `{closure#0}` |
//!
//! [`short_name`] brings them as near to each other as they can be.

/// Deeper nesting of types than this is left as it is. A name comes from a file, so it may be hostile.
const MAX_NESTING: usize = 24;

/// The name a symbol stands for, without its hash; none where it is no mangled name.
pub fn demangle(symbol: &str) -> Option<String> {
    if let Ok(name) = rustc_demangle::try_demangle(symbol) {
        return Some(format!("{name:#}"));
    }
    if let Some(name) = half_demangled(symbol) {
        return Some(name);
    }
    let is_cpp = symbol.starts_with("_Z");
    is_cpp.then(|| addr2line::demangle(symbol, addr2line::gimli::DW_LANG_C_plus_plus)).flatten()
}

/// A name that a tool for C++ took apart, `a::Vec$LT$T$GT$::push::h0123456789abcdef`, as heaptrack does with Rust's older
/// symbols.
fn half_demangled(name: &str) -> Option<String> {
    if without_hash(name).len() == name.len() {
        return None;
    }
    let parts = name.split("::").map(|part| format!("{}{part}", part.len()));
    let symbol = format!("_ZN{}E", parts.collect::<String>());
    rustc_demangle::try_demangle(&symbol).ok().map(|name| format!("{name:#}"))
}

/// Whether a name is a mangled one, as a linker sees it.
pub fn is_mangled(symbol: &str) -> bool {
    ["_Z", "_R", "__ZN"].iter().any(|prefix| symbol.starts_with(prefix))
}

/// A demangled name without the hash that tools leave at its end: `orders::run::h0123456789abcdef`.
pub fn without_hash(name: &str) -> &str {
    match name.rsplit_once("::h") {
        Some((rest, hash)) if hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => rest,
        _ => name,
    }
}

/// A function's name without generic arguments and without the numbers of closures: `alloc::vec::Vec::push`,
/// `<orders::Cache as core::fmt::Debug>::fmt`, `orders::main::{{closure}}`.
pub fn short_name(function: &str) -> String {
    simplify(function, 0)
}

/// The longest name that people are shown as a whole, in bytes.
const LONGEST_SHOWN: usize = 500;

/// The short name as people write it: traits, and types of the standard library, by their last word. Of a name that is
/// longer than anyone reads, the beginning and the end.
pub fn display_name(function: &str) -> String {
    let short = short_name(function);
    let name = match split_self(&short) {
        None => without_std_path(&short).to_owned(),
        Some((self_type, rest)) => match self_type.split_once(" as ") {
            Some((self_type, of_trait)) => {
                format!("<{} as {}>{rest}", without_std_path(self_type), last_word(of_trait))
            }
            None => short,
        },
    };
    shortened(name)
}

fn shortened(name: String) -> String {
    if name.len() <= LONGEST_SHOWN {
        return name;
    }
    let half = (LONGEST_SHOWN - '…'.len_utf8()) / 2;
    let is_whole = |at: &usize| name.is_char_boundary(*at);
    let end = (0..=half).rev().find(is_whole).unwrap_or(0);
    let start = (name.len() - half..name.len()).find(is_whole).unwrap_or(name.len());
    format!("{}…{}", &name[..end], &name[start..])
}

/// The function's own name, without type and module: `push`; of a closure, that of the function it is in as
/// well: `main::{{closure}}`.
pub fn own_name(short_name: &str) -> &str {
    let mut end = short_name.len();
    while let Some(at) = short_name[..end].rfind("::") {
        if !short_name[at + 2..end].starts_with('{') {
            return &short_name[at + 2..];
        }
        end = at;
    }
    short_name
}

/// The crate a short name belongs to: that of the type whose method it is, or of the trait where the type is
/// no crate's (`str`, `&T`, a tuple). None for a name without a path, such as one of C.
pub fn crate_name(short_name: &str) -> Option<&str> {
    let first_word = |path: &str| -> Option<std::ops::Range<usize>> {
        let start = path.find(|c: char| c.is_alphanumeric() || c == '_')?;
        let length = path[start..].find("::")?;
        let word = &path[start..start + length];
        let is_plain = word.chars().all(|c| c.is_alphanumeric() || c == '_');
        is_plain.then_some(start..start + length)
    };
    let Some((self_type, _)) = split_self(short_name) else {
        return first_word(short_name).map(|range| &short_name[range]);
    };
    let (self_type, of_trait) = self_type.split_once(" as ").unwrap_or((self_type, ""));
    let self_type = self_type.trim_start_matches(['&', '*']);
    let self_type =
        ["mut ", "const ", "dyn "].iter().fold(self_type, |name, word| name.trim_start_matches(word));
    first_word(self_type)
        .map(|range| &self_type[range])
        .or_else(|| first_word(of_trait).map(|range| &of_trait[range]))
}

/// The paths of the closures and `async` bodies among a function's generic arguments whose own name is `own`, such as
/// `{closure#0}`. Debug info has them by the type of what they capture: of `map<u8, orders::main::{closure_env#0}>`,
/// it is `orders::main::`.
pub fn closures_among_arguments<'a>(function: &'a str, own: &str) -> impl Iterator<Item = &'a str> {
    let parts = own.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')?.split_once('#'));
    let wanted = parts.map(|(kind, number)| format!("{{{kind}_env#{number}}}"));
    let places = wanted
        .into_iter()
        .flat_map(move |wanted| function.match_indices(&wanted).map(|(at, _)| at).collect::<Vec<_>>());
    places.map(move |end| {
        // Back to where the path begins, over generic arguments of its own.
        let mut depth = 0_usize;
        let begins = |(at, letter): (usize, char)| {
            match letter {
                '>' | ')' | ']' => depth += 1,
                '<' | '(' | '[' if depth == 0 => return Some(at + 1),
                '<' | '(' | '[' => depth -= 1,
                ',' | ' ' | '&' | '*' if depth == 0 => return Some(at + 1),
                _ => {}
            }
            None
        };
        let start = function[..end].char_indices().rev().find_map(begins).unwrap_or(0);
        &function[start..end]
    })
}

/// Splits `<Type as Trait>::method` into `Type as Trait` and `::method`.
fn split_self(short_name: &str) -> Option<(&str, &str)> {
    short_name.starts_with('<').then_some(())?;
    let end = closing(short_name, 0)?;
    Some((&short_name[1..end], &short_name[end + 1..]))
}

fn last_word(path: &str) -> &str {
    path.rsplit("::").next().unwrap_or(path)
}

/// `alloc::vec::Vec::push` as `Vec::push`, `alloc::vec::from_elem` as `vec::from_elem`; others as they are.
fn without_std_path(name: &str) -> &str {
    if !["core::", "alloc::", "std::", "hashbrown::"].iter().any(|path| name.starts_with(path)) {
        return name;
    }
    let words: Vec<&str> = name.split("::").collect();
    let is_type = |word: &&str| word.starts_with(char::is_uppercase);
    let functions = words.iter().rev().take_while(|word| word.starts_with('{')).count() + 1;
    let from = words.iter().position(is_type).unwrap_or_else(|| {
        // A function of a module: its module says what it is about.
        words.len().saturating_sub(functions + 1)
    });
    let skipped: usize = words[..from].iter().map(|word| word.len() + 2).sum();
    &name[skipped..]
}

/// The core of [`short_name`]: drops generic arguments, and brings the ways to write a method's type into one.
fn simplify(name: &str, nesting: usize) -> String {
    if nesting > MAX_NESTING {
        return name.to_owned();
    }
    let mut out = String::with_capacity(name.len());
    let mut at = 0;
    while let Some(letter) = name[at..].chars().next() {
        match letter {
            '<' => {
                let Some(end) = closing(name, at) else {
                    out.push_str(&name[at..]);
                    break;
                };
                let inside = &name[at + 1..end];
                if out.is_empty() || out.ends_with(['&', '(', '[', ' ', '*']) {
                    out.push_str(&self_type(inside, nesting));
                } else if out.ends_with("::") && inside.starts_with("impl ") {
                    // The path before it is the module of the `impl`, not of the type.
                    out.clear();
                    out.push_str(&self_type(inside, nesting));
                } else if out.ends_with("::") {
                    out.truncate(out.len() - 2);
                }
                at = end + 1;
            }
            '{' => {
                let end = name[at..].find('}').map_or(name.len(), |end| at + end + 1);
                let end = if name[end..].starts_with('}') { end + 1 } else { end };
                let word = name[at..end].trim_matches(['{', '}']);
                // The body of an `async fn` and an `async` block are closures to the older mangling.
                if ["closure", "async", "coroutine", "gen"].iter().any(|kind| word.starts_with(kind)) {
                    out.push_str("{{closure}}");
                } else if word.contains("shim") {
                    out.truncate(out.trim_end_matches("::").len());
                } else {
                    out.push_str(&name[at..end]);
                }
                at = end;
            }
            '[' if nesting > 0 && out.is_empty() => {
                // A slice of whatever: legacy names say `[T]`, v0 ones `[u8]`.
                out.push_str(if name.contains(';') { "[_; _]" } else { "[_]" });
                break;
            }
            _ => {
                out.push(letter);
                at += letter.len_utf8();
            }
        }
    }
    out
}

/// What stands between the angle brackets before a method.
fn self_type(inside: &str, nesting: usize) -> String {
    let simple = |part: &str| simplify(part, nesting + 1);
    if let Some(inside) = inside.strip_prefix("impl ") {
        return match split_outside(inside, " for ") {
            Some((of_trait, of_type)) => format!("<{} as {}>", simple(of_type), simple(of_trait)),
            None => simple(inside),
        };
    }
    match split_outside(inside, " as ") {
        Some((of_type, of_trait)) => format!("<{} as {}>", simple(of_type), simple(of_trait)),
        // `dyn Shape + Send` would run into the method's name.
        None if inside.contains(" + ") => format!("<{}>", simple(inside)),
        None => simple(inside),
    }
}

/// Where the bracket that opens at `open` closes. The `>` of an arrow closes nothing.
fn closing(name: &str, open: usize) -> Option<usize> {
    let bytes = name.as_bytes();
    let mut depth = 0_usize;
    for at in open..bytes.len() {
        match bytes[at] {
            b'<' => depth += 1,
            b'>' if at > 0 && bytes[at - 1] == b'-' => {}
            b'>' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

/// Splits at the first `separator` that is in no brackets.
fn split_outside<'a>(text: &'a str, separator: &str) -> Option<(&'a str, &'a str)> {
    let bytes = text.as_bytes();
    let mut depth = 0_usize;
    for at in 0..bytes.len() {
        match bytes[at] {
            b'<' | b'(' | b'[' => depth += 1,
            b'>' if at > 0 && bytes[at - 1] == b'-' => {}
            b'>' | b')' | b']' => depth = depth.saturating_sub(1),
            b' ' if depth == 0 && bytes[at..].starts_with(separator.as_bytes()) => {
                return Some((&text[..at], &text[at + separator.len()..]));
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_longer_than_anyone_reads_keeps_its_ends() {
        let middle = "é::".repeat(400);
        let shown = display_name(&format!("app::{middle}Parser::next"));
        assert!(shown.starts_with("app::é::") && shown.ends_with("é::Parser::next"), "{shown}");
        assert!((490..=500).contains(&shown.len()) && shown.matches('…').count() == 1, "{}", shown.len());
        let whole = format!("app::{}next", "m::".repeat(100));
        assert_eq!(display_name(&whole), whole);
    }

    #[test]
    fn symbols_lose_their_hash() {
        let cases = [
            ("_ZN9workloads5facts4leaf17h85cce94c4712f0e1E", Some("workloads::facts::leaf")),
            ("_ZN9workloads5facts4leaf17h85cce94c4712f0e1E.llvm.1234", Some("workloads::facts::leaf")),
            ("_RNvCs8ycMb8QNQ9H_7___rustc12___rust_alloc", Some("__rustc::__rust_alloc")),
            (
                "_ZNSt6vectorIiSaIiEE9push_backERKi",
                Some("std::vector<int, std::allocator<int> >::push_back(int const&)"),
            ),
            (
                "_$LT$alloc..vec..Vec$LT$T$C$A$GT$$u20$as$u20$core..ops..drop..Drop$GT$::drop::h0123456789abcdef",
                Some("<alloc::vec::Vec<T,A> as core::ops::drop::Drop>::drop"),
            ),
            ("std::thread::spawn::h249aabc93f3224f5", Some("std::thread::spawn")),
            ("std::thread::spawn::h249aabc9", None),
            ("malloc", None),
            ("_start", None),
        ];
        for (symbol, name) in cases {
            assert_eq!(demangle(symbol).as_deref(), name, "{symbol}");
        }
    }

    #[test]
    fn short_names_of_both_manglings_are_the_same() {
        let cases = [
            ("alloc::vec::Vec<T,A>::push", "<alloc::vec::Vec<u8>>::push", "alloc::vec::Vec::push"),
            ("alloc::slice::<impl [T]>::to_vec", "<[u8]>::to_vec::<alloc::alloc::Global>", "[_]::to_vec"),
            ("f::g::{{closure}}", "f::g::<u8>::{closure#0}", "f::g::{{closure}}"),
            ("f::g::{{closure}}", "f::g::{async_fn#0}", "f::g::{{closure}}"),
            (
                "<core::iter::adapters::map::Map<I,F> as core::iter::traits::iterator::Iterator>::fold",
                "<core::iter::adapters::map::Map<core::ops::range::Range<usize>, w::f::{closure#0}> as core::iter::traits::iterator::Iterator>::fold::<(), fn(usize) -> u8>",
                "<core::iter::adapters::map::Map as core::iter::traits::iterator::Iterator>::fold",
            ),
            (
                "core::iter::traits::iterator::Iterator::map::<impl a::Tr for b::Ty<T>>::call",
                "<b::Ty<u32> as a::Tr>::call",
                "<b::Ty as a::Tr>::call",
            ),
            (
                "core::ops::function::FnOnce::call_once{{vtable.shim}}",
                "core::ops::function::FnOnce::call_once::{shim:vtable#0}",
                "core::ops::function::FnOnce::call_once",
            ),
        ];
        for (legacy, v0, short) in cases {
            assert_eq!(short_name(legacy), short);
            assert_eq!(short_name(v0), short);
            assert_eq!(short_name(short), short, "it changes nothing twice");
        }
    }

    #[test]
    fn types_without_a_path_keep_their_shape() {
        let cases = [
            ("<&T as core::fmt::Debug>::fmt", "<&T as core::fmt::Debug>::fmt"),
            ("<&mut serde::De<R> as serde::D>::map", "<&mut serde::De as serde::D>::map"),
            ("<(A,B) as x::Y<u8>>::z", "<(A,B) as x::Y>::z"),
            ("<dyn a::Shape<Out = u8> + Send>::area", "<dyn a::Shape + Send>::area"),
            ("<[T; 4] as x::Y>::z", "<[_; _] as x::Y>::z"),
            ("core::ptr::drop_in_place<alloc::boxed::Box<dyn Fn() -> i32>>", "core::ptr::drop_in_place"),
            ("push_mut<alloc::vec::Vec<u8>, alloc::alloc::Global>", "push_mut"),
            ("operator<(a, b)", "operator<(a, b)"),
            ("main", "main"),
            ("", ""),
        ];
        for (name, short) in cases {
            assert_eq!(short_name(name), short);
        }
    }

    #[test]
    fn people_need_no_paths_of_the_standard_library() {
        let cases = [
            ("alloc::vec::Vec<T,A>::push", "Vec::push"),
            ("alloc::vec::from_elem", "vec::from_elem"),
            (
                "core::iter::traits::iterator::Iterator::for_each::{{closure}}",
                "Iterator::for_each::{{closure}}",
            ),
            ("std::io::read::{{closure}}", "io::read::{{closure}}"),
            (
                "<alloc::vec::Vec<T,A> as core::iter::traits::collect::Extend<T>>::extend",
                "<Vec as Extend>::extend",
            ),
            ("<orders::cache::Cache<K> as orders::Store>::insert", "<orders::cache::Cache as Store>::insert"),
            ("orders::cache::Cache<K>::insert", "orders::cache::Cache::insert"),
            ("main", "main"),
        ];
        for (name, display) in cases {
            assert_eq!(display_name(name), display);
        }
    }

    #[test]
    fn own_names_and_crates() {
        let cases = [
            ("alloc::vec::Vec::push", "push", Some("alloc")),
            ("orders::main::{{closure}}::{{closure}}", "main::{{closure}}::{{closure}}", Some("orders")),
            ("<orders::Cache as core::fmt::Debug>::fmt", "fmt", Some("orders")),
            ("<&mut orders::Cache as core::fmt::Debug>::fmt", "fmt", Some("orders")),
            ("<str as alloc::string::ToString>::to_string", "to_string", Some("alloc")),
            ("<T as alloc::string::ToString>::to_string", "to_string", Some("alloc")),
            ("[_]::to_vec", "to_vec", None),
            ("main", "main", None),
            ("{{closure}}", "{{closure}}", None),
        ];
        for (name, own, of_crate) in cases {
            assert_eq!((own_name(name), crate_name(name)), (own, of_crate), "{name}");
        }
    }

    #[test]
    fn closures_are_found_among_generic_arguments() {
        let check = |function: &str, closure: &str, paths: &[&str]| {
            let found: Vec<&str> = closures_among_arguments(function, closure).collect();
            assert_eq!(found, paths, "{function}");
        };
        check("record<(), shop::main::{closure_env#0}>", "{closure#0}", &["shop::main::"]);
        check("record<(), shop::main::{closure_env#10}>", "{closure#1}", &[]);
        check(
            "fold<Map<Range<u32>, shop::f<A, B>::g::{closure_env#2}<A>>, (), shop::{impl#1}::h::{closure_env#2}>",
            "{closure#2}",
            &["shop::f<A, B>::g::", "shop::{impl#1}::h::"],
        );
        check(
            "call<&shop::main::{closure#0}::{closure_env#0}>",
            "{closure#0}",
            &["shop::main::{closure#0}::"],
        );
        check("poll<shop::get::{async_fn_env#0}>", "{async_fn#0}", &["shop::get::"]);
        check("{closure_env#0}", "{closure#0}", &[""]);
        check("push<u8>", "push", &[]);
    }

    #[test]
    fn odd_names_are_no_trouble() {
        let deep = format!("{}x{}", "<".repeat(50_000), ">".repeat(50_000));
        for name in ["<", "<>", ">", "<<>", "a::<", "{", "{{", "{}", "}", "::", "<a as >", "ü<é>::ö", &deep]
        {
            let short = short_name(name);
            display_name(name);
            own_name(&short);
            crate_name(&short);
        }
    }
}

//! The symbol table of a binary: the function at an address, by its linker name.

use crate::source::names;
use object::{Object, ObjectSymbol, SymbolKind};
use std::ops::Range;

/// Functions by address, without overlaps but with aliases.
pub(super) struct SymbolTable<'data> {
    symbols: Vec<Symbol<'data>>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Symbol<'data> {
    start: u64,
    /// The first address beyond it; as for symbols of assembly, which have no size, where the next one starts.
    end: u64,
    name: &'data str,
}

impl<'data> SymbolTable<'data> {
    /// The functions that the files of a binary list for debuggers, and for the dynamic linker.
    pub(super) fn of<'a>(files: impl Iterator<Item = &'a object::File<'data>>) -> SymbolTable<'data>
    where
        'data: 'a,
    {
        let mut symbols: Vec<Symbol<'data>> = files
            .flat_map(|file| file.symbols().chain(file.dynamic_symbols()))
            .filter(|symbol| symbol.is_definition())
            .filter(|symbol| matches!(symbol.kind(), SymbolKind::Text | SymbolKind::Unknown))
            .filter_map(|symbol| {
                let (start, name) = (symbol.address(), symbol.name().ok()?);
                let end = start.saturating_add(symbol.size());
                (!name.is_empty()).then_some(Symbol { start, end, name })
            })
            .collect();
        symbols.sort_unstable();
        symbols.dedup();
        let mut next_start = u64::MAX;
        for index in (0..symbols.len()).rev() {
            if symbols[index].end == symbols[index].start {
                symbols[index].end = next_start;
            }
            if index > 0 && symbols[index - 1].start != symbols[index].start {
                next_start = symbols[index].start;
            }
        }
        SymbolTable { symbols }
    }

    /// A table of functions with their starts and ends.
    #[cfg(test)]
    pub(super) fn of_functions(functions: &[(u64, u64, &'data str)]) -> SymbolTable<'data> {
        let symbols = functions.iter().map(|(start, end, name)| Symbol { start: *start, end: *end, name });
        SymbolTable { symbols: symbols.collect() }
    }

    /// Where the function that `address` lies in begins and ends.
    pub(super) fn function_at(&self, address: u64) -> Option<Range<u64>> {
        let beyond = self.symbols.partition_point(|symbol| symbol.start <= address);
        let last = self.symbols[..beyond].last()?;
        (address < last.end).then_some(last.start..last.end)
    }

    /// The names of the functions that `address` lies in, which share their code where there are several.
    pub(super) fn names_at(&self, address: u64) -> impl Iterator<Item = &'data str> + Clone {
        let beyond = self.symbols.partition_point(|symbol| symbol.start <= address);
        let start = self.symbols[..beyond].last().map_or(0, |last| last.start);
        let first = self.symbols[..beyond].partition_point(|symbol| symbol.start < start);
        let aliases = self.symbols[first..beyond].iter().filter(move |symbol| address < symbol.end);
        aliases.map(|symbol| symbol.name)
    }

    /// The name of the function that `address` lies in. Where several share their code, the one whose own name
    /// is `own_name`, as the debug info knows it, and none if that is the name of several, as of a trait's method of two
    /// types; else the first by name, so that every run picks the same.
    pub(super) fn name_at(&self, address: u64, own_name: Option<&str>) -> Option<&'data str> {
        let mut aliases = self.names_at(address);
        let wanted = own_name.map(names::short_name);
        let default = aliases.next()?;
        let Some(wanted) = wanted.filter(|_| aliases.clone().next().is_some()) else { return Some(default) };
        let mut found: Option<(&str, String)> = None;
        for name in std::iter::once(default).chain(aliases) {
            let whole = names::demangle(name).unwrap_or_else(|| name.to_owned());
            let short = names::short_name(&whole);
            if short != wanted && !short.ends_with(&format!("::{wanted}")) {
                continue;
            }
            match &found {
                None => found = Some((name, short)),
                Some((_, known)) if *known != short => return None,
                Some(_) => {}
            }
        }
        Some(found.map_or(default, |(name, _)| name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_between_functions_has_no_name() {
        let table = SymbolTable::of_functions(&[(0x10, 0x20, "a"), (0x30, 0x40, "b")]);
        let cases = [
            (0x0f, None),
            (0x10, Some("a")),
            (0x1f, Some("a")),
            (0x20, None),
            (0x3f, Some("b")),
            (0x40, None),
        ];
        for (address, name) in cases {
            assert_eq!(table.name_at(address, None), name, "{address:#x}");
        }
    }

    #[test]
    fn of_functions_that_share_code_the_debug_infos_is_taken() {
        let table = SymbolTable::of_functions(&[
            (0x10, 0x20, "_ZN1a3Foo4dropE"),
            (0x10, 0x20, "_ZN1b3Bar4dropE"),
            (0x10, 0x20, "_ZN1b3Bar5clearE"),
        ]);
        assert_eq!(table.name_at(0x12, None), Some("_ZN1a3Foo4dropE"));
        assert_eq!(table.name_at(0x12, Some("clear<u8>")), Some("_ZN1b3Bar5clearE"));
        assert_eq!(table.name_at(0x12, Some("other")), Some("_ZN1a3Foo4dropE"));
        assert_eq!(table.name_at(0x12, Some("drop")), None, "of two types");
        assert_eq!(table.name_at(0x12, None), Some("_ZN1a3Foo4dropE"));
    }
}

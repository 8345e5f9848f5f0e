//! The threads of a process in one remark, however many there are: those whose names differ only in numbers are one kind.

use crate::units::{bytes, count};
use alloc_probe_format::dump::Thread;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Kinds of threads that are named; the rest is summed up.
const NAMED: usize = 10;

/// Threads of a kind.
#[derive(Debug, Default)]
struct Kind<'a> {
    /// The different names that they have: one, or several that a pattern stands for.
    name: &'a str,
    has_several_names: bool,
    threads: u64,
    total_bytes: u64,
    /// The most that one of them touched of its stack.
    stack_bytes: u64,
}

/// What the threads allocated, those first that allocated most.
pub(super) fn busiest(threads: &[Thread]) -> String {
    let sum = |kinds: &[Kind<'_>]| kinds.iter().map(|kind| kind.total_bytes).fold(0, u64::saturating_add);
    format!("allocated: {}", listed(kinds(threads), |kind| kind.total_bytes, sum))
}

/// How much the threads touched of their stacks, those first that touched most. Of a kind, it is the most that one did.
pub(super) fn deepest(threads: &[Thread]) -> String {
    let mut kinds = kinds(threads);
    kinds.retain(|kind| kind.stack_bytes > 0);
    let most = |kinds: &[Kind<'_>]| kinds.iter().map(|kind| kind.stack_bytes).max().unwrap_or(0);
    format!("most touched: {}", listed(kinds, |kind| kind.stack_bytes, most))
}

fn kinds(threads: &[Thread]) -> Vec<Kind<'_>> {
    let mut kinds: BTreeMap<String, Kind<'_>> = BTreeMap::new();
    for thread in threads {
        let kind = kinds.entry(pattern(&thread.name)).or_default();
        kind.has_several_names |= kind.threads > 0 && kind.name != thread.name;
        kind.name = &thread.name;
        kind.threads += thread.threads;
        kind.total_bytes = kind.total_bytes.saturating_add(thread.total_bytes);
        kind.stack_bytes = kind.stack_bytes.max(thread.stack_bytes);
    }
    kinds.into_values().collect()
}

/// A name with a star in the place of each number.
fn pattern(name: &str) -> String {
    let mut pattern = String::with_capacity(name.len());
    for letter in name.chars() {
        match letter {
            '0'..='9' if pattern.ends_with('*') => {}
            '0'..='9' => pattern.push('*'),
            _ => pattern.push(letter),
        }
    }
    pattern
}

fn listed(mut kinds: Vec<Kind<'_>>, of: fn(&Kind<'_>) -> u64, rest: impl Fn(&[Kind<'_>]) -> u64) -> String {
    kinds.sort_by_key(|kind| Reverse(of(kind)));
    // One more takes no more room than what stands for it.
    let named = if kinds.len() <= NAMED { kinds.len() } else { NAMED - 1 };
    let mut listed: Vec<String> =
        kinds[..named].iter().map(|kind| format!("{} {}", name(kind), bytes(of(kind)))).collect();
    let others = &kinds[named..];
    if !others.is_empty() {
        let threads: u64 = others.iter().map(|kind| kind.threads).sum();
        listed.push(format!("{} others {}", count(threads), bytes(rest(others))));
    }
    listed.join(", ")
}

/// A kind's name, and for how many threads it stands if it's several.
fn name(kind: &Kind<'_>) -> String {
    let name = match kind.has_several_names {
        true => pattern(kind.name),
        false if kind.name.is_empty() => "unnamed".to_owned(),
        false => kind.name.to_owned(),
    };
    if kind.threads > 1 { format!("{name} ×{}", count(kind.threads)) } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thread(name: &str, threads: u64, total_bytes: u64, stack_bytes: u64) -> Thread {
        Thread { name: name.to_owned(), threads, total_bytes, stack_bytes, ..Thread::default() }
    }

    #[test]
    fn names_that_differ_in_numbers_are_one_kind() {
        let mut threads: Vec<Thread> = (0..2000).map(|n| thread(&format!("t{n}"), 1, 1000, n * 10)).collect();
        threads.push(thread("main", 1, 4 << 20, 8192));
        threads.extend([thread("pool-1-worker-7", 2, 512, 0), thread("pool-2-worker-11", 1, 512, 0)]);
        threads.extend([thread("lone7", 1, 100, 0), thread("", 1, 10, 0)]);
        assert_eq!(
            busiest(&threads),
            "allocated: main 4.0 MiB, t* ×2,000 1.9 MiB, pool-*-worker-* ×3 1.0 KiB, lone7 100 B, unnamed 10 B"
        );
        assert_eq!(deepest(&threads), "most touched: t* ×2,000 19.5 KiB, main 8.0 KiB");
    }

    #[test]
    fn ten_are_named_and_the_rest_is_summed_up() {
        let names: Vec<String> = ('a'..='m').map(String::from).collect();
        let threads: Vec<Thread> = names.iter().map(|name| thread(name, 2, 1024, 1024)).collect();
        let ten = busiest(&threads[..10]);
        assert!(ten.ends_with(", j ×2 1.0 KiB") && ten.matches(',').count() == 9, "{ten}");
        assert!(busiest(&threads).ends_with(", i ×2 1.0 KiB, 8 others 4.0 KiB"), "{}", busiest(&threads));
        assert!(deepest(&threads).ends_with(", i ×2 1.0 KiB, 8 others 1.0 KiB"), "{}", deepest(&threads));
    }
}

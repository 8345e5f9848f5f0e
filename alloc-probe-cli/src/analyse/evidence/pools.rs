//! Threads by their names: `worker-1` and `worker-2` are of one pool.

use alloc_probe_format::dump::{Dump, Thread};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// The rows of a pool in one run, those with the most stack first, each with its place in the dump.
#[derive(Clone, Debug, Default)]
pub(in crate::analyse) struct Rows<'a>(pub(in crate::analyse) Vec<(usize, &'a Thread)>);

impl Rows<'_> {
    /// How many threads there ever were.
    pub(in crate::analyse) fn ever(&self) -> u64 {
        self.0.iter().map(|(_, thread)| thread.threads).fold(0, u64::saturating_add)
    }

    /// The stacks of those that are alive, the largest first, in bytes.
    pub(in crate::analyse) fn alive(&self) -> Vec<u64> {
        let alive = self.0.iter().filter(|(_, thread)| thread.tid.is_some());
        alive.map(|(_, thread)| thread.stack_bytes).collect()
    }

    /// The stack of the n-th deepest thread. Of those that have ended, only the deepest is known, and stands for all of
    /// them; none where there weren't so many threads, or their stacks are not known.
    pub(in crate::analyse) fn stack_bytes(&self, nth: usize) -> Option<u64> {
        let (_, thread) = self.0.get(nth).or_else(|| self.0.last())?;
        ((nth as u64) < self.ever() && thread.stack_bytes > 0).then_some(thread.stack_bytes)
    }
}

/// The pools of a run by name: with `#` for each number, and `main thread` for that, whatever the program is called.
pub(in crate::analyse) fn by_name(dump: &Dump) -> BTreeMap<String, Rows<'_>> {
    let mut pools: BTreeMap<String, Rows<'_>> = BTreeMap::new();
    for (row, thread) in dump.threads.iter().enumerate() {
        let name = match thread.tid {
            Some(tid) if tid == dump.process.pid => "main thread".to_owned(),
            _ => without_numbers(&thread.name),
        };
        pools.entry(name).or_default().0.push((row, thread));
    }
    for Rows(rows) in pools.values_mut() {
        rows.sort_by_key(|(_, thread)| Reverse(thread.stack_bytes));
    }
    pools
}

fn without_numbers(name: &str) -> String {
    let mut without = String::with_capacity(name.len());
    for letter in name.chars() {
        match letter {
            '0'..='9' if without.ends_with('#') => {}
            '0'..='9' => without.push('#'),
            other => without.push(other),
        }
    }
    if without.is_empty() { "a thread without a name".to_owned() } else { format!("thread `{without}`") }
}

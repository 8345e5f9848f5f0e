//! Threads of two runs, side by side by their names.

use alloc_probe_format::dump::{Dump, Thread};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// The threads of both runs that have one name, apart from numbers: `worker-1` and `worker-2` are one pool.
#[derive(Clone, Debug, Default)]
pub(super) struct Pool<'a> {
    /// The name with `#` for each number; `main thread` for that, whatever the program is called.
    pub(super) name: String,
    pub(super) base: Rows<'a>,
    pub(super) new: Rows<'a>,
}

/// The rows of a pool in one run, those with the most stack first, each with its place in the dump.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows<'a>(pub(super) Vec<(usize, &'a Thread)>);

impl Rows<'_> {
    /// How many threads there ever were.
    pub(super) fn ever(&self) -> u64 {
        self.0.iter().map(|(_, thread)| thread.threads).fold(0, u64::saturating_add)
    }

    /// The stacks of those that are alive, the largest first, in bytes.
    pub(super) fn alive(&self) -> Vec<u64> {
        let alive = self.0.iter().filter(|(_, thread)| thread.tid.is_some());
        alive.map(|(_, thread)| thread.stack_bytes).collect()
    }

    /// The stack of the n-th deepest thread. Of those that have ended, only the deepest is known, and stands for all of
    /// them; none where there weren't so many threads, or their stacks are not known.
    pub(super) fn stack_bytes(&self, nth: usize) -> Option<u64> {
        let (_, thread) = self.0.get(nth).or_else(|| self.0.last())?;
        ((nth as u64) < self.ever() && thread.stack_bytes > 0).then_some(thread.stack_bytes)
    }
}

/// The pools of two runs.
pub(super) fn pools<'a>(base: &'a Dump, new: &'a Dump) -> Vec<Pool<'a>> {
    let mut pools: BTreeMap<String, Pool<'a>> = BTreeMap::new();
    for (dump, is_new) in [(base, false), (new, true)] {
        for (row, thread) in dump.threads.iter().enumerate() {
            let name = match thread.tid {
                Some(tid) if tid == dump.process.pid => "main thread".to_owned(),
                _ => without_numbers(&thread.name),
            };
            let pool = pools.entry(name).or_default();
            let rows = if is_new { &mut pool.new } else { &mut pool.base };
            rows.0.push((row, thread));
        }
    }
    let ordered = |(name, mut pool): (String, Pool<'a>)| {
        pool.name = name;
        for rows in [&mut pool.base, &mut pool.new] {
            rows.0.sort_by_key(|(_, thread)| Reverse(thread.stack_bytes));
        }
        pool
    };
    pools.into_iter().map(ordered).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_of_one_name_are_one_pool() {
        let thread = |name: &str, tid, threads, stack_bytes| Thread {
            name: name.to_owned(),
            tid,
            threads,
            stack_bytes,
            ..Thread::default()
        };
        let dump = |pid, threads| {
            let mut dump = Dump { threads, ..Dump::default() };
            dump.process.pid = pid;
            dump
        };
        let base = dump(7, vec![thread("debug", Some(7), 1, 100), thread("worker-1", None, 3, 50)]);
        let new = dump(
            9,
            vec![
                thread("release", Some(9), 1, 200),
                thread("worker-9", Some(10), 1, 20),
                thread("worker-10", Some(11), 1, 80),
                thread("", Some(12), 1, 0),
            ],
        );
        let pools = pools(&base, &new);
        let names: Vec<&str> = pools.iter().map(|pool| pool.name.as_str()).collect();
        assert_eq!(names, ["a thread without a name", "main thread", "thread `worker-#`"]);
        let workers = &pools[2];
        assert_eq!((workers.base.ever(), workers.new.ever()), (3, 2));
        assert_eq!((workers.base.alive(), workers.new.alive()), (vec![], vec![80, 20]));
        let stacks = |rows: &Rows<'_>| (0..4).map(|nth| rows.stack_bytes(nth)).collect::<Vec<_>>();
        assert_eq!(stacks(&workers.base), [Some(50), Some(50), Some(50), None]);
        assert_eq!(stacks(&workers.new), [Some(80), Some(20), None, None]);
        assert_eq!(stacks(&pools[0].new), [None; 4], "not known");
    }
}

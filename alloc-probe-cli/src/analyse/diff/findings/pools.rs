//! Threads of two runs, side by side by their names.

use crate::analyse::evidence::pools::{Rows, by_name};
use alloc_probe_format::dump::Dump;
use std::collections::BTreeMap;

/// The threads of both runs that have one name, apart from numbers: `worker-1` and `worker-2` are one pool.
#[derive(Clone, Debug, Default)]
pub(super) struct Pool<'a> {
    /// The name with `#` for each number; `main thread` for that, whatever the program is called.
    pub(super) name: String,
    pub(super) base: Rows<'a>,
    pub(super) new: Rows<'a>,
}

/// The pools of two runs.
pub(super) fn pools<'a>(base: &'a Dump, new: &'a Dump) -> Vec<Pool<'a>> {
    let mut pools: BTreeMap<String, Pool<'a>> = BTreeMap::new();
    for (name, rows) in by_name(base) {
        pools.entry(name).or_default().base = rows;
    }
    for (name, rows) in by_name(new) {
        pools.entry(name).or_default().new = rows;
    }
    pools.into_iter().map(|(name, pool)| Pool { name, ..pool }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc_probe_format::dump::Thread;

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

//! Cache lines that two threads of a program under the probe would pass from core to core, in the mode that the environment
//! names: lines that one of them writes and the other reads or writes, as the program's own code does, without its libraries.
//!
//! ```text
//! own 0        each thread allocates and frees blocks of its own, at the same sites
//! handed 1     one allocates a block, the other frees it
//! ```
//!
//! Each figure is for one turn of both, the median of many: what happens at one turn in several, as when a thread adds what it
//! has counted to the process's sum, is not in it. With `WHERE=1`, the lines are named, and at how many turns each was passed.
//! The block's address is handed over in a line of the program's own, which is one of *handed*.

#[cfg(not(target_arch = "x86_64"))]
fn main() {
    eprintln!("instructions can be followed on x86-64 alone");
    std::process::exit(2);
}

#[cfg(target_arch = "x86_64")]
fn main() {
    x86_64::main();
}

#[cfg(target_arch = "x86_64")]
mod x86_64 {
    use alloc_probe_bench::pairs::{self, Allocator, Sites};
    use alloc_probe_bench::trace::{LINE_BYTES, Lines};
    use alloc_probe_bench::trap;
    use std::alloc::Layout;
    use std::collections::{BTreeMap, HashSet};
    use std::ops::Range;
    use std::sync::atomic::{AtomicPtr, Ordering::SeqCst};
    use std::sync::{Barrier, Mutex};

    alloc_probe::install!();

    const DEPTH: u32 = 40;
    const TURNS: usize = 41;

    /// What one thread does in a turn.
    type Turn<'a> = &'a (dyn Fn() + Sync);

    pub(super) fn main() {
        let own = || pairs::run(Allocator::Global, Sites::Two, 1);
        report("own", &own, &own);
        let handed = AtomicPtr::new(std::ptr::null_mut());
        let layout = Layout::new::<[u64; 6]>();
        // SAFETY: the layout is not of size zero.
        let allocate = || handed.store(unsafe { std::alloc::alloc(layout) }, SeqCst);
        // SAFETY: it was allocated with that layout in the turn before, and is freed once.
        let free = || unsafe { std::alloc::dealloc(handed.load(SeqCst), layout) };
        report("handed", &allocate, &free);
    }

    /// Runs two threads in turns, and prints how many lines they would pass to each other in a turn.
    fn report(name: &str, first: Turn<'_>, second: Turn<'_>) {
        let code = code();
        let (start, turn) = (Barrier::new(2), Barrier::new(2));
        let seen = [const { Mutex::new(Vec::new()) }; 2];
        std::thread::scope(|threads| {
            for (mine, what) in [first, second].into_iter().enumerate() {
                let (code, start, turn, seen) = (&code, &start, &turn, &seen);
                threads.spawn(move || {
                    pairs::at_depth(DEPTH, &mut || {
                        pairs::run(Allocator::Global, Sites::Two, 1000);
                        start.wait();
                        // On a slow machine, a sample of the timeline would be due at each turn.
                        trap::stop_clock();
                        let mut turns = Vec::with_capacity(TURNS + 10);
                        // In the first turns, each comes to what it does all the time.
                        for number in 0..2 * (TURNS + 10) {
                            if number % 2 == mine {
                                // What they touched is found out when all are over: it takes blocks of its own.
                                turns.push(trap::registers(&mut || what()));
                            }
                            turn.wait();
                        }
                        let turns =
                            turns.iter().skip(10).map(|registers| Lines::of(code, registers)).collect();
                        *seen[mine].lock().expect("nobody panicked") = turns;
                    });
                });
            }
        });
        let seen = seen.map(|turns| turns.into_inner().expect("nobody panicked"));
        let mut counts = Vec::new();
        let mut places: BTreeMap<u64, usize> = BTreeMap::new();
        for (first, second) in seen[0].iter().zip(&seen[1]) {
            let passed: HashSet<u64> = (first.written.intersection(&second.touched))
                .chain(second.written.intersection(&first.touched))
                .copied()
                .collect();
            counts.push(passed.len());
            passed.iter().for_each(|line| *places.entry(*line).or_default() += 1);
        }
        counts.sort_unstable();
        println!("{name} {}", counts[counts.len() / 2]);
        if std::env::var_os("WHERE").is_some() {
            for (line, turns) in places {
                println!("  {turns} of {} turns: {}", counts.len(), place(line * LINE_BYTES));
            }
        }
    }

    /// Where the program's own code lies.
    fn code() -> Range<u64> {
        let this = (main as fn()) as usize as u64;
        let mapping = mappings().into_iter().find(|(range, _)| range.contains(&this));
        mapping.expect("this function is mapped").0
    }

    fn mappings() -> Vec<(Range<u64>, String)> {
        let maps = std::fs::read_to_string("/proc/self/maps").expect("the mappings");
        let range = |line: &str| {
            let (range, rest) = line.split_once(' ')?;
            let (start, end) = range.split_once('-')?;
            let number = |text| u64::from_str_radix(text, 16).ok();
            Some((number(start)?..number(end)?, rest.to_owned()))
        };
        maps.lines().filter_map(range).collect()
    }

    fn place(address: u64) -> String {
        let mapping = mappings().into_iter().find(|(range, _)| range.contains(&address));
        mapping.map_or_else(
            || format!("{address:x}"),
            |(range, rest)| format!("{address:x}, {:#x} in {rest}", address - range.start),
        )
    }
}

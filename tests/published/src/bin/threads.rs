//! Two threads at work on what crossbeam hands them. `threads JOBS`.

use alloc_probe::AllocProbe;
use alloc_probe_programs::{Logged, step};
use crossbeam::channel::{self, Receiver, Sender};
use crossbeam::queue::{ArrayQueue, SegQueue};
use crossbeam::thread;

#[global_allocator]
static ALLOC: AllocProbe<Logged> = AllocProbe::new(Logged);

enum Job {
    Reverse(String),
    Sort(Vec<u64>),
    Split { text: String, at: char },
}

#[derive(Debug)]
enum Done {
    Text(String),
    Numbers(Vec<u64>),
    Parts(Vec<Box<str>>),
}

impl Job {
    fn work(self) -> Result<Done, String> {
        Ok(match self {
            Job::Reverse(text) if text.is_empty() => return Err("nothing to reverse".to_owned()),
            Job::Reverse(text) => Done::Text(text.chars().rev().collect()),
            Job::Sort(mut numbers) => {
                numbers.sort_by_key(|number| number % 100);
                Done::Numbers(numbers.into_iter().filter(|number| number % 3 != 0).collect())
            }
            Job::Split { text, at } => Done::Parts(text.split(at).map(Into::into).collect()),
        })
    }
}

fn job(number: u64) -> Job {
    match number % 4 {
        0 => Job::Reverse(format!("text {number}").repeat(number as usize % 7)),
        1 => Job::Sort((0..number % 50).map(|at| at * 7919 % 1000).collect()),
        2 => Job::Split { text: "a,b,c,".repeat(number as usize % 9), at: ',' },
        _ => Job::Reverse(String::new()),
    }
}

/// One of two that pass work on in turn, so that the order is known.
fn worker(jobs: &Receiver<(u64, Job)>, results: &Sender<(u64, Result<Done, String>)>) -> Vec<usize> {
    step(0);
    let mut sizes = Vec::new();
    for (number, job) in jobs {
        step(number);
        let done = job.work();
        step(number);
        sizes.push(done.as_ref().map_or(0, |done| match done {
            Done::Text(text) => text.len(),
            Done::Numbers(numbers) => numbers.len(),
            Done::Parts(parts) => parts.len(),
        }));
        step(alloc_probe_programs::UNORDERED);
        if results.send((number, done)).is_err() {
            break;
        }
    }
    step(1 << 40);
    sizes
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count: u64 = std::env::args().nth(1).ok_or("usage: threads JOBS")?.parse()?;
    step(alloc_probe_programs::UNORDERED);
    let (results, done) = channel::bounded(1);
    let mut kept = Vec::new();
    let mut errors = Vec::new();
    let sizes = thread::scope(|scope| {
        let mut sizes = Vec::new();
        for half in 0..2 {
            let (jobs, receiver) = channel::bounded(1);
            let results = results.clone();
            let thread = scope.spawn(move |_| worker(&receiver, &results));
            for number in half * count / 2..(half + 1) * count / 2 {
                step(number);
                let job = job(number);
                step(alloc_probe_programs::UNORDERED);
                if jobs.send((number, job)).is_err() {
                    break;
                }
                let received = done.recv();
                step(number);
                match received {
                    Ok((_, Ok(done))) => kept.push(done),
                    Ok((number, Err(error))) => errors.push(format!("{number}: {error}")),
                    Err(_) => break,
                }
                step(alloc_probe_programs::UNORDERED);
            }
            drop(jobs);
            sizes.push(thread.join());
        }
        sizes
    });
    step(1 << 32);
    let queue = SegQueue::new();
    let ring = ArrayQueue::new(16);
    for done in kept {
        if let Some(old) = ring.force_push(format!("{done:?}")) {
            queue.push(old.into_bytes());
        }
    }
    step(2 << 32);
    let all: Vec<u8> = std::iter::from_fn(|| queue.pop()).flatten().collect();
    step(3 << 32);
    let sizes: usize = sizes.map_err(|_| "a panic")?.into_iter().flatten().flatten().sum();
    println!("{} bytes, {} errors, {sizes}", all.len(), errors.len());
    Ok(())
}

//! Scopes: what a piece of code allocates, exactly, whatever other threads do meanwhile.
//!
//! See the module [`scope`](crate::scope) for how they are counted.

use super::control;
use crate::lifecycle::{fork, threads};
use crate::mode;
use crate::mode::State;
use crate::record::prepare;
use crate::scope::sites::SiteFigures;
use crate::scope::slot::Number;
use crate::scope::{inherit, open, sites, slot};
use crate::shared::usage::Usage;
use crate::thread::{self, Thread, recording};
use std::marker::PhantomData;

/// Measures what code allocates.
///
/// A scope counts what a thread allocates between [`enter`](Scope::enter) and the end of what that returns, and what the
/// threads allocate that were *started* there, by `std::thread` or otherwise. It counts nothing else, whatever goes on in
/// the process at the same time. A block belongs to its scope until it is freed, on whichever thread that is. The figures
/// are exact, the peak of several threads included, and the same in every mode.
///
/// A scope that is opened in another is part of it: the outer one counts what the inner one counts. [`here`] takes a scope
/// along to threads that were there before, such as a pool's.
///
/// A scope is open as long as it, or a clone of it, lives. After that, what is still live belongs to the scope around it.
///
/// ```
/// # alloc_probe::install!();
/// # fn main() {
/// let scope = alloc_probe::Scope::new();
/// let list = scope.run(|| vec![0u8; 100]);
/// assert_eq!(scope.usage().live_bytes, 100);
/// drop(list);
/// assert_eq!(scope.usage().live_bytes, 0);
///
/// // It can be sent to threads, and read at any time.
/// let worker = scope.clone();
/// std::thread::spawn(move || worker.run(|| drop(vec![0u8; 500]))).join().unwrap();
/// assert_eq!(scope.usage().peak_bytes, 500);
/// # }
/// ```
#[derive(Debug)]
pub struct Scope(Number);

impl Scope {
    /// Opens a scope inside the one that the thread is in, if any. The thread does not enter it.
    ///
    /// # Panics
    ///
    /// If nothing can be measured: without [`install!`](crate::install), in a process that was started with
    /// `ALLOC_PROBE=off`, in the forked child of a process that records, with 16,383 scopes open, or if the system has
    /// no memory. The message says which.
    #[must_use = "a scope closes when it is dropped"]
    #[track_caller]
    #[allow(clippy::new_without_default, reason = "a default that panics would be a surprise")]
    pub fn new() -> Scope {
        Scope::open(false).unwrap_or_else(|reason| panic!("{reason}"))
    }

    /// A scope that knows the call sites of its blocks, which costs as much for each as mode `full`.
    ///
    /// # Panics
    ///
    /// As [`Scope::new`].
    #[must_use = "a scope closes when it is dropped"]
    #[track_caller]
    pub fn with_sites() -> Scope {
        Scope::open(true).unwrap_or_else(|reason| panic!("{reason}"))
    }

    pub(crate) fn open(with_sites: bool) -> Result<Scope, &'static str> {
        if !control::prepared() {
            return Err(why_not());
        }
        let thread = this_thread().ok_or(NO_MEMORY)?;
        if with_sites && !threads::in_probe(prepare::prepare_tree) {
            return Err(NO_MEMORY);
        }
        let number = recording(thread, || open::open(thread.scope.get(), with_sites));
        number.map(Scope).ok_or(NO_MEMORY)
    }

    /// Puts the thread into the scope, and into no other that is not around it, until the result is dropped.
    #[must_use = "the thread leaves the scope when this is dropped"]
    pub fn enter(&self) -> Entered<'_> {
        Entered { _inside: Inside::enter(self.0), _scope: PhantomData }
    }

    /// Runs a closure in the scope.
    pub fn run<T>(&self, f: impl FnOnce() -> T) -> T {
        let _entered = self.enter();
        f()
    }

    /// What was measured so far.
    pub fn usage(&self) -> Usage {
        quietly(|| {
            let _locked = slot::lock(self.0);
            slot::slot(self.0).figures.usage()
        })
    }

    /// What was measured so far, and for [a scope with sites](Scope::with_sites) at which.
    pub(crate) fn usage_by_site(&self) -> (Usage, Vec<SiteFigures>) {
        let mut sites = Vec::new();
        loop {
            // Room is made without the lock, which whoever makes it may need.
            let room = sites.capacity();
            let mut count = 0;
            let usage = quietly(|| {
                let _locked = slot::lock(self.0);
                sites::each(self.0, |site| {
                    if count < room {
                        sites.push(site);
                    }
                    count += 1;
                });
                slot::slot(self.0).figures.usage()
            });
            if count <= room {
                return (usage, sites);
            }
            sites = Vec::with_capacity(count + 16);
        }
    }
}

impl Clone for Scope {
    fn clone(&self) -> Scope {
        open::add_handle(self.0);
        Scope(self.0)
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        if !mode::is_forked() {
            quietly(|| open::drop_handle(self.0));
        }
    }
}

/// Keeps a thread in a scope until it is dropped: [`Scope::enter`] returns it. Drop several in the reverse order.
#[derive(Debug)]
pub struct Entered<'a> {
    _inside: Inside,
    _scope: PhantomData<&'a Scope>,
}

/// The scope that the calling thread is in, for work that it hands to threads that exist already, in a pool or a runtime.
///
/// ```
/// # alloc_probe::install!();
/// # fn main() {
/// let (jobs, results) = (std::sync::mpsc::channel::<Box<dyn FnOnce() + Send>>(), std::sync::mpsc::channel());
/// let pool = std::thread::spawn(move || jobs.1.into_iter().for_each(|job| job()));
///
/// let scope = alloc_probe::Scope::new();
/// scope.run(|| {
///     let (here, result) = (alloc_probe::here(), results.0.clone());
///     let job = Box::new(move || here.run(|| result.send(vec![1u8; 1000]).unwrap()));
///     jobs.0.send(job).unwrap();
/// });
/// assert_eq!(results.1.recv().unwrap().len(), 1000);
/// assert_eq!(scope.usage().largest_block, 1000);
/// # drop(jobs.0);
/// # pool.join().unwrap();
/// # }
/// ```
///
/// With rayon: `items.par_iter().map(|item| here.run(|| parse(item)))`. With tokio: `tokio::spawn(here.wrap(task))`.
pub fn here() -> Here {
    let number = thread::current().map_or(0, |thread| open::handle_of_open(thread.scope.get()));
    Here(Place(if number == 0 { None } else { Some(Scope(number)) }))
}

/// The scope that a thread was in, or none: [`here`] returns it. A `Here` keeps the scope open.
#[derive(Clone, Debug)]
pub struct Here(pub(super) Place);

impl Here {
    /// In no scope.
    pub(crate) fn nowhere() -> Here {
        Here(Place(None))
    }

    /// Runs a closure in the same scope, or in none if that is where the thread was.
    pub fn run<T>(&self, f: impl FnOnce() -> T) -> T {
        let _inside = self.0.enter();
        f()
    }
}

/// In a scope, or in none.
#[derive(Clone, Debug)]
pub(crate) struct Place(pub(super) Option<Scope>);

impl Place {
    pub(crate) fn enter(&self) -> Inside {
        Inside::enter(self.0.as_ref().map_or(0, |scope| scope.0))
    }
}

/// The thread is in a scope, or in none, until this is dropped.
#[derive(Debug)]
pub(crate) struct Inside {
    /// Whether the thread has a state that could be told.
    entered: bool,
    number: Number,
    before: Number,
    inherited: u64,
    /// It's the thread's.
    _not_send: PhantomData<*const ()>,
}

impl Inside {
    /// The number is that of an open scope, or 0.
    fn enter(number: Number) -> Inside {
        let Some(thread) = this_thread() else {
            // What it does can't be counted, and it holds nothing that it would have to give back.
            slot::lose(number, 1);
            return Inside { entered: false, number: 0, before: 0, inherited: 0, _not_send: PhantomData };
        };
        if number != 0 {
            open::hold(number);
        }
        // Whoever started it, it runs the program's code now.
        thread.starting.set(0);
        let before = thread.scope.replace(number);
        let inherited = if number == before { 0 } else { inherit::mark(number) };
        Inside { entered: true, number, before, inherited, _not_send: PhantomData }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        if mode::is_forked() {
            return;
        }
        if let Some(thread) = thread::current().filter(|_| self.entered) {
            thread.scope.set(self.before);
        }
        if self.inherited != 0 {
            inherit::restore(self.inherited);
        }
        if self.number != 0 {
            quietly(|| open::release(self.number));
        }
    }
}

/// Runs a closure and measures what it allocates. Returns the closure's value, and the usage.
///
/// ```
/// # alloc_probe::install!();
/// # fn main() {
/// let (sum, usage) = alloc_probe::measure(|| (1..=10).collect::<Vec<u64>>().iter().sum::<u64>());
/// assert_eq!(sum, 55);
/// assert_eq!((usage.allocations, usage.peak_bytes, usage.live_bytes), (1, 80, 0));
/// # }
/// ```
///
/// See [`Scope`] for what is counted.
///
/// # Panics
///
/// As [`Scope::new`], and if the closure panics.
#[track_caller]
pub fn measure<T>(f: impl FnOnce() -> T) -> (T, Usage) {
    let scope = Scope::new();
    let value = scope.run(f);
    (value, scope.usage())
}

/// The calling thread's state, made if need be. None where nothing is recorded, as in the child of a fork, and where there is
/// no memory for it.
pub(super) fn this_thread() -> Option<&'static Thread> {
    // A child that nobody told must not use what is its parent's, nor wait for a lock of it.
    fork::notice();
    thread::current().or_else(|| if control::prepared() { threads::attach() } else { None })
}

/// Marks the thread as recording, as whoever takes locks of the probe must.
fn quietly<T>(f: impl FnOnce() -> T) -> T {
    match this_thread() {
        Some(thread) => recording(thread, f),
        None => f(),
    }
}

const NO_MEMORY: &str = "nothing can be measured: the system has no memory for another scope";

/// Why nothing can be measured in this process.
fn why_not() -> &'static str {
    if mode::is_forked() {
        "nothing can be measured in the forked child of a process that records"
    } else if mode::state() == State::UNSTARTED {
        "nothing can be measured: this program does not allocate through alloc-probe. Add this line to its main file \
         (for tests, to each file in `tests/`, and to `lib.rs` under `#[cfg(test)]`):\n\n    alloc_probe::install!();\n"
    } else {
        "nothing can be measured: recording was turned off when the process started, by ALLOC_PROBE=off or by a \
         variable that could not be understood. Unset it"
    }
}

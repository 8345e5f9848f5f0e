//! Where dumps go: the output path with its marks filled in.

use crate::mode;
use crate::os::executable::program_name;
use crate::os::path::Path;
use std::cell::UnsafeCell;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU32};

/// Where the dump at the end goes. Written once, at the first allocation.
pub(crate) struct Output {
    paths: UnsafeCell<Paths>,
    set: AtomicBool,
    pid: AtomicU32,
}

/// The paths, and what they are made from.
pub(crate) struct Paths {
    pub(crate) dump: Path,
    /// With its marks.
    pub(crate) pattern: Path,
    /// Whether another process has the path, so that this one's id was put into it.
    pub(crate) shared: bool,
}

// SAFETY: the paths are written once, by `settle`, before the flag with which they are read is raised.
unsafe impl Sync for Output {}

pub(crate) static OUTPUT: Output = Output {
    paths: UnsafeCell::new(Paths { dump: Path::EMPTY, pattern: Path::EMPTY, shared: false }),
    set: AtomicBool::new(false),
    pid: AtomicU32::new(0),
};

impl Output {
    /// Has `f` write the paths and open the spool's file, if it can.
    ///
    /// # Safety
    ///
    /// To be called at most once, before recording starts.
    pub(crate) unsafe fn settle(&self, f: impl FnOnce(&mut Paths) -> Option<i32>) -> Option<i32> {
        // SAFETY: nobody reads the paths before the flag is raised, and by the contract nobody else writes them.
        let file = f(unsafe { &mut *self.paths.get() });
        self.pid.store(std::process::id(), Relaxed);
        self.set.store(true, Release);
        file
    }

    fn paths(&self) -> Option<&Paths> {
        // In a namespace of its own, a child may have its parent's id.
        let is_ours = self.pid.load(Relaxed) == std::process::id() && !mode::is_forked();
        if !self.set.load(Acquire) || !is_ours {
            return None;
        }
        // SAFETY: the flag is up, so the paths were written, and are never written again.
        Some(unsafe { &*self.paths.get() })
    }

    /// The dump's path, if this is the process that it was meant for and not the child of a fork.
    pub(crate) fn get(&self) -> Option<&Path> {
        Some(&self.paths()?.dump)
    }

    /// Makes a path that of the dump with a number: the same where the pattern has no mark for it. False in the child
    /// of a fork.
    pub(crate) fn numbered(&self, number: u64, path: &mut Path) -> bool {
        let Some(paths) = self.paths() else { return false };
        let mut buffer = [0; 1024];
        let pid = std::process::id();
        path.fill(paths.pattern.bytes(), pid, program_name(&mut buffer), number);
        if paths.shared {
            path.insert_pid(pid);
        }
        true
    }
}

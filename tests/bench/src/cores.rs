//! Which processor cores programs run on. They inherit it from whoever starts them.

/// A set of cores.
#[derive(Clone, Copy)]
pub struct Cores(libc::cpu_set_t);

impl Cores {
    /// Those that this thread may use.
    ///
    /// # Panics
    ///
    /// Where the system does not tell.
    pub fn allowed() -> Cores {
        // SAFETY: all bits zero is a set, and the system writes no more than its size.
        unsafe {
            let mut set = std::mem::zeroed();
            assert_eq!(libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &mut set), 0);
            Cores(set)
        }
    }

    /// The first of them alone.
    pub fn first(&self) -> Cores {
        let cores = 0..libc::CPU_SETSIZE as usize;
        // SAFETY: the core is one that a set can hold.
        let first = cores.into_iter().find(|core| unsafe { libc::CPU_ISSET(*core, &self.0) });
        // SAFETY: all bits zero is a set, and the core is one that a set can hold.
        unsafe {
            let mut set = std::mem::zeroed();
            libc::CPU_SET(first.unwrap_or(0), &mut set);
            Cores(set)
        }
    }

    /// Has this thread, and all that it starts from now on, run on them.
    ///
    /// # Panics
    ///
    /// Where the system refuses.
    pub fn keep_to(&self) {
        // SAFETY: the set is a valid place to read from.
        let result = unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &self.0) };
        assert_eq!(result, 0, "the system lets a process choose among its cores");
    }
}

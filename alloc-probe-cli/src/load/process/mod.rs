//! The profile of a process that is running, read from outside: it need not do anything for it, nor be able to.
//!
//! A process that records has its spool open: beside its output path, or as a file without a name. `/proc` leads there.

mod heap;
mod page_map;
mod stacks;

use super::read::{LIMIT_BYTES, monotonic_ns, read_within};
use super::refusal::Refusal;
use super::{check, main_program};
use crate::error::{Error, io_reason};
use alloc_probe_format::cgroup;
use alloc_probe_format::dump::{AllocatorFacts, Dump, Memory, Mode, SitePages, Thread, sum_of_fields};
use alloc_probe_format::mappings::{self, Known, Own};
use alloc_probe_format::snapshot::mode_of;
use alloc_probe_format::spool::{Spool as _, header};
use alloc_probe_format::spool_file::SpoolFile;
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;

/// What a process has recorded so far, as the dump that it would write now.
///
/// # Errors
///
/// Where there is no such process, where it is somebody else's, and where it records nothing.
pub fn load(pid: u32) -> Result<Dump, Error> {
    let folder = PathBuf::from(format!("/proc/{pid}"));
    let cannot = |reason: &str| Error::new(format!("cannot read process {pid}: {reason}"));
    if !folder.exists() {
        return Err(cannot("there is none"));
    }
    let spool = spool_of(pid).map_err(|error| cannot(&io_reason(&error)))?.ok_or_else(|| {
        cannot("it has no profile").with_hint(
            "the program must use alloc-probe (`alloc_probe::install!();`), be started without ALLOC_PROBE=off, \
             and not be forked from one that records",
        )
    })?;
    let bytes = read_within(spool, LIMIT_BYTES).map_err(|error| cannot(&io_reason(&error)))?;
    // Ages and durations run until then, however long the rest takes.
    let read_ns = monotonic_ns();
    let refused = |refusal: Refusal| cannot(&refusal.reason);
    let spool = SpoolFile::parse(&bytes).map_err(Refusal::new).map_err(refused)?;
    let (memory, sites) = memory(pid, &spool);
    let mut dump = spool.dump_of_running(read_ns, &sites);
    main_program::name(&mut dump);
    check::check(&dump).map_err(refused)?;
    dump.memory = Memory { at_peak: dump.memory.at_peak, ..memory };
    dump.threads.iter_mut().for_each(|thread| rename(pid, thread));
    stacks::measure(pid, &spool, &mut dump);
    Ok(dump)
}

/// Whether a process has passed a mark, as far as its spool can be read now.
pub fn has_passed(pid: u32, mark: &str) -> bool {
    let Ok(Some(file)) = spool_of(pid) else { return false };
    let Ok(bytes) = read_within(file, LIMIT_BYTES) else { return false };
    SpoolFile::parse(&bytes).is_ok_and(|spool| spool.has_passed(mark))
}

/// The spool among the files that a process has open, or else mapped.
fn spool_of(pid: u32) -> io::Result<Option<File>> {
    let own = own_id(pid);
    for entry in fs::read_dir(format!("/proc/{pid}/fd"))? {
        // Descriptors come and go meanwhile.
        let Ok(link) = entry.map(|entry| entry.path()) else { continue };
        let Ok(target) = fs::read_link(&link) else { continue };
        let target = target.to_string_lossy();
        let named = target.trim_end_matches(" (deleted)").ends_with(".spool");
        let likely = named || target.starts_with("/memfd:alloc-probe");
        if let Some(file) = likely.then(|| opened(&link, own)).flatten() {
            return Ok(Some(file));
        }
    }
    // One that has closed the descriptor still has what it has mapped.
    let maps = fs::read_to_string(format!("/proc/{pid}/maps"))?;
    let path =
        maps.lines().filter_map(|line| line.split_once('/')).find(|(_, path)| path.ends_with(".spool"));
    Ok(path.and_then(|(_, path)| opened(&PathBuf::from(format!("/proc/{pid}/root/{path}")), own)))
}

/// A file if it is the spool of that very process, and not one that it reads or was forked from.
fn opened(path: &std::path::Path, pid: u64) -> Option<File> {
    let file = File::open(path).ok()?;
    let mut start = [0; SpoolFile::START_BYTES];
    std::os::unix::fs::FileExt::read_exact_at(&file, &mut start, 0).ok()?;
    (SpoolFile::pid_at_start(&start) == Some(pid)).then_some(file)
}

/// The process's id as it knows it itself, in a container for one.
fn own_id(pid: u32) -> u64 {
    status_field(pid, "NSpid").last().copied().unwrap_or(pid.into())
}

/// The numbers of a line of `/proc/PID/status`.
fn status_field(pid: u32, name: &str) -> Vec<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_default().split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

/// What the system says of the process's memory, and what that means for each site, by its number in the spool.
fn memory(pid: u32, spool: &SpoolFile) -> (Memory, Vec<SitePages>) {
    let kib = |name| status_field(pid, name).first().copied().unwrap_or(0) << 10;
    let text = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
    let status = text("status");
    let mut memory = Memory {
        rss_bytes: kib("VmRSS"),
        peak_rss_bytes: kib("VmHWM"),
        virtual_bytes: kib("VmSize"),
        swap_bytes: kib("VmSwap"),
        shmem_bytes: sum_of_fields(&status, &["RssShmem"]),
        page_table_bytes: kib("VmPTE"),
        threads: status_field(pid, "Threads").first().copied().unwrap_or(0),
        cgroup: cgroup::read(&pid.to_string()),
        ..Memory::default()
    };
    let build = spool.build();
    let executable = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
    let known = Known {
        executable: executable.to_string_lossy().into_owned(),
        stacks: spool.addresses_in_stacks(),
        own: Own::Marks { also_others: build.allocator.contains("jemalloc") },
    };
    let Some(mappings) = mappings::all(&pid.to_string(), &known) else {
        memory.unknown.push("the system does not tell the mappings of the process".to_owned());
        return (memory, Vec::new());
    };
    let (part, alone) = mappings::shares(&mappings);
    (memory.pss_bytes, memory.uss_bytes) = (Some(part), Some(alone));
    memory.rss_bytes = mappings.iter().map(|mapping| mapping.resident).sum();
    memory.huge_bytes = mappings.iter().map(|mapping| mapping.huge).sum();
    memory.categories = mappings::categories(&mappings);
    memory.code = Some(mappings::code(&mappings));
    if mode_of(spool.header(header::MODE)) != Mode::Full {
        return (memory, Vec::new());
    }
    let is_glibc = build.allocator.to_lowercase().ends_with("system") && build.target.ends_with("-gnu");
    let rounding = is_glibc.then_some(heap::of_glibc as heap::Rounding);
    if is_glibc {
        memory.allocator = Some(AllocatorFacts { name: "glibc".to_owned(), ..AllocatorFacts::default() });
        memory.unknown.push(BY_BLOCKS.to_owned());
    }
    match heap::account(pid, spool, &mappings, rounding) {
        Some(account) => {
            memory.heap = Some(account.heap);
            (memory, account.sites)
        }
        None => {
            memory
                .unknown
                .push("the system does not tell which pages of the process are resident".to_owned());
            (memory, Vec::new())
        }
    }
}

/// Said of an account from outside. Of other allocators, something like it is said anyway.
const BY_BLOCKS: &str = "the process was read from outside: what C code and the allocator itself have beside live blocks counts as \
                         retained or fragmentation";

/// A thread's name as of now: the one in the spool is that of its first allocation.
fn rename(pid: u32, thread: &mut Thread) {
    let Some(tid) = thread.tid else { return };
    if let Ok(name) = fs::read_to_string(format!("/proc/{pid}/task/{tid}/comm")) {
        name.trim_end_matches('\n').clone_into(&mut thread.name);
    }
}

//! What the operating system says of the process's memory. Library code: it runs as the probe's own.

use crate::memory::os;
use alloc_probe_format::dump::{Category, Memory, ProbeUse};
use std::fs;

/// The process's memory now. What the system does not tell is zero.
pub(crate) fn memory() -> Memory {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.and_then(|value| value.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0)
    };
    Memory {
        rss_bytes: field("VmRSS") << 10,
        peak_rss_bytes: field("VmHWM") << 10,
        virtual_bytes: field("VmSize") << 10,
        swap_bytes: field("VmSwap") << 10,
        page_table_bytes: field("VmPTE") << 10,
        threads: field("Threads"),
        categories: categories(&mappings()),
        ..Memory::default()
    }
}

/// The probe's own memory.
pub(crate) fn probe_use(spool_bytes: u64) -> ProbeUse {
    let mut own = ProbeUse { spool_bytes, ..ProbeUse::default() };
    for mapping in mappings().iter().filter(|mapping| os::is_own(mapping.start)) {
        own.resident_bytes += mapping.resident;
        let memory = ["[anon", "/memfd:"].iter().any(|start| mapping.path.starts_with(start));
        if mapping.path.is_empty() || memory {
            own.private_bytes += mapping.resident;
        }
    }
    own
}

/// A line of `/proc/self/maps` with the resident size that `smaps` adds.
struct Mapping {
    start: usize,
    end: usize,
    path: String,
    resident: u64,
}

fn mappings() -> Vec<Mapping> {
    let text = fs::read_to_string("/proc/self/smaps").unwrap_or_default();
    let mut mappings: Vec<Mapping> = Vec::new();
    for line in text.lines() {
        if let Some(kib) = line.strip_prefix("Rss:") {
            let kib = kib.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0);
            if let Some(last) = mappings.last_mut() {
                last.resident = kib << 10;
            }
        } else if let Some(mapping) = parse_header(line) {
            mappings.push(mapping);
        }
    }
    mappings
}

/// `start-end permissions offset device inode path`.
fn parse_header(line: &str) -> Option<Mapping> {
    let (range, rest) = line.split_once(' ')?;
    let (start, end) = range.split_once('-')?;
    let start = usize::from_str_radix(start, 16).ok()?;
    let end = usize::from_str_radix(end, 16).ok()?;
    let path = rest.split_whitespace().skip(4).collect::<Vec<_>>().join(" ");
    Some(Mapping { start, end, path, resident: 0 })
}

/// Resident memory by what it is for.
fn categories(mappings: &[Mapping]) -> Vec<Category> {
    let executable =
        fs::read_link("/proc/self/exe").map(|path| path.to_string_lossy().into_owned()).unwrap_or_default();
    let stacks = stack_addresses();
    let mut categories: Vec<Category> =
        ["heap", "anonymous", "stacks", "executable", "libraries", "files", "probe"]
            .map(|name| Category { name: name.to_owned(), bytes: 0 })
            .into();
    for mapping in mappings {
        let name = match mapping.path.as_str() {
            _ if os::is_own(mapping.start) => "probe",
            "[heap]" => "heap",
            path if path.starts_with("[stack") => "stacks",
            path if path == executable => "executable",
            path if path.starts_with('[') && !path.starts_with("[anon") => "libraries",
            path if path.contains(".so") => "libraries",
            path if path.starts_with('/') => "files",
            _ if stacks.iter().any(|&address| (mapping.start..mapping.end).contains(&address)) => "stacks",
            _ => "anonymous",
        };
        if let Some(category) = categories.iter_mut().find(|category| category.name == name) {
            category.bytes += mapping.resident;
        }
    }
    categories.retain(|category| category.bytes > 0);
    categories
}

/// The stack pointers of the threads, as far as the system tells: that of this one, and of those that are blocked
/// in a system call.
fn stack_addresses() -> Vec<usize> {
    let here = 0u8;
    let mut addresses = vec![&raw const here as usize];
    os::for_each_task(|task| {
        let text = fs::read_to_string(format!("/proc/self/task/{task}/syscall")).unwrap_or_default();
        let stack_pointer = text.split_whitespace().rev().nth(1).unwrap_or_default();
        addresses.extend(usize::from_str_radix(stack_pointer.trim_start_matches("0x"), 16).ok());
    });
    addresses
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_is_read() {
        let line = "7f00-7f80 r-xp 00000000 08:01 123   /usr/lib/a library.so";
        let mapping = parse_header(line).unwrap();
        assert_eq!(
            (mapping.start, mapping.end, mapping.path.as_str()),
            (0x7f00, 0x7f80, "/usr/lib/a library.so")
        );
        assert!(parse_header("VmFlags: rd ex mr").is_none());
        assert!(parse_header("Pss:      12 kB").is_none());
    }

    #[test]
    fn threads_are_told_by_the_system() {
        let mut tasks = Vec::new();
        os::for_each_task(|task| tasks.push(task));
        // SAFETY: it has no preconditions.
        let own = unsafe { libc::gettid() } as u64;
        assert_eq!(tasks.iter().filter(|task| **task == own).count(), 1);
        assert!(tasks.contains(&u64::from(std::process::id())));
    }

    #[test]
    fn categories_add_up_to_the_resident_memory() {
        let memory = memory();
        let sum: u64 = memory.categories.iter().map(|category| category.bytes).sum();
        assert!(sum > memory.rss_bytes / 2 && sum < memory.rss_bytes * 2, "{sum} of {}", memory.rss_bytes);
    }
}

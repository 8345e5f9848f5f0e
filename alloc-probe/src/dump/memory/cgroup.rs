//! The control group that the process is in: what a container's limit is held against.

use alloc_probe_format::dump::Cgroup;
use std::fs;
use std::path::{Path, PathBuf};

/// What the process's control group counts. None where it is in none that counts memory, or can't see its files.
pub(super) fn read() -> Option<Cgroup> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    folders(&groups, &mounts).find_map(|(folder, names)| {
        let number = |name: &str| {
            let text = fs::read_to_string(format!("{folder}/{name}")).ok()?;
            text.trim().parse::<u64>().ok()
        };
        let field = |file: &str, field: &str| {
            let text = fs::read_to_string(format!("{folder}/{file}")).ok()?;
            text.lines()
                .find_map(|line| line.strip_prefix(field)?.strip_prefix(' ')?.trim().parse::<u64>().ok())
        };
        let peak_bytes = number(names.peak).unwrap_or(0);
        Some(Cgroup {
            current_bytes: number(names.current)?,
            peak_bytes,
            limit_bytes: least_limit(&folder, &names),
            file_bytes: field("memory.stat", names.file),
            oom_kills: field(names.events, "oom_kill"),
        })
    })
}

/// The least of the limits of a group and of those that it is in; 0 where there is none.
fn least_limit(folder: &str, names: &Names) -> u64 {
    Path::new(folder).ancestors().filter_map(|folder| limit(folder, names)).min().unwrap_or(0)
}

/// The limit of a group; none where it has none.
fn limit(folder: &Path, names: &Names) -> Option<u64> {
    let text = fs::read_to_string(folder.join(names.limit)).ok()?;
    // Version 1 has a number near the largest there is where there is no limit, version 2 the word `max`.
    text.trim().parse::<u64>().ok().filter(|&bytes| bytes < 1 << 60)
}

/// The nearest group above the process that has a limit of memory, its own included.
pub(crate) struct Limited {
    current: PathBuf,
    limit_bytes: u64,
}

impl Limited {
    /// None where there is none, or its files can't be seen.
    pub(crate) fn nearest() -> Option<Limited> {
        let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
        let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
        folders(&groups, &mounts).find_map(|(folder, names)| {
            Path::new(&folder).ancestors().find_map(|folder| {
                let limit_bytes = limit(folder, &names)?;
                let current = folder.join(names.current);
                current.exists().then_some(Limited { current, limit_bytes })
            })
        })
    }

    pub(crate) fn limit_bytes(&self) -> u64 {
        self.limit_bytes
    }

    /// What is charged to it now.
    pub(crate) fn current_bytes(&self) -> Option<u64> {
        fs::read_to_string(&self.current).ok()?.trim().parse().ok()
    }
}

/// What the files are called.
#[derive(Debug, PartialEq, Eq)]
struct Names {
    current: &'static str,
    peak: &'static str,
    limit: &'static str,
    /// The field of `memory.stat` with the pages of files, with those of the groups in it.
    file: &'static str,
    /// The file that counts kills.
    events: &'static str,
}

const VERSION_1: Names = Names {
    current: "memory.usage_in_bytes",
    peak: "memory.max_usage_in_bytes",
    limit: "memory.limit_in_bytes",
    file: "total_cache",
    events: "memory.oom_control",
};
const VERSION_2: Names = Names {
    current: "memory.current",
    peak: "memory.peak",
    limit: "memory.max",
    file: "file",
    events: "memory.events",
};

/// Where the group's files may be, by `/proc/self/cgroup` and `/proc/self/mountinfo`: at its path below where the
/// groups are mounted, and, as in a container that sees its own group only, right there.
fn folders<'a>(groups: &'a str, mounts: &'a str) -> impl Iterator<Item = (String, Names)> + 'a {
    groups.lines().flat_map(move |line| {
        // `number:controllers:path`; version 2 has the number 0 and no controllers.
        let mut fields = line.splitn(3, ':');
        let (number, controllers, path) = (fields.next(), fields.next(), fields.next());
        let path = path.unwrap_or_default().trim_end_matches('/');
        let second = number == Some("0");
        let first = controllers.is_some_and(|list| list.split(',').any(|name| name == "memory"));
        let mount = if second || first { mount_point(mounts, second) } else { None };
        let of_mount = move |mount: &str| {
            let names = || if second { VERSION_2 } else { VERSION_1 };
            [(format!("{mount}{path}"), names()), (mount.to_owned(), names())]
        };
        mount.map(of_mount).into_iter().flatten()
    })
}

/// Where the groups of a version are mounted: the fifth field of a line whose part after ` - ` names the file system.
fn mount_point(mounts: &str, second: bool) -> Option<&str> {
    mounts.lines().find_map(|line| {
        let (place, kind) = line.split_once(" - ")?;
        let mut kind = kind.split(' ');
        let found = match kind.next()? {
            "cgroup2" => second,
            "cgroup" => !second && kind.nth(1)?.split(',').any(|option| option == "memory"),
            _ => false,
        };
        found.then(|| place.split(' ').nth(4)).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
24 1 0:22 / /proc rw - proc proc rw
30 24 0:26 / /sys/fs/cgroup/unified rw,nosuid - cgroup2 cgroup2 rw
31 24 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct
32 24 0:28 /a /sys/fs/cgroup/memory rw shared:9 - cgroup cgroup rw,memory
";

    #[test]
    fn groups_of_both_versions_are_found() {
        let found = |groups| folders(groups, MOUNTS).collect::<Vec<_>>();
        let first = ["/sys/fs/cgroup/memory/a/b", "/sys/fs/cgroup/memory"];
        assert_eq!(found("5:memory:/a/b\n4:cpu:/a"), first.map(|folder| (folder.to_owned(), VERSION_1)));
        let second = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup/unified"];
        assert_eq!(found("0::/"), second.map(|folder| (folder.to_owned(), VERSION_2)));
        assert_eq!(found("1:name=systemd:/"), []);
    }
}

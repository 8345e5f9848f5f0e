//! The control group that a process is in: what a container's limit is held against.

use crate::dump::Cgroup;
use std::ffi::OsStr;
use std::fs;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// What the control group of a process counts, which is told by its number or as `self`. None where it is in none that
/// counts memory, or its files can't be seen.
pub fn read(process: &str) -> Option<Cgroup> {
    let (groups, mounts) = of_process(process)?;
    folders(&groups, &mounts).find_map(|(folder, names)| {
        let number = |name: &str| {
            let text = fs::read_to_string(format!("{folder}/{name}")).ok()?;
            text.trim().parse::<u64>().ok()
        };
        let peak_bytes = number(names.peak).unwrap_or(0);
        Some(Cgroup {
            current_bytes: number(names.current)?,
            peak_bytes,
            limit_bytes: least_limit(&folder, &names),
            file_bytes: field(&format!("{folder}/memory.stat"), names.file),
            oom_kills: field(&format!("{folder}/{}", names.events), KILLS),
            oom_kills_at_start: None,
        })
    })
}

/// The groups of a process, and where they are mounted for whoever asks.
fn of_process(process: &str) -> Option<(String, String)> {
    let groups = fs::read_to_string(format!("/proc/{process}/cgroup")).ok()?;
    Some((groups, fs::read_to_string("/proc/self/mountinfo").ok()?))
}

/// The number in a line `name number` of a file.
fn field(file: &str, name: &str) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

/// The field that counts the group's processes which the kernel killed for memory.
const KILLS: &str = "oom_kill";

/// A group as its process noted it when recording started, so that it can be asked once the process is gone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Noted {
    /// The least limit of it and of those that it is in; 0 where there is none.
    pub limit_bytes: u64,
    /// Its processes that had been killed by then; none where the kernel does not tell.
    pub oom_kills: Option<u64>,
    /// The file that counts them.
    events: String,
    /// By these it is known again: the number of its folder, which no other one gets as long as the system runs, and that
    /// of the system's start.
    inode: u64,
    boot: String,
}

impl Noted {
    /// The calling process's own. None where it is in none that counts memory.
    pub fn now() -> Option<Noted> {
        let (groups, mounts) = of_process("self")?;
        folders(&groups, &mounts).find_map(|(folder, names)| {
            Path::new(&folder).join(names.current).exists().then_some(())?;
            let events = format!("{folder}/{}", names.events);
            Some(Noted {
                limit_bytes: least_limit(&folder, &names),
                oom_kills: field(&events, KILLS),
                inode: fs::metadata(&folder).ok()?.ino(),
                boot: boot()?,
                events,
            })
        })
    }

    /// As it stands in the spool.
    pub fn to_text(&self) -> String {
        let Noted { limit_bytes, oom_kills, events, inode, boot } = self;
        let kills = oom_kills.map_or_else(|| "-".to_owned(), |kills| kills.to_string());
        format!("{limit_bytes} {kills} {inode} {boot} {events}")
    }

    /// From there.
    pub fn parse(text: &str) -> Option<Noted> {
        let mut fields = text.splitn(5, ' ');
        let mut next = || fields.next();
        Some(Noted {
            limit_bytes: next()?.parse().ok()?,
            oom_kills: next()?.parse().ok(),
            inode: next()?.parse().ok()?,
            boot: next()?.to_owned(),
            events: next()?.to_owned(),
        })
    }

    /// How many of its processes have been killed by now. None where it is gone, or it is another machine's.
    pub fn oom_kills_now(&self) -> Option<u64> {
        let folder = Path::new(&self.events).parent()?;
        let is_same = boot()? == self.boot && fs::metadata(folder).ok()?.ino() == self.inode;
        if is_same { field(&self.events, KILLS) } else { None }
    }
}

/// What the system calls the time since it was started.
fn boot() -> Option<String> {
    Some(fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?.trim().to_owned())
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

/// The nearest group above the process that has a limit of memory, its own included. It holds no memory of an allocator's, and
/// takes none when it is asked: whoever waits for the limit has it as long as the process lives.
#[derive(Debug)]
pub struct Limited {
    /// The path of the file with what is charged to it, and its length.
    current: ([u8; Limited::LONGEST], usize),
    limit_bytes: u64,
}

impl Limited {
    /// Longer paths are not looked at.
    const LONGEST: usize = 1024;

    /// None where there is none, or its files can't be seen.
    pub fn nearest() -> Option<Limited> {
        let (groups, mounts) = of_process("self")?;
        folders(&groups, &mounts).find_map(|(folder, names)| {
            Path::new(&folder).ancestors().find_map(|folder| {
                let limit_bytes = limit(folder, &names)?;
                let path = folder.join(names.current);
                let path = path.as_os_str().as_bytes();
                let mut current = ([0; Limited::LONGEST], path.len());
                current.0.get_mut(..path.len())?.copy_from_slice(path);
                let group = Limited { current, limit_bytes };
                group.current_bytes().is_some().then_some(group)
            })
        })
    }

    /// The limit.
    pub fn limit_bytes(&self) -> u64 {
        self.limit_bytes
    }

    /// What is charged to it now.
    pub fn current_bytes(&self) -> Option<u64> {
        let (path, length) = &self.current;
        let mut file = fs::File::open(OsStr::from_bytes(&path[..*length])).ok()?;
        let mut digits = [0; 32];
        let read = file.read(&mut digits).ok()?;
        std::str::from_utf8(&digits[..read]).ok()?.trim().parse().ok()
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

    #[test]
    fn a_group_is_noted_and_known_again() {
        let noted = Noted {
            limit_bytes: 1 << 20,
            oom_kills: Some(2),
            events: "/sys/fs/cgroup/a group/memory.events".to_owned(),
            inode: 7,
            boot: "b".to_owned(),
        };
        assert_eq!(Noted::parse(&noted.to_text()), Some(noted.clone()));
        let unknown = Noted { oom_kills: None, ..noted };
        assert_eq!(Noted::parse(&unknown.to_text()), Some(unknown.clone()));
        assert_eq!(Noted::parse("1 2 3"), None);
        assert_eq!(unknown.oom_kills_now(), None, "it is of another start of the system");
        if let Some(own) = Noted::now() {
            assert!(own.oom_kills_now() >= own.oom_kills, "{own:?}");
            let other = Noted { inode: own.inode + 1, ..own };
            assert_eq!(other.oom_kills_now(), None);
        }
    }
}

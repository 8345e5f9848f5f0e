//! A process's mappings, and what each is for.

use crate::dump::{Category, Code};
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::ops::Range;

/// What a mapping is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What `brk` gave.
    Heap,
    /// Other memory without a file.
    Anonymous,
    /// A thread's stack.
    Stack,
    /// The executable, and the memory beyond its file.
    Executable,
    /// The same of a library.
    Library,
    /// Another file.
    File,
    /// The probe's own.
    Probe,
}

impl Kind {
    /// In the order in which a dump lists them.
    const ALL: [(Kind, &'static str); 7] = [
        (Kind::Heap, "heap"),
        (Kind::Anonymous, "anonymous"),
        (Kind::Stack, "stacks"),
        (Kind::Executable, "executable"),
        (Kind::Library, "libraries"),
        (Kind::File, "files"),
        (Kind::Probe, "probe"),
    ];
}

/// A mapping as `smaps` has it.
#[derive(Clone, Copy, Debug)]
pub struct Mapping {
    /// Where it starts.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    /// What it is for.
    pub kind: Kind,
    /// Whether it may be written to.
    pub writable: bool,
    /// Whether it has a file, or a piece of shared memory.
    has_file: bool,
    /// Resident bytes.
    pub resident: u64,
    /// Of the resident bytes, those that are the process's own, and not the file's.
    anonymous: u64,
    /// Of the resident bytes, the process's part, where others have pages as well.
    proportional: u64,
    /// Of the resident bytes, those that no other process has.
    unshared: u64,
    /// Bytes that were swapped out.
    pub swapped: u64,
    /// Of the resident bytes, those that were given up, and that the system takes when it needs them.
    pub given_up: u64,
    /// Of the resident bytes, those that became something else while they were looked at.
    pub changed: u64,
    /// Huge pages of the kind that counts as nobody's resident memory.
    pub huge: u64,
    /// Whether the system was told to set nothing aside for it.
    pub is_not_reserved: bool,
}

impl Mapping {
    /// Whether an allocator may keep blocks there.
    pub fn may_hold_blocks(&self) -> bool {
        self.writable && matches!(self.kind, Kind::Heap | Kind::Anonymous)
    }

    /// What of its resident memory was given up, and is no longer what the mapping is for.
    fn apart(&self) -> u64 {
        if self.may_hold_blocks() { self.given_up.min(self.resident) } else { 0 }
    }

    /// What of its resident memory is no longer what it was, of what is not apart.
    fn changed(&self) -> u64 {
        self.changed.min(self.resident - self.apart())
    }

    /// Whether nobody can have a block there, unless it has become writable since.
    pub fn is_reserved(&self) -> bool {
        !self.writable && self.kind == Kind::Anonymous
    }

    /// Whether it is the probe's.
    pub fn is_probe(&self) -> bool {
        self.kind == Kind::Probe
    }

    /// Whether it is memory of the probe's that no file on a disk backs.
    pub fn is_private_to_probe(&self) -> bool {
        self.kind == Kind::Probe && !self.has_file
    }
}

/// What must be known of a process to tell what its mappings are for.
#[derive(Debug, Default)]
pub struct Known {
    /// Its executable's path as the mappings have it, with the mark of a file that has gone.
    pub executable: String,
    /// Addresses in the mappings that are stacks, in order.
    pub stacks: Vec<usize>,
    /// What is the probe's.
    pub own: Own,
}

/// How the probe's memory is known.
#[derive(Debug)]
pub enum Own {
    /// By these ranges, which come by address.
    Ranges(Vec<Range<usize>>),
    /// From outside: the spool by its name, and what is private by the flags that the probe gives it: nothing is set aside for it,
    /// and it is left out of core dumps.
    Marks {
        /// Whether the program's allocator may give its memory the same flags: then only the spool is known.
        also_others: bool,
    },
}

impl Default for Own {
    fn default() -> Own {
        Own::Ranges(Vec::new())
    }
}

impl Own {
    fn has(&self, header: &Header<'_>) -> bool {
        match self {
            Own::Ranges(ranges) => is_within(ranges, header.start),
            Own::Marks { .. } => {
                let path = header.path.trim_end_matches(" (deleted)");
                path.ends_with(".spool") || path.starts_with("/memfd:alloc-probe")
            }
        }
    }

    /// Whether a mapping without a file is the probe's by its flags.
    fn has_marked(&self, flags: &str) -> bool {
        let has = |flag: &str| flags.split_whitespace().any(|other| other == flag);
        matches!(self, Own::Marks { also_others: false }) && has("nr") && has("dd")
    }
}

/// All mappings of a process, which is told by its number or as `self`, by address. None where the system does not tell.
pub fn all(process: &str, known: &Known) -> Option<Vec<Mapping>> {
    let smaps = File::open(format!("/proc/{process}/smaps")).ok()?;
    let mut lines = BufReader::with_capacity(1 << 16, smaps);
    let mut mappings: Vec<Mapping> = Vec::new();
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line).ok()? > 0 {
        let text = String::from_utf8_lossy(&line);
        match parse_field(&text) {
            Some((name, bytes)) => {
                if let Some(last) = mappings.last_mut() {
                    match name {
                        "Rss" => last.resident = bytes,
                        "Anonymous" => last.anonymous = bytes,
                        "Pss" => last.proportional = bytes,
                        "Private_Clean" | "Private_Dirty" => last.unshared += bytes,
                        "Swap" => last.swapped = bytes,
                        "LazyFree" => last.given_up = bytes,
                        "Shared_Hugetlb" | "Private_Hugetlb" => last.huge += bytes,
                        _ => {}
                    }
                }
            }
            None => {
                if let Some(flags) = text.strip_prefix("VmFlags:") {
                    if let Some(last) = mappings.last_mut() {
                        last.is_not_reserved = flags.split_whitespace().any(|flag| flag == "nr");
                        if last.kind == Kind::Anonymous && known.own.has_marked(flags) {
                            last.kind = Kind::Probe;
                        }
                    }
                } else if let Some(header) = Header::parse(&text) {
                    let kind = header.kind(known, mappings.last());
                    push(&mut mappings, header.mapping(kind));
                }
            }
        }
        line.clear();
    }
    Some(mappings).filter(|mappings| !mappings.is_empty())
}

/// What a process has for its part (PSS), and alone (USS). By the mappings that the resident memory is read from: at another
/// moment, as threads end and give back their memory, the process may well have more alone than is resident.
pub fn shares(mappings: &[Mapping]) -> (u64, u64) {
    // One that was cut, as another moved in behind it, has no more than what is left of it.
    let sum =
        |of: fn(&Mapping) -> u64| mappings.iter().map(|mapping| of(mapping).min(mapping.resident)).sum();
    (sum(|mapping| mapping.proportional), sum(|mapping| mapping.unshared))
}

/// Adds the next mapping. The system tells them a few at a time: where one has grown in between, it comes a second time, from
/// where it begins to where it ends by now. So what it replaces is taken back, and no two overlap.
fn push(mappings: &mut Vec<Mapping>, mapping: Mapping) {
    while let Some(last) = mappings.last_mut().filter(|last| last.end > mapping.start) {
        if last.start >= mapping.start {
            mappings.pop();
        } else {
            last.end = mapping.start;
            last.resident = last.resident.min((last.end - last.start) as u64);
            break;
        }
    }
    mappings.push(mapping);
}

fn is_within(ranges: &[Range<usize>], address: usize) -> bool {
    let behind = ranges.partition_point(|range| range.start <= address);
    ranges[..behind].last().is_some_and(|range| range.contains(&address))
}

/// Whether any of the addresses, which are in order, lies within a range.
fn any_within(addresses: &[usize], range: Range<usize>) -> bool {
    let first = addresses.partition_point(|&address| address < range.start);
    addresses.get(first).is_some_and(|&address| address < range.end)
}

/// `Name:   12 kB`, in bytes.
fn parse_field(line: &str) -> Option<(&str, u64)> {
    let (name, value) = line.split_once(':')?;
    let value = value.trim().strip_suffix(" kB")?.parse::<u64>().ok()?;
    (!name.contains(' ')).then_some((name, value << 10))
}

/// `start-end permissions offset device inode path`.
#[derive(Debug, PartialEq, Eq)]
struct Header<'a> {
    start: usize,
    end: usize,
    permissions: &'a str,
    path: &'a str,
}

impl<'a> Header<'a> {
    fn parse(line: &'a str) -> Option<Header<'a>> {
        let mut fields = line.trim_end().splitn(6, ' ');
        let (start, end) = fields.next()?.split_once('-')?;
        let [start, end] = [start, end].map(|digits| usize::from_str_radix(digits, 16).ok());
        let permissions = fields.next()?;
        let path = fields.nth(3).unwrap_or_default().trim_start();
        Some(Header { start: start?, end: end?, permissions, path })
    }

    fn mapping(&self, kind: Kind) -> Mapping {
        Mapping {
            start: self.start,
            end: self.end,
            kind,
            writable: self.permissions.contains('w'),
            has_file: self.path.starts_with('/') && !self.path.starts_with("/memfd:"),
            resident: 0,
            anonymous: 0,
            proportional: 0,
            unshared: 0,
            swapped: 0,
            given_up: 0,
            changed: 0,
            huge: 0,
            is_not_reserved: false,
        }
    }

    fn kind(&self, known: &Known, before: Option<&Mapping>) -> Kind {
        let is_anonymous = self.path.is_empty() || self.path.starts_with("[anon");
        let of_image = |mapping: &&Mapping| {
            mapping.end == self.start && matches!(mapping.kind, Kind::Executable | Kind::Library)
        };
        match self.path {
            _ if known.own.has(self) => Kind::Probe,
            "[heap]" => Kind::Heap,
            path if path.starts_with("[stack") => Kind::Stack,
            path if path == known.executable => Kind::Executable,
            path if path.starts_with('[') && !is_anonymous => Kind::Library,
            path if path.contains(".so") => Kind::Library,
            path if path.starts_with('/') => Kind::File,
            _ if any_within(&known.stacks, self.start..self.end) => Kind::Stack,
            // What an image has beyond its file starts as zeros, right behind it.
            _ if self.permissions.contains('w') => {
                before.filter(of_image).map_or(Kind::Anonymous, |m| m.kind)
            }
            _ => Kind::Anonymous,
        }
    }
}

/// Resident memory by what it is for. Of the mappings without a file, what was given up is apart, and what has changed.
pub fn categories(mappings: &[Mapping]) -> Vec<Category> {
    let of_kind = |kind| mappings.iter().filter(move |mapping| mapping.kind == kind);
    let apart = |name: &str, bytes: fn(&Mapping) -> u64| Category {
        name: name.to_owned(),
        bytes: mappings.iter().map(bytes).sum(),
    };
    let category = |(kind, name): (Kind, &str)| {
        let bytes = of_kind(kind).map(|mapping| mapping.resident - mapping.apart() - mapping.changed()).sum();
        Category { name: name.to_owned(), bytes }
    };
    let mut categories: Vec<Category> = Kind::ALL.into_iter().map(category).collect();
    let beside = [apart("reclaimable", Mapping::apart), apart("changed", Mapping::changed)];
    categories.splice(2..2, beside);
    categories.retain(|category| category.bytes > 0);
    categories
}

/// What of the executable and the libraries is what.
pub fn code(mappings: &[Mapping]) -> Code {
    let mut code = Code::default();
    for mapping in mappings.iter().filter(|m| matches!(m.kind, Kind::Executable | Kind::Library)) {
        if mapping.writable {
            code.data_bytes += mapping.resident;
        } else {
            // A page that can't be written to and is the process's own was written to before: by the dynamic linker.
            let written = mapping.anonymous.min(mapping.resident);
            code.relocations_bytes += written;
            code.text_bytes += mapping.resident - written;
        }
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(line: &str, before: Option<&Mapping>) -> Kind {
        let known = Known { executable: "/bin/program".to_owned(), stacks: vec![0x7000], ..Known::default() };
        Header::parse(line).unwrap().kind(&known, before)
    }

    #[test]
    fn a_mapping_is_read() {
        let line = "7f00-7f80 r-xp 00000000 08:01 123   /usr/lib/a library.so\n";
        let path = "/usr/lib/a library.so";
        assert_eq!(
            Header::parse(line),
            Some(Header { start: 0x7f00, end: 0x7f80, permissions: "r-xp", path })
        );
        assert_eq!(Header::parse("7f00-7f80 rw-p 00000000 00:00 0 \n").unwrap().path, "");
        assert_eq!(Header::parse("VmFlags: rd ex mr"), None);
        assert_eq!(parse_field("Pss:      12 kB\n"), Some(("Pss", 12 << 10)));
        assert_eq!(parse_field("VmFlags: rd ex mr"), None);
        assert_eq!(parse_field(line), None);
    }

    #[test]
    fn a_mapping_has_a_kind() {
        let program = Header::parse("1000-2000 rw-p 0 08:01 1 /bin/program").unwrap();
        let program = program.mapping(Kind::Executable);
        for (line, expected) in [
            ("5000-6000 rw-p 0 00:00 0 [heap]", Kind::Heap),
            ("5000-6000 rw-p 0 00:00 0 [stack]", Kind::Stack),
            ("6000-8000 rw-p 0 00:00 0 ", Kind::Stack),
            ("5000-6000 r-xp 0 08:01 1 /bin/program", Kind::Executable),
            ("5000-6000 r-xp 0 08:01 1 /lib/libc.so.6", Kind::Library),
            ("5000-6000 r-xp 0 00:00 0 [vdso]", Kind::Library),
            ("5000-6000 rw-s 0 08:01 1 /data/index", Kind::File),
            ("2000-3000 rw-p 0 00:00 0 ", Kind::Executable),
            ("2001-3000 rw-p 0 00:00 0 ", Kind::Anonymous),
            ("2000-3000 ---p 0 00:00 0 ", Kind::Anonymous),
            ("5000-6000 rw-p 0 00:00 0 [anon:arena]", Kind::Anonymous),
        ] {
            assert_eq!(kind(line, Some(&program)), expected, "{line}");
        }
    }

    #[test]
    fn nothing_has_more_alone_than_is_resident() {
        let known = Known { executable: String::new(), stacks: Vec::new(), own: Own::Ranges(Vec::new()) };
        let mut mappings = all("self", &known).unwrap();
        let resident = |mappings: &[Mapping]| mappings.iter().map(|mapping| mapping.resident).sum::<u64>();
        let (part, alone) = shares(&mappings);
        assert!(0 < alone && alone <= part && part <= resident(&mappings), "{alone} {part}");
        // Half of it went while it was read.
        mappings.iter_mut().for_each(|mapping| mapping.resident /= 2);
        let (part, alone) = shares(&mappings);
        assert!(alone <= part && part <= resident(&mappings), "{alone} {part}");
    }

    #[test]
    fn a_mapping_that_comes_again_replaces_what_it_was() {
        let mapping = |line: &str| {
            let header = Header::parse(line).unwrap();
            Mapping { resident: (header.end - header.start) as u64, ..header.mapping(Kind::Anonymous) }
        };
        let told = |lines: &[&str]| {
            let mut mappings = Vec::new();
            lines.iter().for_each(|line| push(&mut mappings, mapping(line)));
            mappings.iter().map(|m| (m.start, m.end, m.resident)).collect::<Vec<_>>()
        };
        let other = "1000-2000 rw-p 0 00:00 0 ";
        // It has grown, alone or over the one before it; has grown together with two; or begins within another.
        assert_eq!(
            told(&[other, "3000-5000 rw-p 0 00:00 0 ", "3000-6000 rw-p 0 00:00 0 "]),
            [(0x1000, 0x2000, 0x1000), (0x3000, 0x6000, 0x3000)]
        );
        assert_eq!(
            told(&[other, "2000-3000 r--p 0 00:00 0 ", "1000-4000 rw-p 0 00:00 0 "]),
            [(0x1000, 0x4000, 0x3000)]
        );
        assert_eq!(
            told(&["1000-5000 rw-p 0 00:00 0 ", "3000-6000 rw-p 0 00:00 0 "]),
            [(0x1000, 0x3000, 0x2000), (0x3000, 0x6000, 0x3000)]
        );
    }

    #[test]
    fn addresses_are_found_in_ranges() {
        let addresses = [10, 20, 30];
        for (range, found) in
            [(0..10, false), (0..11, true), (10..11, true), (21..30, false), (31..99, false)]
        {
            assert_eq!(any_within(&addresses, range.clone()), found, "{range:?}");
        }
    }

    #[test]
    fn the_probe_is_known_from_outside() {
        let known = Known { own: Own::Marks { also_others: false }, ..Known::default() };
        for (path, is_its) in [
            ("/a/out.json.spool", true),
            ("/memfd:alloc-probe (deleted)", true),
            ("/a/spool.db", false),
            ("", false),
        ] {
            let line = format!("5000-6000 rw-s 0 08:01 1 {path}");
            assert_eq!(Header::parse(&line).unwrap().kind(&known, None) == Kind::Probe, is_its, "{path}");
        }
        assert!(known.own.has_marked(" rd wr mr mw me nr dd sd "));
        assert!(!known.own.has_marked(" rd wr mr mw me nr sd ") && !Own::default().has_marked("nr dd"));
        assert!(!Own::Marks { also_others: true }.has_marked("nr dd"));
    }

    #[test]
    fn every_resident_byte_has_a_category() {
        let executable = std::env::current_exe().unwrap().to_string_lossy().into_owned();
        let mappings = all("self", &Known { executable, ..Known::default() }).unwrap();
        let resident: u64 = mappings.iter().map(|mapping| mapping.resident).sum();
        let categories = categories(&mappings);
        assert_eq!(categories.iter().map(|category| category.bytes).sum::<u64>(), resident);
        let bytes = |name| categories.iter().filter(|c| c.name == name).map(|c| c.bytes).sum::<u64>();
        let code = code(&mappings);
        let sum = code.text_bytes + code.relocations_bytes + code.data_bytes;
        assert_eq!(sum, bytes("executable") + bytes("libraries"));
        assert!(code.text_bytes > 0 && code.relocations_bytes > 0 && code.data_bytes > 0, "{code:?}");
    }
}

//! The process's mappings, and what each is for.

use super::thread_stacks;
use crate::os;
use alloc_probe_format::dump::{Category, Code};
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::ops::Range;

/// What a mapping is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// What `brk` gave.
    Heap,
    /// Other memory without a file.
    Anonymous,
    Stack,
    Executable,
    Library,
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

/// A mapping as `/proc/self/smaps` has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mapping {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) kind: Kind,
    pub(super) writable: bool,
    /// Whether it has a file, or a piece of shared memory.
    has_file: bool,
    pub(super) resident: u64,
    /// Of the resident bytes, those that are the process's own, and not the file's.
    anonymous: u64,
    pub(super) swapped: u64,
    /// Of the resident bytes, those that were given up, and that the system takes when it needs them.
    pub(super) given_up: u64,
    /// Huge pages of the kind that counts as nobody's resident memory.
    pub(super) huge: u64,
    /// Whether the system was told to set nothing aside for it.
    pub(super) is_not_reserved: bool,
}

impl Mapping {
    /// Whether an allocator may keep blocks there.
    pub(super) fn may_hold_blocks(&self) -> bool {
        self.writable && matches!(self.kind, Kind::Heap | Kind::Anonymous)
    }

    /// What of its resident memory was given up, and is no longer what the mapping is for.
    fn apart(&self) -> u64 {
        if self.may_hold_blocks() { self.given_up.min(self.resident) } else { 0 }
    }

    /// Whether nobody can have a block there, unless it has become writable since.
    pub(super) fn is_reserved(&self) -> bool {
        !self.writable && self.kind == Kind::Anonymous
    }

    pub(super) fn is_probe(&self) -> bool {
        self.kind == Kind::Probe
    }

    /// Whether it is memory of the probe's that no file on a disk backs.
    pub(super) fn is_private_to_probe(&self) -> bool {
        self.kind == Kind::Probe && !self.has_file
    }
}

/// All mappings, by address. None where the system does not tell.
pub(super) fn all() -> Option<Vec<Mapping>> {
    let mut buffer = vec![0; 8192];
    // As the mappings have it, with the mark of a file that has gone.
    let executable = String::from_utf8_lossy(os::executable(&mut buffer)).into_owned();
    let stacks = thread_stacks::addresses();
    let own = own_ranges();
    let mut lines = BufReader::with_capacity(1 << 16, File::open("/proc/self/smaps").ok()?);
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
                    }
                } else if let Some(header) = Header::parse(&text) {
                    let kind = header.kind(&executable, &own, &stacks, mappings.last());
                    push(&mut mappings, header.mapping(kind));
                }
            }
        }
        line.clear();
    }
    Some(mappings).filter(|mappings| !mappings.is_empty())
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

/// The probe's own ranges, by address: there are some for each thread.
fn own_ranges() -> Vec<Range<usize>> {
    let mut own = Vec::new();
    os::for_each_own_range(|start, end| own.push(start..end));
    own.sort_unstable_by_key(|range| range.start);
    own
}

fn is_within(ranges: &[Range<usize>], address: usize) -> bool {
    let behind = ranges.partition_point(|range| range.start <= address);
    ranges[..behind].last().is_some_and(|range| range.contains(&address))
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
            swapped: 0,
            given_up: 0,
            huge: 0,
            is_not_reserved: false,
        }
    }

    fn kind(
        &self,
        executable: &str,
        own: &[Range<usize>],
        stacks: &[usize],
        before: Option<&Mapping>,
    ) -> Kind {
        let is_anonymous = self.path.is_empty() || self.path.starts_with("[anon");
        let of_image = |mapping: &&Mapping| {
            mapping.end == self.start && matches!(mapping.kind, Kind::Executable | Kind::Library)
        };
        match self.path {
            _ if is_within(own, self.start) => Kind::Probe,
            "[heap]" => Kind::Heap,
            path if path.starts_with("[stack") => Kind::Stack,
            path if path == executable => Kind::Executable,
            path if path.starts_with('[') && !is_anonymous => Kind::Library,
            path if path.contains(".so") => Kind::Library,
            path if path.starts_with('/') => Kind::File,
            _ if thread_stacks::any_within(stacks, self.start..self.end) => Kind::Stack,
            // What an image has beyond its file starts as zeros, right behind it.
            _ if self.permissions.contains('w') => {
                before.filter(of_image).map_or(Kind::Anonymous, |m| m.kind)
            }
            _ => Kind::Anonymous,
        }
    }
}

/// Resident memory by what it is for. Of the mappings without a file, what was given up is apart.
pub(super) fn categories(mappings: &[Mapping]) -> Vec<Category> {
    let of_kind = |kind| mappings.iter().filter(move |mapping| mapping.kind == kind);
    let given_up: u64 = mappings.iter().map(Mapping::apart).sum();
    let category = |(kind, name): (Kind, &str)| {
        let bytes = of_kind(kind).map(|mapping| mapping.resident - mapping.apart()).sum();
        Category { name: name.to_owned(), bytes }
    };
    let reclaimable = Category { name: "reclaimable".to_owned(), bytes: given_up };
    let mut categories: Vec<Category> = Kind::ALL.into_iter().map(category).collect();
    categories.insert(2, reclaimable);
    categories.retain(|category| category.bytes > 0);
    categories
}

/// What of the executable and the libraries is what.
pub(super) fn code(mappings: &[Mapping]) -> Code {
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
        Header::parse(line).unwrap().kind("/bin/program", &[], &[0x7000], before)
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
    fn every_resident_byte_has_a_category() {
        let mappings = all().unwrap();
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

//! The main program is what the process's mappings say, however it was started, and whatever became of its file since.

use crate::support::{Cases, cases, copy_program};
use alloc_probe::Mode;
use alloc_probe_format::dump::{Dump, FrameKind};
use alloc_probe_format::text_hash::TextHash;
use std::fs;
use std::hint::black_box;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Checks and scenarios.
pub(crate) const CASES: Cases = Cases {
    checks: cases![
        started_by_the_dynamic_linker,
        started_by_a_symbolic_link,
        started_from_memory,
        deleted_since,
        in_a_root_without_proc,
        a_file_without_build_id_has_a_hash,
        of_a_file_with_a_build_id_nothing_is_read,
        a_file_without_the_table_of_its_functions_says_so,
    ],
    scenarios: cases![works, deletes_itself, tells_what_was_read],
};

#[inline(never)]
fn works() {
    black_box(vec![1u8; 54_321]).leak();
}

/// Images are listed when stacks are first wanted.
fn deletes_itself() {
    fs::remove_file(std::env::current_exe().expect("a path")).expect("its file");
    alloc_probe::set_mode(Mode::Full).expect("it was prepared");
    works();
}

/// How many bytes the process has read from files so far.
fn tells_what_was_read() {
    let io = fs::read_to_string("/proc/self/io").expect("the kernel counts");
    let read = io.lines().find_map(|line| line.strip_prefix("rchar: ")).expect("what was read");
    std::io::stdout().write_all(read.as_bytes()).expect("it is read");
}

fn own_path() -> PathBuf {
    std::env::current_exe().expect("a path")
}

/// Runs a scenario by a command in a folder, and returns its dump, the name of which has the program's in it.
fn run(mut command: Command, scenario: &str, mode: &str, folder: &Path) -> (String, Dump) {
    command
        .env_clear()
        .env("ALLOC_PROBE_TEST_SCENARIO", format!("program::{scenario}"))
        .env("ALLOC_PROBE", mode)
        .current_dir(folder);
    command.env("ALLOC_PROBE_OUT", "dump-of-%e.json");
    let output = command.output().expect("it starts");
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let names = fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("an entry").file_name());
    let name =
        names.map(|name| name.to_string_lossy().into_owned()).find(|name| name.starts_with("dump-of-"));
    let name = name.expect("a dump");
    let dump =
        serde_json::from_str(&fs::read_to_string(folder.join(&name)).expect("a dump")).expect("a dump");
    (name, dump)
}

/// A start reads lists of the kernel's, but not the megabytes of instructions that a program and its libraries have.
fn of_a_file_with_a_build_id_nothing_is_read() {
    let read = |mode: &str| {
        let mut command = Command::new(own_path());
        command.env_clear().env("ALLOC_PROBE_TEST_SCENARIO", "program::tells_what_was_read");
        let output = command.env("ALLOC_PROBE", mode).output().expect("it starts");
        let text = String::from_utf8(output.stdout).expect("text");
        text.trim().parse::<u64>().unwrap_or_else(|_| panic!("{text}"))
    };
    let (off, full) = (read("off"), read("full"));
    assert!(off > 0 && full < off + (64 << 10), "{full} bytes were read, and {off} without recording");
}

/// Whether the block that the scenario has left was allocated by code of the first image, which is the program.
#[track_caller]
fn is_of_the_program(dump: &Dump, path: &str) {
    assert_eq!((dump.process.executable.as_str(), dump.images[0].path.as_str()), (path, path));
    let site = dump.sites.iter().find(|site| site.figures.end_bytes == 54_321).expect("its block");
    let mut row = site.stack;
    let mut own = 0;
    while let Some(node) = dump.stacks.get(row as usize).filter(|node| node.kind != FrameKind::Root) {
        own += usize::from(node.image == Some(0));
        row = node.parent;
    }
    assert!(own > 3, "{own} frames of the program");
}

fn executable_bytes(dump: &Dump) -> u64 {
    let categories = dump.memory.categories.iter();
    categories.filter(|category| category.name == "executable").map(|category| category.bytes).sum()
}

fn started_by_the_dynamic_linker() {
    let maps = fs::read_to_string("/proc/self/maps").expect("the mappings");
    let linker = maps
        .split_whitespace()
        .find(|word| word.starts_with('/') && (word.contains("/ld-linux") || word.contains("/ld-musl")));
    if cfg!(target_feature = "crt-static") {
        return; // Nothing has loaded it.
    }
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(linker.expect("it was loaded by one"));
    command.arg(own_path());
    let (name, dump) = run(command, "works", "full", folder.path());
    is_of_the_program(&dump, &own_path().to_string_lossy());
    let own_name = own_path().file_name().expect("a name").to_string_lossy().into_owned();
    assert_eq!(name, format!("dump-of-{own_name}.json"));
    // As if it had been started directly.
    let other = tempfile::tempdir().expect("a folder");
    let (_, directly) = run(Command::new(own_path()), "works", "full", other.path());
    assert_eq!(dump.threads[0].name, directly.threads[0].name);
    assert!(own_name.starts_with(&dump.threads[0].name), "{}", dump.threads[0].name);
    let (one, two) = (executable_bytes(&dump), executable_bytes(&directly));
    assert!(one > 100_000 && one.abs_diff(two) < two / 4, "{one} and {two} bytes of the executable");
    assert_eq!(dump.totals.end_bytes, directly.totals.end_bytes);
}

fn started_by_a_symbolic_link() {
    let folder = tempfile::tempdir().expect("a folder");
    symlink(own_path(), folder.path().join("link")).expect("a link");
    let (_, dump) = run(Command::new(folder.path().join("link")), "works", "full", folder.path());
    is_of_the_program(&dump, &own_path().to_string_lossy());
}

fn started_from_memory() {
    let folder = tempfile::tempdir().expect("a folder");
    // SAFETY: the name is a C string; what is returned is nobody else's.
    let file = unsafe {
        use std::os::fd::FromRawFd as _;
        fs::File::from_raw_fd(libc::memfd_create(c"in-memory".as_ptr(), libc::MFD_CLOEXEC))
    };
    use std::os::fd::AsRawFd as _;
    std::io::copy(&mut fs::File::open(own_path()).expect("its file"), &mut (&file)).expect("a copy");
    let path = format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd());
    let (name, dump) = run(Command::new(path), "works", "full", folder.path());
    is_of_the_program(&dump, "/memfd:in-memory");
    assert_eq!(name, "dump-of-memfd:in-memory.json");
}

fn deleted_since() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("program");
    copy_program(&own_path(), &program);
    let (_, dump) = run(Command::new(&program), "deletes_itself", "count", folder.path());
    is_of_the_program(&dump, &program.to_string_lossy());
    assert!(executable_bytes(&dump) > 100_000, "{:?}", dump.memory.categories);
}

/// As in a container that has the program and its libraries alone. Without `/proc`, the system tells nothing of memory.
fn in_a_root_without_proc() {
    // SAFETY: it has no preconditions.
    if unsafe { libc::geteuid() } != 0 {
        return; // Nobody else can change the root.
    }
    let folder = tempfile::tempdir().expect("a folder");
    copy_program(&own_path(), &folder.path().join("program"));
    let maps = fs::read_to_string("/proc/self/maps").expect("the mappings");
    let libraries = maps.split_whitespace().filter(|word| word.starts_with('/') && word.contains(".so"));
    for library in libraries {
        let copy = folder.path().join(&library[1..]);
        fs::create_dir_all(copy.parent().expect("a folder")).expect("folders");
        copy_program(Path::new(library), &copy);
    }
    // Where the program asks for its linker.
    let linker = "lib64/ld-linux-x86-64.so.2";
    if Path::new("/").join(linker).exists() {
        fs::create_dir_all(folder.path().join("lib64")).expect("a folder");
        copy_program(&Path::new("/").join(linker), &folder.path().join(linker));
    }
    let mut command = Command::new("/program");
    let root = std::ffi::CString::new(folder.path().to_str().expect("UTF-8")).expect("no zero");
    // SAFETY: two system calls.
    unsafe {
        command.pre_exec(move || match libc::chroot(root.as_ptr()) == 0 && libc::chdir(c"/".as_ptr()) == 0 {
            true => Ok(()),
            false => Err(std::io::Error::last_os_error()),
        });
    }
    let (name, dump) = run(command, "works", "full", folder.path());
    is_of_the_program(&dump, "/program");
    assert_eq!((name.as_str(), dump.memory.rss_bytes), ("dump-of-program.json", 0));
    assert!(!dump.memory.unknown.is_empty(), "that it isn't told is said");
}

fn number(file: &[u8], at: usize, bytes: usize) -> usize {
    file[at..at + bytes].iter().rev().fold(0, |number, &byte| number << 8 | usize::from(byte))
}

/// Where the headers of a file's segments are.
fn program_headers(file: &[u8]) -> impl Iterator<Item = usize> {
    let (start, size) = (number(file, 32, 8), number(file, 54, 2));
    (0..number(file, 56, 2)).map(move |index| start + index * size)
}

/// The hash of the code of a file as the format's documentation has it, by what its ELF header says.
fn text_hash(file: &[u8]) -> String {
    let mut hash = TextHash::new();
    for header in program_headers(file) {
        let (kind, flags) = (number(file, header, 4), number(file, header + 4, 4));
        if kind == 1 && flags & 1 != 0 {
            let offset = number(file, header + 8, 8);
            hash.add(&file[offset..offset + number(file, header + 32, 8)]);
        }
    }
    hash.finish().map(|byte| format!("{byte:02x}")).concat()
}

/// The dump of a program that is this file.
fn works_as(file: &[u8]) -> Dump {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().expect("a folder");
    let (original, program) = (folder.path().join("original"), folder.path().join("program"));
    fs::write(&original, file).expect("a copy");
    fs::set_permissions(&original, fs::Permissions::from_mode(0o755)).expect("its own");
    copy_program(&original, &program);
    run(Command::new(&program), "works", "full", folder.path()).1
}

/// Two copies of one file have one hash, and one that differs has another.
fn a_file_without_build_id_has_a_hash() {
    let mut file = fs::read(own_path()).expect("its file");
    let note = [&4u32.to_ne_bytes()[..], &20u32.to_ne_bytes(), &3u32.to_ne_bytes(), b"GNU\0"].concat();
    let place = file.windows(note.len()).position(|bytes| bytes == note).expect("the note of the build id");
    // Of a kind that nobody knows.
    file[place + 8] = 0x77;
    let hash_of = |file: &[u8]| {
        let dump = works_as(file);
        (dump.images[0].build_id.clone(), dump.images[0].text_hash.clone())
    };
    let (build_id, hash) = hash_of(&file);
    assert_eq!((build_id, &hash), (String::new(), &text_hash(&file)));
    assert_eq!(hash_of(&file).1, hash);
    // A word that nobody runs or reads: what the functions of this file are filled up with to their alignment.
    let filling = [0xcc; 8];
    let code = program_headers(&file)
        .find(|&header| number(&file, header, 4) == 1 && number(&file, header + 4, 4) & 1 != 0);
    let code = code.expect("the segment of the code");
    let start = number(&file, code + 8, 8);
    let spot =
        file[start..start + number(&file, code + 32, 8)].windows(8).rposition(|bytes| bytes == filling);
    file[start + spot.expect("filling")] = 0x90;
    assert_ne!(hash_of(&file).1, hash);
    let folder = tempfile::tempdir().expect("a folder");
    let (_, dump) = run(Command::new(own_path()), "works", "full", folder.path());
    assert_eq!((dump.images[0].build_id.len(), dump.images[0].text_hash.as_str()), (40, ""));
}

/// As one that was linked with `--no-eh-frame-hdr`.
fn a_file_without_the_table_of_its_functions_says_so() {
    let mut file = fs::read(own_path()).expect("its file");
    let kind = u32::to_ne_bytes(libc::PT_GNU_EH_FRAME);
    let header = program_headers(&file).find(|&header| file[header..].starts_with(&kind));
    let header = header.expect("the segment of the table");
    file[header..header + 4].fill(0);
    let dump = works_as(&file);
    assert!(
        dump.lost.notes.iter().any(|note| note.contains("drop --no-eh-frame-hdr")),
        "{:?}",
        dump.lost.notes
    );
    let site = dump.sites.iter().find(|site| site.figures.end_bytes >= 54_321).expect("its block");
    let rows = std::iter::successors(Some(site.stack), |&row| Some(dump.stacks[row as usize].parent));
    let mut kinds =
        rows.map(|row| dump.stacks[row as usize].kind).take_while(|kind| *kind != FrameKind::Root);
    assert!(kinds.any(|kind| kind == FrameKind::Cut), "its stack ends where the tables would begin");
}

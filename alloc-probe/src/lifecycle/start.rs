//! The first allocation of the process: everything that recording needs is prepared here, without allocating.

use super::{exit, triggers};
use crate::dump::memory::facts;
use crate::dump::output::{OUTPUT, Path, Paths};
use crate::dump::target;
use crate::images;
use crate::lifecycle::config::{self, Config, Settings};
use crate::mode::{self, Mode, State};
use crate::os;
use crate::os::barrier;
use crate::os::clock;
use crate::os::lock::Lock;
use crate::profile::{blocks, timeline, tree};
use crate::spool::{self, Opened};
use crate::{capture, thread};
use alloc_probe_format::spool::{MAGIC, VERSION, fact, header};
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Starts recording as the environment and the settings ask. The first caller does; whoever comes while it is at it
/// goes unrecorded, which only another thread made before the program's first allocation could.
#[cold]
#[inline(never)]
pub(crate) fn start(settings: &Settings, allocator: &'static str) {
    static STARTED: AtomicBool = AtomicBool::new(false);
    if STARTED.swap(true, Relaxed) {
        return;
    }
    os::keeping_errno(|| {
        let config = config::read(settings);
        let state = match config.mode {
            Mode::Off => State::OFF,
            Mode::Count => State::COUNT,
            Mode::Sample => State::SAMPLE,
            Mode::Full => State::FULL,
        };
        let ready = state == State::OFF || prepare(&config, settings, allocator);
        if !ready {
            os::complain(&[b"the system has no memory for a profile; nothing is recorded"]);
        }
        mode::begin(if ready { state } else { State::OFF });
    });
}

fn prepare(config: &Config, settings: &Settings, allocator: &'static str) -> bool {
    facts::arrange(allocator, config.trim);
    // SAFETY: this is called once, and recording starts after it.
    let file = config.out.and_then(|out| unsafe { OUTPUT.settle(|paths| open_output(out, paths)) });
    if !spool::create(file, config.memory_bytes) {
        return false;
    }
    if let (Some(spool), false) = (OUTPUT.spool(), spool::has_file()) {
        complain_of(spool.bytes(), &spool::no_room(), IN_MEMORY);
        OUTPUT.give_up_spool();
    }
    write_header(config);
    write_facts(settings, allocator);
    barrier::create();
    thread::create();
    timeline::create();
    if matches!(config.mode, Mode::Sample | Mode::Full) && !prepare_stacks() {
        return false;
    }
    exit::arrange();
    triggers::arrange(config.occasions);
    true
}

static READY: AtomicBool = AtomicBool::new(false);

/// What only modes with stacks need.
pub(crate) fn prepare_stacks() -> bool {
    static PREPARING: Lock = Lock::new();
    let _held = PREPARING.lock();
    if READY.load(Relaxed) {
        return true;
    }
    let ready = prepare_tree() && blocks::create();
    READY.store(ready, Relaxed);
    ready
}

/// What taking a stack needs.
pub(crate) fn prepare_tree() -> bool {
    static PREPARING: Lock = Lock::new();
    static READY: AtomicBool = AtomicBool::new(false);
    let _held = PREPARING.lock();
    if !READY.load(Relaxed) {
        list_images();
        READY.store(tree::create(), Relaxed);
    }
    READY.load(Relaxed)
}

/// Whether stacks are, or were, taken.
pub(crate) fn takes_stacks() -> bool {
    READY.load(Relaxed)
}

/// Brings the list of images up to date, and records those that are new.
pub(crate) fn list_images() {
    capture::refresh_images();
    images::record();
}

/// Settles where the dump goes, and opens the spool file beside it.
#[inline(never)]
fn open_output(pattern: &[u8], paths: &mut Paths) -> Option<i32> {
    let pid = std::process::id();
    let mut buffer = [0u8; 1024];
    paths.pattern.set(pattern);
    paths.dump.fill(pattern, pid, program_name(&mut buffer), 0);
    for another in [false, true] {
        if another {
            // Another living process spools there: this one takes a name of its own.
            paths.dump.insert_pid(pid);
            paths.shared = true;
        }
        paths.spool.set(paths.dump.bytes());
        paths.spool.push(b".spool");
        if !target::may_have_file_beside(&paths.dump) {
            return None;
        }
        match open_empty(&paths.spool) {
            Ok(file) => return Some(file),
            Err(None) => {}
            Err(Some(reason)) => {
                let in_the_way = reason.raw_os_error() == Some(libc::EEXIST);
                complain_of(paths.spool.bytes(), &reason, if in_the_way { IN_THE_WAY } else { IN_MEMORY });
                return None;
            }
        }
    }
    // As in two containers with one folder, where both are the first process.
    complain_of(paths.spool.bytes(), &std::io::Error::from_raw_os_error(libc::EBUSY), IN_MEMORY);
    None
}

const IN_MEMORY: &str = "the profile is kept in memory only";
const IN_THE_WAY: &str =
    "it is no spool of this user's, so it stays as it is, and the profile is kept in memory only";

/// The name of the program's file.
pub(crate) fn program_name(buffer: &mut [u8]) -> &[u8] {
    let path = os::without_mark(os::executable(buffer));
    path.iter().rposition(|&byte| byte == b'/').map_or(path, |slash| &path[slash + 1..])
}

/// Opens a spool file with nothing in it. What a killed process left there stays, under another name; and so does, under
/// its own, whatever is no spool.
fn open_empty(spool: &Path) -> Result<i32, Option<std::io::Error>> {
    for _ in 0..EMPTY_TRIES {
        let Opened { file, is_new } = spool::open_file(spool.as_c_str())?;
        if is_new {
            return Ok(file);
        }
        let mut words = [0u64; 3];
        // SAFETY: the buffer has room for what is read, and the descriptor is our own.
        let got = unsafe { libc::pread(file, words.as_mut_ptr().cast(), size_of_val(&words), 0) };
        let is_spool = got == size_of_val(&words) as isize && words[header::MAGIC] == MAGIC;
        let moved = is_spool && keep_earlier(spool, words[header::PID] as u32);
        // SAFETY: the descriptor is our own, and nobody uses it any more.
        unsafe { libc::close(file) };
        match (is_spool, got) {
            (true, _) if moved => {}
            (true, _) => return Err(None),
            // One that another process has just made, perhaps.
            (false, 0) => os::sleep_ns(2_000_000),
            (false, _) => break,
        }
    }
    Err(Some(std::io::Error::from_raw_os_error(libc::EEXIST)))
}

const EMPTY_TRIES: usize = 5;

/// Gives the spool of an earlier process a name with that one's id. False where there is something by that name.
#[cold]
#[inline(never)]
fn keep_earlier(spool: &Path, pid: u32) -> bool {
    const NO_REPLACE: libc::c_uint = 1;
    let mut earlier = Path::EMPTY;
    earlier.set(spool.bytes());
    earlier.insert_pid(pid);
    let (from, to) = (spool.as_c_str().as_ptr(), earlier.as_c_str().as_ptr());
    let here = libc::AT_FDCWD;
    // SAFETY: the names are C strings.
    unsafe {
        libc::syscall(libc::SYS_renameat2, here, from, here, to, NO_REPLACE) == 0
            // Where the file system has no such call: two steps, of which the first replaces nothing either.
            || libc::link(from, to) == 0 && libc::unlink(from) == 0
    }
}

pub(crate) fn complain_of(path: &[u8], reason: &std::io::Error, consequence: &str) {
    // Whatever the path, there is room for the rest of the line.
    let path = &path[..path.len().min(600)];
    let mut text = os::Line::<256>::new();
    match reason.raw_os_error() {
        Some(code) => text.push_error(code),
        // Said in words of the probe's own.
        None => {
            let _ = write!(text, "{reason}");
        }
    }
    os::complain(&[b"cannot write `", path, b"`: ", text.bytes(), b"; ", consequence.as_bytes()]);
}

/// Says that the spool has no room to grow.
pub(crate) fn complain_of_room() {
    let consequence = "what has no room is missing from the profile";
    match OUTPUT.spool() {
        _ if spool::limit_is_reached() => {
            os::complain(&[b"the profile has taken all the memory it may; ", consequence.as_bytes()]);
        }
        Some(spool) => complain_of(spool.bytes(), &spool::no_room(), consequence),
        None => os::complain(&[b"the system has no more memory for the profile; ", consequence.as_bytes()]),
    }
}

fn write_header(config: &Config) {
    let clock = clock::choose();
    let words = [
        (header::MAGIC, MAGIC),
        (header::VERSION, VERSION),
        (header::PID, std::process::id().into()),
        (header::START_UNIX_NS, os::unix_ns()),
        (header::START_MONO_NS, os::monotonic_ns()),
        (header::START_TICKS, clock::ticks()),
        (header::CLOCK, clock),
        (header::MODE, mode_number(config.mode)),
        (header::LONG_LIVED_NS, config.long_lived_ns),
        (header::SAMPLE_BYTES, config.sample_bytes),
    ];
    for (word, value) in words {
        spool::header()[word].store(value, Relaxed);
    }
}

/// The number of a mode in the spool's header.
pub(crate) fn mode_number(mode: Mode) -> u64 {
    match mode {
        Mode::Off => 1,
        Mode::Count => 2,
        Mode::Sample => 3,
        Mode::Full => 4,
    }
}

#[inline(never)]
fn write_facts(settings: &Settings, allocator: &str) {
    let mut buffer = [0u8; 4096];
    spool::add_fact(fact::EXECUTABLE, &[os::without_mark(os::executable(&mut buffer))]);
    let arguments = os::read_small(c"/proc/self/cmdline", &mut buffer).unwrap_or_default();
    let arguments = arguments.strip_suffix(&[0]).unwrap_or(arguments);
    for argument in arguments.split(|&byte| byte == 0) {
        spool::add_fact(fact::ARGUMENT, &[argument]);
    }
    let program = &settings.program;
    for (name, value) in [
        ("crate_name", program.name),
        ("crate_version", program.version),
        ("debug_assertions", if program.debug_assertions { "true" } else { "false" }),
        ("panic", program.panic),
        ("opt_level", env!("ALLOC_PROBE_OPT_LEVEL")),
        ("rustc", env!("ALLOC_PROBE_RUSTC")),
        ("target", env!("ALLOC_PROBE_TARGET")),
        ("allocator", allocator),
        ("alloc_probe", env!("CARGO_PKG_VERSION")),
    ] {
        spool::add_fact(fact::BUILD, &[name.as_bytes(), b"=", value.as_bytes()]);
    }
}

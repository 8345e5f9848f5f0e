//! The first allocation of the process: everything that recording needs is prepared here, without allocating.

use super::config::{self, Config, Settings};
use super::{exit, triggers};
use super::{fork, threads};
use crate::dump::memory::facts;
use crate::dump::output::{OUTPUT, Paths};
use crate::dump::target;
use crate::mode::{self, State};
use crate::os::executable::program_name;
use crate::os::message::{complain, complain_of_path};
use crate::os::{barrier, clock};
use crate::profile::timeline;
use crate::record::prepare::prepare_stacks;
use crate::shared::mode::Mode;
use crate::spool::{Naming, Refusal};
use crate::{os, spool};
use alloc_probe_format::cgroup::Noted;
use alloc_probe_format::dump;
use alloc_probe_format::snapshot::mode_number;
use alloc_probe_format::spool::{MAGIC, VERSION, fact, header};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Starts recording as the environment and the settings ask. The first caller does; whoever comes while it is at it
/// goes unrecorded, which only another thread made before the program's first allocation could.
#[cold]
#[inline(never)]
pub(crate) fn start(settings: &Settings, allocator: &'static str) {
    static STARTED: AtomicBool = AtomicBool::new(false);
    if STARTED.swap(true, Relaxed) {
        return fork::notice();
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
            complain(&[b"the system has no memory for a profile; nothing is recorded"]);
        }
        mode::begin(if ready { state } else { State::OFF });
        if ready && state != State::OFF && spool::path().is_some() {
            note_cgroup();
        }
    });
}

fn prepare(config: &Config, settings: &Settings, allocator: &'static str) -> bool {
    facts::prepare(allocator, config.trim);
    // SAFETY: this is called once, and recording starts after it.
    let file = config.out.and_then(|out| unsafe { OUTPUT.settle(|paths| open_output(out, paths)) });
    if !spool::create(file, config.memory_bytes) {
        return false;
    }
    if let (Some(path), false) = (spool::path(), spool::has_file()) {
        complain_of_path(path.bytes(), &spool::no_room(), IN_MEMORY);
        spool::remove_file();
    }
    write_header(config);
    write_facts(settings, allocator);
    barrier::create();
    os::name_threads();
    threads::create();
    timeline::create();
    if matches!(config.mode, Mode::Sample | Mode::Full) && !prepare_stacks() {
        return false;
    }
    exit::install();
    fork::install();
    triggers::install(config.triggers);
    true
}

/// Settles where the dump goes, and opens the spool file beside it.
#[inline(never)]
fn open_output(pattern: &[u8], paths: &mut Paths) -> Option<i32> {
    let pid = std::process::id();
    let mut buffer = [0u8; 1024];
    paths.pattern.set(pattern);
    paths.dump.fill(pattern, pid, program_name(&mut buffer), 0);
    // SAFETY: the process starts just once, and recording starts after it.
    let mut naming = unsafe { Naming::begin() };
    for another in [false, true] {
        if another {
            // Another living process spools there: this one takes a name of its own.
            paths.dump.insert_pid(pid);
            paths.shared = true;
        }
        if !target::may_have_file_beside(&paths.dump) {
            return None;
        }
        let opened = naming.open(|path| {
            path.set(paths.dump.bytes());
            path.push(b".spool");
        });
        match opened {
            Ok(file) => return Some(file),
            Err(Refusal::InUse) => {}
            Err(Refusal::Failed(reason)) => {
                let in_the_way = reason.raw_os_error() == Some(libc::EEXIST);
                let consequence = if in_the_way { IN_THE_WAY } else { IN_MEMORY };
                complain_of_path(naming.path(), &reason, consequence);
                return None;
            }
        }
    }
    // As in two containers with one folder, where both are the first process.
    complain_of_path(naming.path(), &io::Error::from_raw_os_error(libc::EBUSY), IN_MEMORY);
    None
}

const IN_MEMORY: &str = "the profile is kept in memory only";
const IN_THE_WAY: &str =
    "it is no spool of this user's, so it stays as it is, and the profile is kept in memory only";

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
        (header::MODE, mode_number(dump::Mode::from(config.mode))),
        (header::LONG_LIVED_NS, config.long_lived_ns),
        (header::SAMPLE_BYTES, config.sample_bytes),
    ];
    for (word, value) in words {
        spool::header()[word].store(value, Relaxed);
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

/// Notes the limit that the process may be killed for, which its spool outlives. Library code, so it comes when there is a
/// thread to be the probe's own.
#[inline(never)]
fn note_cgroup() {
    threads::in_probe(|| {
        if let Some(group) = Noted::now() {
            spool::add_fact(fact::CGROUP, &[group.to_text().as_bytes()]);
        }
    });
}

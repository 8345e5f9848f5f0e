//! What was asked for: by the environment, and by code where the environment is silent.

use crate::os;
use crate::os::message::complain;
use crate::shared::mode::Mode;
use std::ffi::CStr;

/// What code sets, in the static that is the program's allocator.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Settings {
    pub(crate) program: Program,
    pub(crate) mode: Option<Mode>,
    pub(crate) out: Option<&'static str>,
    pub(crate) long_lived_ns: Option<u64>,
    pub(crate) sample_bytes: Option<u64>,
    pub(crate) memory_bytes: Option<u64>,
}

/// What only the crate that installs the probe can know of its build.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Program {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    pub(crate) debug_assertions: bool,
    pub(crate) panic: &'static str,
}

/// What holds for the process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Config {
    pub(crate) mode: Mode,
    /// The path of the dump, with its `%` marks.
    pub(crate) out: Option<&'static [u8]>,
    pub(crate) long_lived_ns: u64,
    /// Mean bytes between samples.
    pub(crate) sample_bytes: u64,
    /// The most that the spool may take.
    pub(crate) memory_bytes: u64,
    /// When dumps are due while the program runs.
    pub(crate) triggers: Triggers,
    /// Whether the allocator gives back what it can when a dump has been taken.
    pub(crate) trim: bool,
}

/// When dumps are due while the program runs. 0 is never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Triggers {
    /// On this signal.
    pub(crate) signal: i32,
    /// As often.
    pub(crate) interval_ns: u64,
    /// When the peak has grown by so many hundredths.
    pub(crate) peak_percent: u64,
    /// When so much is in use.
    pub(crate) above: Above,
    /// Of the dumps that a running program writes, only so many stay.
    pub(crate) keep: u64,
}

impl Triggers {
    /// Whether anything is asked for. How many dumps stay is nothing by itself.
    pub(crate) fn are_any(&self) -> bool {
        Triggers { keep: 0, ..*self } != Triggers::default()
    }
}

/// From where on so much is in use that a dump is due. 0 is never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Above {
    /// Bytes live.
    pub(crate) live_bytes: u64,
    /// Bytes resident.
    pub(crate) resident_bytes: u64,
    /// Hundredths of the control group's limit.
    pub(crate) cgroup_percent: u64,
}

/// So many dumps may be kept at the most.
pub(crate) const MOST_KEPT: u64 = 1_000;

const SECOND_NS: u64 = 1_000_000_000;

/// What other sampling profilers take: a block in half a MiB.
const SAMPLE_BYTES: u64 = 512 << 10;

/// The least memory that makes sense: all parts of the spool take their first steps in it.
const LEAST_MEMORY: u64 = 1 << 20;

/// Reads the environment. Called once, at the first allocation; a value that can't be understood is said on
/// standard error and turns recording off.
pub(crate) fn read(settings: &Settings) -> Config {
    let mut off = false;
    let mut reject = |name: &str, value: &[u8], expected: &str| {
        complain(&[
            name.as_bytes(),
            b"=",
            value,
            b" can't be understood (",
            expected.as_bytes(),
            b"); nothing is recorded",
        ]);
        off = true;
    };
    let out =
        variable(c"ALLOC_PROBE_OUT").or(settings.out.map(str::as_bytes)).filter(|path| !path.is_empty());
    let default = if out.is_some() { Mode::Full } else { Mode::Count };
    let mut sample_bytes = settings.sample_bytes.filter(|&bytes| bytes > 0).unwrap_or(SAMPLE_BYTES);
    let mut mode = settings.mode.unwrap_or(default);
    if let Some(value) = variable(c"ALLOC_PROBE") {
        match parse_mode(value) {
            Some((asked, bytes)) => {
                mode = asked;
                sample_bytes = bytes.unwrap_or(sample_bytes);
            }
            None => reject("ALLOC_PROBE", value, "off, count, sample, sample=512KiB or full"),
        }
    }
    let mut long_lived_ns = settings.long_lived_ns.unwrap_or(SECOND_NS);
    if let Some(value) = variable(c"ALLOC_PROBE_LONG_LIVED") {
        match parse_duration(value) {
            Some(asked) => long_lived_ns = asked,
            None => reject("ALLOC_PROBE_LONG_LIVED", value, "a duration such as 500ms, 10s or 2m"),
        }
    }
    let mut memory_bytes = settings.memory_bytes.unwrap_or(u64::MAX);
    if let Some(value) = variable(c"ALLOC_PROBE_MEMORY") {
        match parse_bytes(value).filter(|&bytes| bytes >= LEAST_MEMORY) {
            Some(asked) => memory_bytes = asked,
            None => reject("ALLOC_PROBE_MEMORY", value, "1MiB or more, such as 64MiB or 1GiB"),
        }
    }
    let trim = match variable(c"ALLOC_PROBE_TRIM") {
        Some(b"on") => true,
        Some(b"off") | None => false,
        Some(value) => {
            reject("ALLOC_PROBE_TRIM", value, "on or off");
            false
        }
    };
    let mut triggers = Triggers::default();
    let mut trigger = |name: &CStr, expected: &str, to: &mut u64, parse: fn(&[u8]) -> Option<u64>| {
        let Some(value) = variable(name).filter(|value| *value != b"off") else { return };
        match parse(value).filter(|&asked| asked > 0) {
            Some(asked) => *to = asked,
            None => reject(&name.to_string_lossy(), value, expected),
        }
    };
    let mut signal = 0;
    trigger(c"ALLOC_PROBE_SIGNAL", "a signal's name such as SIGUSR2, or off", &mut signal, parse_signal);
    triggers.signal = signal as i32;
    let Triggers { interval_ns, peak_percent, keep, .. } = &mut triggers;
    trigger(c"ALLOC_PROBE_INTERVAL", "a duration such as 500ms, 10s or 2m", interval_ns, parse_duration);
    trigger(c"ALLOC_PROBE_PEAK", "a share such as 10%", peak_percent, parse_percent);
    trigger(c"ALLOC_PROBE_KEEP", "a number of dumps, 1 to 1000", keep, parse_keep);
    if let Some(value) = variable(c"ALLOC_PROBE_ABOVE").filter(|value| *value != b"off") {
        match parse_above(value) {
            Some(above) => triggers.above = above,
            None => reject(
                "ALLOC_PROBE_ABOVE",
                value,
                "a size such as 4GiB, rss=4GiB, cgroup=90%, or several of these with commas",
            ),
        }
    }
    if triggers.are_any() && out.is_none() {
        complain(&[b"dumps of the running program need ALLOC_PROBE_OUT to say where they go"]);
        triggers = Triggers::default();
    }
    if off {
        mode = Mode::Off;
    }
    let memory_bytes = memory_bytes.max(LEAST_MEMORY);
    Config { mode, out, long_lived_ns, sample_bytes, memory_bytes, triggers, trim }
}

/// The number of a signal that a program may use as it likes, by its name with or without `SIG`.
fn parse_signal(text: &[u8]) -> Option<u64> {
    let number = match text.strip_prefix(b"SIG").unwrap_or(text) {
        b"HUP" => libc::SIGHUP,
        b"INT" => libc::SIGINT,
        b"QUIT" => libc::SIGQUIT,
        b"USR1" => libc::SIGUSR1,
        b"USR2" => libc::SIGUSR2,
        b"PIPE" => libc::SIGPIPE,
        b"ALRM" => libc::SIGALRM,
        b"TERM" => libc::SIGTERM,
        b"CHLD" => libc::SIGCHLD,
        b"CONT" => libc::SIGCONT,
        b"TSTP" => libc::SIGTSTP,
        b"TTIN" => libc::SIGTTIN,
        b"TTOU" => libc::SIGTTOU,
        b"URG" => libc::SIGURG,
        b"XCPU" => libc::SIGXCPU,
        b"VTALRM" => libc::SIGVTALRM,
        b"PROF" => libc::SIGPROF,
        b"WINCH" => libc::SIGWINCH,
        b"IO" => libc::SIGIO,
        b"PWR" => libc::SIGPWR,
        _ => return None,
    };
    Some(number as u64)
}

/// One or several of a size, `rss=` with a size, and `cgroup=` with a share, each once.
fn parse_above(text: &[u8]) -> Option<Above> {
    let mut above = Above::default();
    for part in text.split(|&byte| byte == b',') {
        let (to, value) = if let Some(size) = part.strip_prefix(b"rss=") {
            (&mut above.resident_bytes, parse_bytes(size))
        } else if let Some(share) = part.strip_prefix(b"cgroup=") {
            (&mut above.cgroup_percent, parse_percent(share).filter(|&share| share <= 100))
        } else {
            (&mut above.live_bytes, parse_bytes(part))
        };
        if *to != 0 {
            return None;
        }
        *to = value.filter(|&asked| asked > 0)?;
    }
    Some(above)
}

fn parse_keep(text: &[u8]) -> Option<u64> {
    let (number, unit) = leading_number(text)?;
    (unit.is_empty() && number <= MOST_KEPT).then_some(number)
}

/// A whole number of hundredths.
fn parse_percent(text: &[u8]) -> Option<u64> {
    let (number, unit) = leading_number(text)?;
    (unit == b"%" && number <= 1_000_000).then_some(number)
}

/// A mode, with the mean bytes between samples where they are given.
fn parse_mode(text: &[u8]) -> Option<(Mode, Option<u64>)> {
    match text {
        b"off" => Some((Mode::Off, None)),
        b"count" => Some((Mode::Count, None)),
        b"sample" => Some((Mode::Sample, None)),
        b"full" => Some((Mode::Full, None)),
        _ => Some((Mode::Sample, Some(parse_bytes(text.strip_prefix(b"sample=")?)?))),
    }
}

/// A whole number of bytes above zero, with or without one of the units `KiB`, `MiB`, `GiB` and `TiB`.
fn parse_bytes(text: &[u8]) -> Option<u64> {
    let (number, unit) = leading_number(text)?;
    let unit = match unit {
        b"" | b"B" => 1,
        b"KiB" => 1 << 10,
        b"MiB" => 1 << 20,
        b"GiB" => 1 << 30,
        b"TiB" => 1 << 40,
        _ => return None,
    };
    number.checked_mul(unit).filter(|&bytes| bytes > 0 && bytes < 1 << 50)
}

fn leading_number(text: &[u8]) -> Option<(u64, &[u8])> {
    let (number, unit) = text.split_at(text.iter().take_while(|byte| byte.is_ascii_digit()).count());
    Some((std::str::from_utf8(number).ok()?.parse().ok()?, unit))
}

/// A whole number with a unit: `ns`, `us`, `ms`, `s`, `m` or `h`. Nanoseconds.
fn parse_duration(text: &[u8]) -> Option<u64> {
    let (number, unit) = leading_number(text)?;
    let unit = match unit {
        b"ns" => 1,
        b"us" => 1_000,
        b"ms" => 1_000_000,
        b"s" => SECOND_NS,
        b"m" => 60 * SECOND_NS,
        b"h" => 3600 * SECOND_NS,
        _ => return None,
    };
    number.checked_mul(unit)
}

/// A variable of the environment, as the process was given it. An empty one is as good as unset.
///
/// With more rights than its caller, a program believes none of its variables: the caller could have it write anywhere.
fn variable(name: &CStr) -> Option<&'static [u8]> {
    if os::has_more_rights() {
        return None;
    }
    // SAFETY: the name is a C string. The value lives in the block of memory that the process was started with;
    // this runs at the first allocation, before the program could have replaced it.
    unsafe {
        let value = libc::getenv(name.as_ptr());
        let value = (!value.is_null()).then(|| CStr::from_ptr(value).to_bytes());
        value.filter(|value| !value.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(parse_duration(b"10s"), Some(10 * SECOND_NS));
        assert_eq!(parse_duration(b"500ms"), Some(SECOND_NS / 2));
        assert_eq!(parse_duration(b"2m"), Some(120 * SECOND_NS));
        for bad in ["", "s", "10", "-1s", "1.5s", "10 s", "99999999999999h", "1d"] {
            assert_eq!(parse_duration(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn signals_have_names() {
        assert_eq!(parse_signal(b"SIGUSR2"), Some(libc::SIGUSR2 as u64));
        assert_eq!(parse_signal(b"HUP"), Some(libc::SIGHUP as u64));
        for bad in ["", "SIG", "usr1", "SIGKILL", "SIGSEGV", "10"] {
            assert_eq!(parse_signal(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn shares_and_sizes_need_units_that_are_known() {
        assert_eq!(parse_percent(b"10%"), Some(10));
        assert_eq!(parse_bytes(b"4GiB"), Some(4 << 30));
        for bad in ["", "10", "%", "1.5%", "-1%", "10%%", "99999999%"] {
            assert_eq!(parse_percent(bad.as_bytes()), None, "{bad}");
        }
        for bad in ["", "4GB", "4 GiB", "0", "GiB", "9999TiB"] {
            assert_eq!(parse_bytes(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn what_is_in_use_can_be_meant_in_three_ways() {
        let above = |live_bytes, resident_bytes, cgroup_percent| {
            Some(Above { live_bytes, resident_bytes, cgroup_percent })
        };
        assert_eq!(parse_above(b"4GiB"), above(4 << 30, 0, 0));
        assert_eq!(parse_above(b"rss=1MiB"), above(0, 1 << 20, 0));
        assert_eq!(parse_above(b"cgroup=90%,1KiB,rss=2KiB"), above(1 << 10, 2 << 10, 90));
        for bad in
            ["", ",", "1MiB,", "1MiB,2MiB", "rss=", "rss=90%", "cgroup=1MiB", "cgroup=101%", "pss=1MiB"]
        {
            assert_eq!(parse_above(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(parse_keep(b"5"), Some(5));
        for bad in ["", "5 ", "-1", "1001", "all"] {
            assert_eq!(parse_keep(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn modes_are_those_of_the_guide() {
        assert_eq!(parse_mode(b"full"), Some((Mode::Full, None)));
        assert_eq!(parse_mode(b"sample"), Some((Mode::Sample, None)));
        assert_eq!(parse_mode(b"sample=4096"), Some((Mode::Sample, Some(4096))));
        assert_eq!(parse_mode(b"sample=64KiB"), Some((Mode::Sample, Some(65536))));
        for bad in
            ["", "Full", "sample=", "sample=0", "sample=1.5MiB", "sample=-1", "sample=99999999999999MiB"]
        {
            assert_eq!(parse_mode(bad.as_bytes()), None, "{bad}");
        }
    }
}

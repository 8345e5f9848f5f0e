//! `alloc-probe run`.

mod ending;

pub(super) use ending::described;

use super::args::{By, Frames, Reading, SymbolArgs};
use super::open::Opener;
use crate::analyse::sites::shown;
use crate::error::{Error, io_reason};
use crate::exit;
use crate::load;
use crate::output_file::remove_earlier;
use crate::render::{sites, summary};
use crate::term::Terminal;
use alloc_probe_format::dump::{Dump, Ended};
use alloc_probe_format::spool_file::SpoolFile;
use clap::Args;
use ending::{Ending, Survivor, survivors};
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;
use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io::{self, IsTerminal, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// `alloc-probe run`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  alloc-probe run -- target/release/orders --port 8080
  alloc-probe run -o debug.json -- cargo run -- input.txt
  alloc-probe run --mode count -- target/release/orders

The summary goes to stderr, so the program's own output stays as it is. The exit status is the \
program's own (128 + n if signal n ended it).")]
pub struct Arguments {
    /// The file to write the dump to [default: alloc-probe.PROGRAM.PID.json]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// How much to record: `off`, `count`, `sample`, `sample=BYTES` or `full`
    #[arg(long, value_name = "MODE", default_value = "full", value_parser = mode)]
    pub mode: String,
    /// The metric.
    #[command(flatten)]
    pub by: By,
    /// How many call sites the summary lists
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub top: usize,
    /// Leave symbols out of the dump
    #[arg(long)]
    pub no_symbols: bool,
    // Before the symbols, whose heading would have it, too.
    /// The program and its arguments
    #[arg(required = true, last = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
    /// Its symbols.
    #[command(flatten)]
    pub symbols: SymbolArgs,
}

/// Checks the name of a mode; how many bytes lie between samples is for the probe to read.
fn mode(text: &str) -> Result<String, String> {
    let known = ["off", "count", "sample", "full"].contains(&text) || text.starts_with("sample=");
    known
        .then(|| text.to_owned())
        .ok_or_else(|| "there are off, count, sample, sample=BYTES and full".to_owned())
}

/// Runs the command: the program's own status is its status.
///
/// # Errors
///
/// Where the program can't be started. One that left no dump is told of on stderr; its status stays, if it is a
/// failure, or if what it recorded is there.
pub fn run(args: &Arguments, terminal: &mut Terminal<'_>) -> Result<u8, Error> {
    let program = PathBuf::from(&args.command[0]);
    let output = args.output.clone().unwrap_or_else(|| default_output(&program));
    // The program may change its directory.
    let absolute = std::path::absolute(&output).map_err(|error| Error::write(&output, &error))?;
    let spool = with_ending(&absolute, ".spool");
    let (earlier, earlier_spool) = (identity(&absolute), SpoolIdentity::of(&spool));
    let variable = as_pattern(&absolute);
    let mut command = Command::new(&program);
    command.args(&args.command[1..]).env("ALLOC_PROBE", &args.mode).env(OUT, &variable);
    let ending = run_to_end(&mut command)
        .map_err(|error| Error::new(format!("cannot run `{}`: {}", program.display(), io_reason(&error))))?;
    let status = ending.code();
    // Whoever reads what we say of it may go away.
    terminal.settled = status;
    let goes_on = survivors(OUT, &variable);
    if std::fs::metadata(&absolute).is_ok_and(|metadata| !metadata.is_file()) {
        // A device or a pipe: what went there can't be read again.
        writeln!(terminal.err, "ended: {}", described(ending.status))?;
        return Ok(status);
    }
    let dump = identity(&absolute);
    if dump.is_some() && dump != earlier {
        match summarise(args, &absolute, terminal) {
            Ok(()) => writeln!(terminal.err)?,
            Err(error) => error.print(terminal.err.as_mut())?,
        }
        if !ending.status.success() {
            writeln!(terminal.err, "ended: {}", described(ending.status))?;
        }
        tell_of(&goes_on, terminal)?;
        writeln!(terminal.err, "dump: {}", output.display())?;
        return Ok(status);
    }
    let left = SpoolIdentity::of(&spool).filter(|left| Some(left) != earlier_spool.as_ref());
    let left = left.map(|_| load::load(&spool)).transpose();
    match left {
        Ok(Some(left)) => of_spool(args, (&output, &absolute, &spool), &left, &ending, &goes_on, terminal)?,
        nothing => {
            terminal.settled = if status == exit::SUCCESS { exit::FAILURE } else { status };
            match nothing {
                Err(error) => {
                    let how = described(ending.status);
                    terminal.warn(&format!("the program ended with {how} and left no dump"))?;
                    error.print(terminal.err.as_mut())?;
                }
                _ => no_dump(&absolute, &args.mode, &ending).print(terminal.err.as_mut())?,
            }
            tell_of(&goes_on, terminal)?;
        }
    }
    Ok(terminal.settled)
}

/// The variable that says where the dump goes.
const OUT: &str = "ALLOC_PROBE_OUT";

/// Makes the dump of what a program recorded that could not write its own, and prints its summary. A process that goes
/// on recording will write it itself.
fn of_spool(
    args: &Arguments,
    (output, absolute, spool): (&Path, &Path, &Path),
    left: &Dump,
    ending: &Ending,
    goes_on: &[Survivor],
    terminal: &mut Terminal<'_>,
) -> Result<(), Error> {
    if left.process.ended == Ended::Running {
        let pid = left.process.pid;
        terminal.warn(&format!(
            "the command ended with {}, but process {pid}, which it started, still records",
            described(ending.status)
        ))?;
        terminal.hint(&format!("`alloc-probe dump {pid} -o FILE` reads it now"))?;
        tell_of(goes_on, terminal)?;
        return Ok(());
    }
    terminal.warn(&ending.without_dump(left))?;
    super::dump_file::write(left, absolute)?;
    match summarise(args, absolute, terminal) {
        // All that it held is in the dump.
        Ok(()) => remove_earlier(spool)?,
        Err(error) => error.print(terminal.err.as_mut())?,
    }
    tell_of(goes_on, terminal)?;
    writeln!(terminal.err, "\ndump: {}", output.display())?;
    Ok(())
}

/// Names the processes that go on.
fn tell_of(goes_on: &[Survivor], terminal: &mut Terminal<'_>) -> Result<(), Error> {
    if goes_on.is_empty() {
        return Ok(());
    }
    let named: Vec<String> =
        goes_on.iter().map(|survivor| format!("{} (`{}`)", survivor.pid, survivor.name)).collect();
    let (processes, run) = if named.len() == 1 { ("a process", "runs") } else { ("processes", "run") };
    terminal.warn(&format!("{processes} that it started still {run}: {}", named.join(", ")))?;
    Ok(())
}

/// Prints the summary of a dump on stderr: stdout is the program's.
fn summarise(args: &Arguments, dump: &Path, terminal: &mut Terminal<'_>) -> Result<(), Error> {
    let reading = Reading { symbols: args.symbols.clone(), frames: Frames::default() };
    let opener = Opener::new(&reading);
    let opener = if args.no_symbols { opener } else { opener.keep_symbols() };
    let profile = opener.open(dump, terminal)?;
    let options = sites::Options {
        metric: args.by.of_probe(),
        top: args.top,
        detail: reading.frames.detail(),
        full_paths: false,
        width: terminal.width,
    };
    let shown = shown(&profile, options.metric, options.detail);
    writeln!(terminal.err)?;
    super::show::write_text(&profile, &shown, &options, terminal.err.as_mut())?;
    for loss in summary::losses(&profile.dump) {
        terminal.warn(&loss)?;
    }
    Ok(())
}

/// Runs a program and waits for its end, whatever signals come in the meantime.
fn run_to_end(command: &mut Command) -> io::Result<Ending> {
    // From here on these signals no longer end this process. The program starts with them as they were.
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGQUIT, SIGTERM])?;
    let handle = signals.handle();
    let mut child = command.spawn()?;
    let pid = Pid::from_child(&child);
    let forwarder = std::thread::spawn(move || {
        // What is typed at a terminal goes to the program as well, and twice is more than once to some.
        let typed = |signal| io::stdin().is_terminal() && (signal == SIGINT || signal == SIGQUIT);
        for signal in signals.forever().filter(|signal| !typed(*signal)) {
            if let Some(signal) = Signal::from_named_raw(signal) {
                // A program that is gone needs no signal.
                let _ = kill_process(pid, signal);
            }
        }
    });
    let ending = Ending::of(&mut child);
    handle.close();
    // It does nothing that can panic.
    let _ = forwarder.join();
    ending
}

fn no_dump(output: &Path, mode: &str, ending: &Ending) -> Error {
    let (output, ended) = (output.display(), described(ending.status));
    let error = Error::new(format!("no dump appeared at `{output}`; the program ended with {ended}"));
    error.with_hint(match mode {
        "off" => "with `--mode off`, nothing is recorded",
        _ => "does the program use alloc-probe? It takes one line in main.rs: `alloc_probe::install!();`",
    })
}

/// `alloc-probe.PROGRAM.PID.json`, by this process's id: the program may be started by another, such as cargo.
fn default_output(program: &Path) -> PathBuf {
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    PathBuf::from(format!("alloc-probe.{name}.{}.json", std::process::id()))
}

/// A path with the marks that the probe would fill in made harmless.
pub(super) fn as_pattern(path: &Path) -> OsString {
    let bytes = path.as_os_str().as_bytes();
    OsString::from_vec(bytes.split(|byte| *byte == b'%').collect::<Vec<_>>().join(&b"%%"[..]))
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// What tells a file from the one that had its name before.
fn identity(path: &Path) -> Option<(u64, i64, i64)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.ino(), metadata.mtime(), metadata.mtime_nsec()))
}

/// What tells a spool from the one that had its name before: a process writes to its own for as long as it runs, so
/// times tell nothing.
#[derive(Debug, PartialEq, Eq)]
struct SpoolIdentity {
    file: (u64, u64),
    pid: Option<u64>,
}

impl SpoolIdentity {
    fn of(path: &Path) -> Option<SpoolIdentity> {
        let metadata = std::fs::symlink_metadata(path).ok().filter(Metadata::is_file)?;
        let mut start = [0; SpoolFile::START_BYTES];
        let read = File::open(path).and_then(|mut file| file.read_exact(&mut start));
        let pid = read.ok().and_then(|()| SpoolFile::pid_at_start(&start));
        Some(SpoolIdentity { file: (metadata.dev(), metadata.ino()), pid })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_taken_as_it_is() {
        assert_eq!(as_pattern(Path::new("/tmp/100%/a.json")), "/tmp/100%%/a.json");
        assert_eq!(with_ending(Path::new("a/b.json"), ".spool"), Path::new("a/b.json.spool"));
    }
}

//! A process that leaks until it is killed for it, in a group of processes with 256 MiB, as in a container: there are dumps
//! from below the limit, and the spool says what it was killed for and who grew. Where no such group can be made, as by any
//! user but root, the process may have as much address space, which is the lesser test: it is not killed, but refused.

use crate::binaries::{self, Profile};
use crate::faults::Faults;
use crate::tool::{alloc_probe, frames, json};
use serde_json::Value;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

const MIB: u64 = 1 << 20;
const LIMIT: u64 = 256 * MIB;
const SITE: &str = "alloc_probe_tests::causes::hunger::forgotten";

/// A group of processes that may have so much memory, as long as this lives.
struct MemoryGroup(PathBuf);

impl MemoryGroup {
    /// None where groups can't be made.
    fn new(bytes: u64) -> Option<MemoryGroup> {
        let name = format!("alloc-probe-hunger-{}", std::process::id());
        let versions = [("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")];
        versions.into_iter().find_map(|(root, limit)| {
            let group = MemoryGroup(Path::new(root).join(&name));
            fs::create_dir(&group.0).ok()?;
            // Not made by the write: a group without that file has no limits.
            let mut file = fs::OpenOptions::new().write(true).open(group.0.join(limit)).ok()?;
            std::io::Write::write_all(&mut file, bytes.to_string().as_bytes()).ok()?;
            // Where there is any, it would be filled first.
            let _ = fs::write(group.0.join("memory.swap.max"), "0");
            Some(group)
        })
    }
}

impl Drop for MemoryGroup {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

/// Runs the case after a line of the shell, which limits it.
fn run(variant: &str, limit: &str, above: &str, folder: &Path) -> std::process::ExitStatus {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{limit} && exec \"$@\""), "sh"]);
    command.arg(binaries::subject("installed", Profile::Release)).args(["causes", "hunger", variant]);
    command.env_clear().env("PATH", "/usr/bin:/bin");
    command.env("ALLOC_PROBE_OUT", folder.join("out.%n.json")).env("ALLOC_PROBE_ABOVE", above);
    command.output().expect("it runs").status
}

/// The dumps of the running program, by their numbers.
fn dumps(folder: &Path) -> Vec<PathBuf> {
    let path = |number: usize| folder.join(format!("out.{number}.json"));
    (1..1000).map(path).filter(|path| path.exists()).collect()
}

fn explained(file: &Path) -> Value {
    json(alloc_probe().arg("explain").arg(file).arg("--json"))
}

/// Whether what was said of how it ended has all of these words.
fn says(whole: &Value, words: &[&str], faults: &mut Faults) {
    let end = whole["headline"]["end"].as_str().unwrap_or_default();
    for word in words {
        faults.check(end.contains(word), format_args!("no `{word}` in `{end}`"));
    }
}

/// Whether the growth is found, at the right site.
fn names_the_leak(whole: &Value, faults: &mut Faults) {
    let growth =
        whole["findings"].as_array().into_iter().flatten().find(|finding| finding["kind"] == "growth");
    let site = growth.and_then(|growth| whole["sites"].get(growth["sites"][0].as_u64()? as usize));
    let named = site.is_some_and(|site| frames(whole, site).any(|frame| frame["function"] == SITE));
    faults.check(named, format_args!("{SITE} is not named first: {:#}", whole["findings"]));
}

#[test]
fn who_grew_is_known_after_a_kill_for_memory() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut faults = Faults::of("hunger");
    let Some(group) = MemoryGroup::new(LIMIT) else {
        return is_refused_address_space(folder.path(), &mut faults);
    };
    let join = format!("echo $$ > {}", group.0.join("cgroup.procs").display());
    let status = run("new", &join, "cgroup=50%", folder.path());
    faults.equal("the signal", status.signal(), Some(9));

    let dumps = dumps(folder.path());
    faults.check(dumps.len() >= 3, format_args!("{dumps:?}"));
    for dump in &dumps {
        let whole = explained(dump);
        let of_group =
            whole["seen"].as_array().into_iter().flatten().find(|seen| seen["name"] == "control group");
        let bytes = of_group.and_then(|group| group["bytes"].as_u64()).unwrap_or(0);
        faults.check((LIMIT / 2..=LIMIT).contains(&bytes), format_args!("{}: {bytes}", dump.display()));
        // What one dump takes to be written is given back before the next.
        let probe =
            whole["memory"]["account"].as_array().into_iter().flatten().find(|line| line["name"] == "probe");
        let probe = probe.and_then(|line| line["bytes"].as_u64()).unwrap_or(0);
        faults.check(probe < 4 * MIB, format_args!("{}: the probe has {probe}", dump.display()));
    }
    if let Some(last) = dumps.last() {
        names_the_leak(&explained(last), &mut faults);
    }

    let spool = folder.path().join("out.0.json.spool");
    let whole = explained(&spool);
    let killed = [
        "killed for memory",
        "limited to 256.0 MiB",
        "has killed one process",
        "live bytes grew",
        "hunger::forgotten",
    ];
    says(&whole, &killed, &mut faults);
    names_the_leak(&whole, &mut faults);
    // Once the group is gone, nobody can tell, but what the process had says enough.
    drop(group);
    let unknown =
        ["probably killed for memory", "limited to 256.0 MiB", "can no longer be asked", "hunger::forgotten"];
    says(&explained(&spool), &unknown, &mut faults);
}

/// Allocations fail there, and the program ends itself for that.
#[allow(clippy::print_stdout, reason = "says that it was the lesser test")]
fn is_refused_address_space(folder: &Path, faults: &mut Faults) {
    println!(
        "no group with less memory can be made here: address space is limited, which is the lesser test"
    );
    let status = run("new", &format!("ulimit -v {}", LIMIT >> 10), "100MiB", folder);
    faults.equal("the signal", status.signal(), Some(6));
    let dumps = dumps(folder);
    faults.check(!dumps.is_empty(), "no dump");
    let whole = explained(&folder.join("out.0.json"));
    says(&whole, &["failed for lack of memory"], faults);
    names_the_leak(&whole, faults);
}

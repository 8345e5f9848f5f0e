//! What surrounds a comparison and may skew it: the lock file, the tree, the toolchain, and what else the machine does.

use crate::project::Project;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What was so before the first build.
#[derive(Debug)]
pub(super) struct Conditions {
    root: PathBuf,
    lock: Option<Vec<u8>>,
}

/// How long the processors of the machine have worked, and waited, in ticks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Processors {
    busy: u64,
    idle: u64,
}

/// From this share on, other programs' work is told of.
const OTHERS_WORK: f64 = 0.1;

impl Conditions {
    /// Looks before the first build.
    pub(super) fn before(root: &Path) -> Conditions {
        Conditions { root: root.to_owned(), lock: fs::read(root.join("Cargo.lock")).ok() }
    }

    /// What the builds changed, and what the tree has that no commit has.
    pub(super) fn after(&self, project: Option<&Project>, rustc: Option<&str>) -> Vec<String> {
        let mut caveats = Vec::new();
        // A lock file that was not there is made by the first build, for all of them.
        if self.lock.is_some() && fs::read(self.root.join("Cargo.lock")).ok() != self.lock {
            caveats.push(
                "the builds changed Cargo.lock: they may have other dependencies; `--locked` prevents it"
                    .to_owned(),
            );
        }
        let changed = git(&self.root).filter(|files| *files > 0);
        if let Some(files) = changed {
            let files = crate::units::plural(files, "file");
            caveats.push(format!(
                "{files} of the tree differ from the last commit: nobody else can repeat this"
            ));
        }
        let pinned = project.and_then(|project| project.toolchain.as_ref()?.channel.clone());
        if let (Some(pinned), Some(rustc)) = (pinned, rustc) {
            let number = |text: &str| -> Option<String> {
                text.split([' ', '-'])
                    .find(|word| word.starts_with(|first: char| first.is_ascii_digit()))
                    .map(str::to_owned)
            };
            if let (Some(wanted), Some(used)) = (number(&pinned), number(rustc))
                && wanted.contains('.')
                && !used.starts_with(&wanted)
            {
                caveats
                    .push(format!("it was built with Rust {used}, and the project's toolchain is {wanted}"));
            }
        }
        caveats
    }
}

/// How many tracked files differ from the last commit.
fn git(root: &Path) -> Option<u64> {
    let mut command = Command::new("git");
    command.arg("-C").arg(root).args(["status", "--porcelain", "--untracked-files=no"]);
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| output.stdout.iter().filter(|byte| **byte == b'\n').count() as u64)
}

impl Processors {
    /// Looks now.
    pub(super) fn now() -> Option<Processors> {
        let text = fs::read_to_string("/proc/stat").ok()?;
        let line = text.lines().find(|line| line.starts_with("cpu "))?;
        let ticks: Vec<u64> = line.split_whitespace().skip(1).filter_map(|word| word.parse().ok()).collect();
        // User, nice, system, idle, waiting for a device, interrupts, and what another guest took.
        let [user, nice, system, idle, waiting, interrupts, soft, stolen, ..] = ticks[..] else {
            return None;
        };
        Some(Processors { busy: user + nice + system + interrupts + soft + stolen, idle: idle + waiting })
    }

    /// A sentence where other programs worked much since `earlier`, beside runs that took so much processor time.
    pub(super) fn others_since(self, earlier: Processors, own_seconds: f64) -> Option<String> {
        let ticks_a_second = rustix::param::clock_ticks_per_second() as f64;
        let busy = self.busy.saturating_sub(earlier.busy) as f64 / ticks_a_second;
        let all = busy + self.idle.saturating_sub(earlier.idle) as f64 / ticks_a_second;
        let others = (busy - own_seconds).max(0.0) / all.max(f64::MIN_POSITIVE);
        (all > 0.0 && others > OTHERS_WORK).then(|| {
            format!(
                "other programs took {:.0}% of the processors during the timed runs: times are less sure",
                others * 100.0
            )
        })
    }
}

/// How often, and where known how long, this process's group and the processors were slowed down. What the system does not
/// tell is not known, and not told of.
#[derive(Debug, Default)]
pub(super) struct Throttling {
    /// Microseconds for which the control group had to wait, as its processor time was limited.
    group_us: Option<u64>,
    /// How often processors were slowed down as they were too hot.
    hot: Option<u64>,
    /// The least share of their highest frequency that processors are allowed now.
    allowed: Option<f64>,
}

impl Throttling {
    /// Looks now.
    pub(super) fn now() -> Throttling {
        Throttling::of(Path::new("/sys"), fs::read_to_string("/proc/self/cgroup").ok().as_deref())
    }

    fn of(sys: &Path, groups: Option<&str>) -> Throttling {
        let number = |path: &Path| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
        let group = groups.and_then(|groups| groups.lines().find_map(|line| line.strip_prefix("0::/")));
        let stat = group
            .and_then(|group| fs::read_to_string(sys.join("fs/cgroup").join(group).join("cpu.stat")).ok());
        let waited = stat.as_ref().and_then(|stat| {
            stat.lines().find_map(|line| line.strip_prefix("throttled_usec ")?.trim().parse().ok())
        });
        let processors: Vec<PathBuf> = fs::read_dir(sys.join("devices/system/cpu"))
            .into_iter()
            .flatten()
            .flatten()
            .filter(|entry| {
                let name = entry.file_name();
                let number = name.to_string_lossy().strip_prefix("cpu").map(str::to_owned);
                number.is_some_and(|number| {
                    number.bytes().all(|byte| byte.is_ascii_digit()) && !number.is_empty()
                })
            })
            .map(|entry| entry.path())
            .collect();
        let hot =
            processors.iter().filter_map(|cpu| number(&cpu.join("thermal_throttle/core_throttle_count")));
        let allowed = processors.iter().filter_map(|cpu| {
            let of = |file: &str| number(&cpu.join("cpufreq").join(file));
            Some(of("scaling_max_freq")? as f64 / of("cpuinfo_max_freq").filter(|most| *most > 0)? as f64)
        });
        Throttling { group_us: waited, hot: hot.reduce(|a, b| a + b), allowed: allowed.reduce(f64::min) }
    }

    /// Sentences about what slowed things down since `earlier`.
    pub(super) fn since(&self, earlier: &Throttling) -> Vec<String> {
        let more =
            |now: Option<u64>, then: Option<u64>| Some(now?.saturating_sub(then?)).filter(|more| *more > 0);
        let mut sentences = Vec::new();
        if let Some(us) = more(self.group_us, earlier.group_us) {
            let waited = crate::units::duration(us.saturating_mul(1000));
            sentences.push(format!(
                "the control group's limit of processor time held the runs up for {waited}: times are longer by that"
            ));
        }
        if more(self.hot, earlier.hot).is_some() {
            sentences.push("processors were too hot and slowed down during the timed runs".to_owned());
        }
        if let Some(share) = self.allowed.filter(|share| *share < SLOWED) {
            let percent = share * 100.0;
            sentences.push(format!("processors are held to {percent:.0}% of their highest frequency"));
        }
        sentences
    }
}

/// The share of the highest frequency below which a limit is told of.
const SLOWED: f64 = 0.99;

/// Forgets the most resident memory that this process had, where the system can: of a program that it starts, the system
/// counts as much, from the moment before that becomes itself.
pub(super) fn forget_own_peak() {
    let _ = fs::write("/proc/self/clear_refs", "5");
}

/// The most resident memory that this process had since then, in bytes.
pub(super) fn own_peak_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_slows_processors_down_is_told() {
        let sys = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = sys.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let now = || Throttling::of(sys.path(), Some("1:name=x:/y\n0::/a/b\n"));
        // What the system does not tell is not made up.
        assert!(now().since(&now()).is_empty() && now().group_us.is_none() && now().hot.is_none());
        write("fs/cgroup/a/b/cpu.stat", "usage_usec 9\nnr_throttled 1\nthrottled_usec 1000\n");
        for cpu in ["cpu0", "cpu1"] {
            write(&format!("devices/system/cpu/{cpu}/thermal_throttle/core_throttle_count"), "3\n");
            write(&format!("devices/system/cpu/{cpu}/cpufreq/cpuinfo_max_freq"), "4000000\n");
            write(&format!("devices/system/cpu/{cpu}/cpufreq/scaling_max_freq"), "4000000\n");
        }
        write("devices/system/cpu/cpufreq/boost", "1\n");
        let before = now();
        assert!(now().since(&before).is_empty());
        write("fs/cgroup/a/b/cpu.stat", "throttled_usec 251000\n");
        write("devices/system/cpu/cpu1/thermal_throttle/core_throttle_count", "4\n");
        write("devices/system/cpu/cpu0/cpufreq/scaling_max_freq", "2000000\n");
        assert_eq!(
            now().since(&before),
            [
                "the control group's limit of processor time held the runs up for 250.0 ms: times are longer by that",
                "processors were too hot and slowed down during the timed runs",
                "processors are held to 50% of their highest frequency",
            ]
        );
    }

    #[test]
    fn work_of_others_is_told_from_our_own() {
        let ticks = rustix::param::clock_ticks_per_second();
        let earlier = Processors { busy: 1000, idle: 1000 };
        let later =
            |busy: u64, idle: u64| Processors { busy: 1000 + busy * ticks, idle: 1000 + idle * ticks };
        assert_eq!(later(10, 10).others_since(earlier, 9.0), None);
        let told = later(10, 10).others_since(earlier, 5.0).unwrap();
        assert!(told.starts_with("other programs took 25% of the processors"), "{told}");
        assert_eq!(later(0, 0).others_since(earlier, 0.0), None);
        assert!(own_peak_bytes() > 0 && Processors::now().is_some());
    }
}

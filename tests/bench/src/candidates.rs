//! What is compared: the probe in each mode, and other profilers of the same work.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the built programs are.
#[derive(Clone, Copy, Debug)]
pub struct Programs {
    /// Without a profiler.
    pub plain: &'static str,
    /// With the probe.
    pub probe: &'static str,
    /// With `dhat`.
    pub dhat: &'static str,
    /// With `stats_alloc`.
    pub stats: &'static str,
    /// With jemalloc; only built with the feature of that name.
    pub jemalloc: &'static str,
}

/// A way to run a workload.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    /// The word for it.
    pub name: &'static str,
    program: fn(&Programs) -> &'static str,
    /// The share of the work that it does, against a baseline of the same length: less for those that are slow.
    pub share: f64,
    /// Variables; `{folder}` stands for that of the run.
    environment: &'static [(&'static str, &'static str)],
    /// What the program is an argument of.
    wrapper: &'static [&'static str],
    /// A file that is there only where it is installed.
    needs: Option<&'static str>,
}

const NONE: Candidate = Candidate {
    name: "plain",
    program: |programs| programs.plain,
    share: 1.0,
    environment: &[],
    wrapper: &[],
    needs: None,
};

const fn probe(name: &'static str, environment: &'static [(&'static str, &'static str)]) -> Candidate {
    Candidate { name, program: |programs| programs.probe, environment, ..NONE }
}

const fn jemalloc(
    name: &'static str,
    share: f64,
    environment: &'static [(&'static str, &'static str)],
) -> Candidate {
    Candidate { name, program: |programs| programs.jemalloc, share, environment, ..NONE }
}

const HEAPTRACK: &str = "/usr/lib/heaptrack/libheaptrack_preload.so";
const OUT: (&str, &str) = ("ALLOC_PROBE_OUT", "{folder}/out.json");

impl Candidate {
    /// The work without a profiler.
    pub const PLAIN: Candidate = NONE;

    /// All others. Those modes that take stacks write a dump, as the peers write theirs.
    pub const ALL: [Candidate; 12] = [
        probe("off", &[("ALLOC_PROBE", "off")]),
        probe("count", &[("ALLOC_PROBE", "count")]),
        probe("sample", &[("ALLOC_PROBE", "sample"), OUT]),
        probe("full", &[("ALLOC_PROBE", "full"), OUT]),
        Candidate { name: "stats_alloc", program: |programs| programs.stats, ..NONE },
        Candidate {
            name: "heaptrack",
            environment: &[("LD_PRELOAD", HEAPTRACK), ("DUMP_HEAPTRACK_OUTPUT", "{folder}/out.trace")],
            needs: Some(HEAPTRACK),
            share: 0.25,
            ..NONE
        },
        Candidate { name: "dhat", program: |programs| programs.dhat, share: 0.1, ..NONE },
        Candidate {
            name: "dhat-whole",
            program: |programs| programs.dhat,
            environment: &[("BENCH_DHAT", "whole")],
            share: 0.025,
            ..NONE
        },
        Candidate {
            name: "valgrind-dhat",
            wrapper: &["/usr/bin/valgrind", "--quiet", "--tool=dhat", "--dhat-out-file={folder}/out.json"],
            needs: Some("/usr/bin/valgrind"),
            share: 0.05,
            ..NONE
        },
        jemalloc("jemalloc", 1.0, &[("_RJEM_MALLOC_CONF", "prof:false")]),
        jemalloc(
            "jemalloc-sample",
            1.0,
            &[(
                "_RJEM_MALLOC_CONF",
                "prof:true,lg_prof_sample:19,prof_accum:true,prof_final:true,prof_prefix:{folder}/out",
            )],
        ),
        jemalloc(
            "jemalloc-every",
            0.05,
            &[(
                "_RJEM_MALLOC_CONF",
                "prof:true,lg_prof_sample:0,prof_accum:true,prof_final:true,prof_prefix:{folder}/out",
            )],
        ),
    ];

    /// The one of that name.
    pub fn named(name: &str) -> Option<Candidate> {
        Candidate::ALL.into_iter().find(|candidate| candidate.name == name)
    }

    /// Whether it can run here: what it needs is installed, and its program was built.
    pub fn is_there(&self, programs: &Programs) -> bool {
        [Some((self.program)(programs)), self.needs]
            .into_iter()
            .flatten()
            .all(|path| Path::new(path).exists())
    }

    /// The command that runs its program in a folder.
    pub fn command(&self, programs: &Programs, folder: &Path) -> Command {
        let program = PathBuf::from((self.program)(programs));
        let fill = |text: &str| text.replace("{folder}", &folder.to_string_lossy());
        let mut command = match self.wrapper.split_first() {
            Some((wrapper, arguments)) => {
                let mut command = Command::new(wrapper);
                command.args(arguments.iter().map(|argument| fill(argument))).arg(program);
                command
            }
            None => Command::new(program),
        };
        command.env_clear().envs(self.environment.iter().map(|(name, value)| (name, fill(value))));
        command.current_dir(folder);
        command
    }
}

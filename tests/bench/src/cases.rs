//! Running the program that measures pairs, and reading what it prints.

use crate::pairs::Sites;
use std::path::Path;
use std::process::Command;

/// The modes, as `ALLOC_PROBE` names them.
pub const MODES: [&str; 4] = ["off", "count", "sample", "full"];

/// What one pair of an allocation and its free takes, in nanoseconds or in instructions.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// The frames of the stack.
    pub depth: u32,
    /// Where the blocks are allocated.
    pub sites: Sites,
    /// What the system's allocator takes.
    pub system: f64,
    /// What the program's takes, which is the probe around the system's.
    pub global: f64,
}

impl Case {
    /// What the probe adds.
    pub fn added(&self) -> f64 {
        self.global - self.system
    }
}

/// A command whose environment has nothing of the probe's but the mode.
pub fn command(program: impl AsRef<Path>, mode: &str) -> Command {
    let mut command = Command::new(program.as_ref());
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ALLOC_PROBE"))
    {
        command.env_remove(name);
    }
    command.env("ALLOC_PROBE", mode);
    command
}

/// Has the program `bench_pairs` measure `what`, in a mode and at some depths.
///
/// # Panics
///
/// Where it fails, or prints something else.
pub fn measure(program: &str, mode: &str, what: &str, depths: &[u32]) -> Vec<Case> {
    let depths = depths.iter().map(u32::to_string);
    let output = command(program, mode).arg(what).args(depths).output().expect("the program runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}: {text}{}", output.status, String::from_utf8_lossy(&output.stderr));
    text.lines().map(|line| parse(line).unwrap_or_else(|| panic!("no case: {line}"))).collect()
}

fn parse(line: &str) -> Option<Case> {
    let mut words = line.split(' ');
    let depth = words.next()?.parse().ok()?;
    let sites = Sites::named(words.next()?)?;
    Some(Case { depth, sites, system: words.next()?.parse().ok()?, global: words.next()?.parse().ok()? })
}

/// One table of all modes: a column for each case, in the order in which the first mode has them.
pub fn table(rows: &[(&str, Vec<Case>)], decimals: usize) -> String {
    let mut text = format!("{:>8}", "");
    for case in rows.first().map_or(&[][..], |(_, cases)| cases) {
        text += &format!("{:>18}", format!("{} {}", case.sites.name(), case.depth));
    }
    for (mode, cases) in rows {
        text += &format!("\n{mode:>8}");
        cases.iter().for_each(|case| text += &format!("{:>+18.decimals$}", case.added()));
    }
    text
}

//! `alloc-probe doctor`.

mod rebuild;

use crate::analyse::doctor::{CHECKS, Outcome, Severity, Subject, examine, settings};
use crate::error::Error;
use crate::exit;
use crate::project::Project;
use crate::render::doctor::{self as text, Report};
use crate::render::json;
use crate::term::Terminal;
use clap::Args;
use clap::builder::PossibleValuesParser;
use std::path::PathBuf;

/// `alloc-probe doctor`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  alloc-probe doctor                                 the project in this folder
  alloc-probe doctor ../service --binary ../service/target/release/service
  alloc-probe doctor --profile production --allow panic --allow lto
  alloc-probe doctor --rebuild                       also whether two builds make the same file

It reads manifests, cargo's configuration, the toolchain file, Cargo.lock, Dockerfiles, the \
workflows of GitHub and GitLab, and what the environment has for cargo. It changes no file; only \
--rebuild runs cargo build, in temporary folders. The exit status is 1 if a required check fails.")]
pub struct Arguments {
    /// The project's folder, or its Cargo.toml
    #[arg(default_value = ".")]
    pub path: PathBuf,
    /// The profile that is shipped; may be given several times [default: release, and what images and workflows build]
    #[arg(long, value_name = "NAME")]
    pub profile: Vec<String>,
    /// A built program to look at as well; may be given several times
    #[arg(long, value_name = "FILE")]
    pub binary: Vec<PathBuf>,
    /// Build twice, in two folders, and say what differs
    #[arg(long)]
    pub rebuild: bool,
    /// Build without a network
    #[arg(long, requires = "rebuild")]
    pub offline: bool,
    /// Leave a check out; may be given several times
    #[arg(long, value_name = "CHECK", value_parser = PossibleValuesParser::new(CHECKS.iter().map(|check| check.name)))]
    pub allow: Vec<String>,
    /// Print JSON, as docs/profiles.md describes it
    #[arg(long)]
    pub json: bool,
}

/// Runs the command.
///
/// # Errors
///
/// Where the project can't be read or built.
pub fn run(args: &Arguments, terminal: &mut Terminal<'_>) -> Result<u8, Error> {
    let project = Project::read(&args.path, &args.binary)?;
    for profile in &args.profile {
        if settings::chain(&project, profile).is_none() {
            let names = settings::names(&project).join(", ");
            return Err(Error::new(format!("the project has no profile `{profile}`; there are {names}")));
        }
    }
    let mut subject = Subject::new(&project, &args.profile);
    if args.rebuild {
        subject.rebuilt = Some(rebuild::rebuild(&subject, args.offline, terminal)?);
    }
    let checks = examine(&subject);
    let is_allowed = |name: &str| args.allow.iter().any(|allowed| allowed == name);
    let fails =
        checks.iter().filter(|(check, _)| !is_allowed(check.name)).any(|(_, outcome)| match outcome {
            Outcome::Checked(findings) => {
                findings.iter().any(|finding| finding.severity == Severity::Required)
            }
            Outcome::Apart(_) => false,
        });
    let status = if fails { exit::UNMET } else { exit::SUCCESS };
    terminal.settled = status;
    let report = Report { subject: &subject, checks: &checks, allowed: &args.allow, width: terminal.width };
    if args.json {
        json::doctor::write(&report, terminal.out.as_mut())?;
    } else {
        text::write(&report, terminal.out.as_mut())?;
    }
    Ok(status)
}

//! A pair as text, for whoever has to find out what is wrong with it.

use super::recording::Recording;
use super::verdict::Tally;
use alloc_probe_cli::analyse::diff::Diff;
use alloc_probe_cli::analyse::diff::pair::{MatchKind, Pair, Sites};
use alloc_probe_cli::profile::Role;
use alloc_probe_format::metric::Metric;
use std::fmt::Write;

/// A pair with its stacks, and those of most counterparts that are elsewhere.
pub(super) fn describe(
    diff: &Diff,
    base: &Recording,
    new: &Recording,
    pair: &Pair,
    tallies: &[Tally; 2],
) -> String {
    let mut text = format!("matched: {}\n", pair.kind.map_or("not", MatchKind::name));
    for (name, side, tally) in [("base", &pair.base, &tallies[0]), ("new", &pair.new, &tallies[1])] {
        let Some(sites) = side else { continue };
        let (here, there) = if name == "base" { (base, new) } else { (new, base) };
        let Tally { inside, outside, .. } = tally;
        let _ = writeln!(
            text,
            "  {name}: of its blocks, {inside} have their counterparts here and {outside} elsewhere"
        );
        write_stack(&mut text, here, sites);
        let Some((most, _)) = tally.elsewhere.iter().max_by_key(|(_, blocks)| **blocks) else { continue };
        let most = &diff.pairs[*most];
        let Some(sites) = (if name == "base" { &most.new } else { &most.base }) else { continue };
        let _ =
            writeln!(text, "  most of them are here, matched: {}", most.kind.map_or("not", MatchKind::name));
        write_stack(&mut text, there, sites);
    }
    text
}

/// The frames that are not the same for all sites: those of the program, and of the library between them.
fn write_stack(text: &mut String, recording: &Recording, sites: &Sites) {
    let Some(site) = sites.shown(&recording.profile, Metric::TotalBytes) else { return };
    let profile = &recording.profile;
    let frames = profile.frames_of(site).map(|id| &profile.frames[id.0 as usize]);
    for frame in frames.filter(|frame| matches!(frame.role, Role::Program | Role::Standard)) {
        let file = frame.file.as_deref().and_then(|file| file.rsplit('/').next()).unwrap_or_default();
        let (line, column) = (frame.line.unwrap_or(0), frame.column.unwrap_or(0));
        let inlined = if frame.inlined { ", inlined" } else { "" };
        let _ = writeln!(text, "    {:?} {} {file}:{line}:{column}{inlined}", frame.role, frame.function);
    }
}

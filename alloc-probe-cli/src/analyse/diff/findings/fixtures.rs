//! Runs made up for tests.

use super::finding::Finding;
use super::runs::Runs;
use crate::analyse::diff::key::Functions;
use crate::analyse::diff::pair::{MatchKind, Pair, Sites};
use crate::profile::{Frame, FrameId, Profile, Role, Site};
use alloc_probe_format::dump::{Dump, Mode, TimelineSample};

/// A run of so many milliseconds, which allocated a block in each and freed none, with a unit of 1 ms.
pub(super) fn run(duration_ms: u64) -> Dump {
    let mut dump = Dump { mode: Mode::Full, ..Dump::default() };
    dump.clock.unit_ns = 1e6;
    dump.process.duration_ns = duration_ms * 1_000_000;
    let sample = |blocks: u64| TimelineSample {
        time_ns: blocks * 1_000_000,
        total_blocks: blocks,
        live_blocks: blocks,
        total_bytes: blocks * 1024,
        live_bytes: blocks * 1024,
        ..TimelineSample::default()
    };
    dump.timeline.samples = (1..=duration_ms).map(sample).collect();
    dump
}

/// A profile of sites whose stacks are written as people do, the allocation first: `f:12 < main:3`.
pub(super) fn profile(dump: Dump, sites: Vec<(&str, Site)>) -> Profile {
    let mut profile = Profile { dump, ..Profile::default() };
    for (text, site) in sites {
        let frames = stack(&mut profile, text);
        profile.sites.push(Site { frames, ..site });
    }
    profile
}

/// The frames of a stack of the profile. What is inlined into its caller ends in `^`.
pub(super) fn stack(profile: &mut Profile, text: &str) -> Vec<FrameId> {
    let frame = |text: &str| {
        let inlined = text.ends_with('^');
        let (function, line) = text.trim_end_matches('^').rsplit_once(':').unwrap_or((text, ""));
        let (function, line) = match line.parse() {
            Ok(line) => (function, Some(line)),
            Err(_) => (text.trim_end_matches('^'), None),
        };
        let role = match function.split("::").next() {
            Some("std" | "core") => Role::Runtime,
            Some("alloc") => Role::Standard,
            _ => Role::Program,
        };
        Frame {
            function: function.to_owned(),
            file: Some("/home/me/app/src/main.rs".to_owned()),
            line,
            inlined,
            role,
            ..Frame::default()
        }
    };
    text.split(" < ")
        .map(|text| {
            profile.frames.push(frame(text));
            FrameId(profile.frames.len() as u32 - 1)
        })
        .collect()
}

/// What a finder says of two profiles whose sites are the same by their places; those without blocks are not there.
pub(super) fn found(find: fn(&Runs<'_>) -> Vec<Finding>, base: &Profile, new: &Profile) -> Vec<Finding> {
    let side = |profile: &Profile, index: usize| {
        let site = profile.sites.get(index).filter(|site| site.figures.total_blocks > 0)?;
        Some(Sites { sites: vec![index as u32], figures: site.figures, ..Sites::default() })
    };
    let pair = |index| {
        let (base, new) = (side(base, index), side(new, index));
        Pair { kind: (base.is_some() && new.is_some()).then_some(MatchKind::Exact), base, new }
    };
    let pairs: Vec<Pair> = (0..base.sites.len().max(new.sites.len())).map(pair).collect();
    let functions = Functions::of(&base.frames, &new.frames);
    find(&Runs { base, new, pairs: &pairs, functions: &functions })
}

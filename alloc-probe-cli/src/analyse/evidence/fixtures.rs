//! Runs made up for tests.

use crate::profile::{Frame, FrameId, Profile, Role, Site};
use alloc_probe_format::dump::{Dump, Mode, TimelineSample};

/// A run of so many milliseconds, which allocated a block in each and freed none, with a unit of 1 ms.
pub(in crate::analyse) fn run(duration_ms: u64) -> Dump {
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
pub(in crate::analyse) fn profile(dump: Dump, sites: Vec<(&str, Site)>) -> Profile {
    let mut profile = Profile { dump, ..Profile::default() };
    for (text, site) in sites {
        let stack = stack(&mut profile, text);
        profile.sites.push(Site { stack, ..site });
    }
    profile
}

/// Gives a profile a stack, and its row. What is inlined into its caller ends in `^`.
pub(in crate::analyse) fn stack(profile: &mut Profile, text: &str) -> u32 {
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
    let first = profile.frames.len() as u32;
    profile.frames.extend(text.split(" < ").map(frame));
    profile.stacks.add((first..profile.frames.len() as u32).map(FrameId))
}

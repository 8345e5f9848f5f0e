//! Stacks as they are shown, and which of them are one site.
//!
//! A person calls one site what reads the same once recursion is folded, and the frames of the allocator, the runtime and
//! the standard library are set aside: the program's functions, each at the position of its innermost call.

use super::turns::Folding;
use super::{Detail, frame, visible};
use crate::analyse::functions::{FunctionId, Functions};
use crate::profile::{FrameId, Profile, Role, Site};
use crate::source::roles::telling;

/// Reads the stacks of a profile.
#[derive(Debug)]
pub struct Stacks<'a> {
    profile: &'a Profile,
    functions: Functions,
    folding: Folding<FrameId>,
    detail: Detail,
}

/// What makes a site: functions, and the line and column of the call in each; of one whose name is not known, its frame.
pub type SiteKey = Vec<(FunctionId, Option<u32>, Option<u32>)>;

impl<'a> Stacks<'a> {
    /// Those of a profile, in so much detail.
    pub fn of(profile: &'a Profile, detail: Detail) -> Stacks<'a> {
        let functions = Functions::of(&[&profile.frames], true);
        let folding = Folding::new(functions.types);
        Stacks { profile, functions, folding, detail }
    }

    /// The frames of a site to show, from the allocation outwards, and how many turns of a recursion they leave out.
    pub fn shown(&mut self, site: &Site) -> (Vec<FrameId>, u32) {
        let frames = visible(self.profile, site, self.detail.all_frames);
        if self.detail.all_stacks {
            return (frames, 0);
        }
        let wanted = self.wanted(site);
        let Functions { of_frames, functions, by_type, .. } = &self.functions;
        let recurring = |id: &FrameId| {
            let function = of_frames[0][id.0 as usize];
            let recurs = wanted(frame(self.profile, *id).role) && functions[function.0 as usize].is_named;
            recurs.then_some(by_type[0][id.0 as usize])
        };
        let mut folded = Vec::with_capacity(frames.len());
        let turns = self.folding.fold(frames.into_iter().rev(), recurring, |kept| {
            folded.extend(kept.iter().rev());
        });
        (folded, turns)
    }

    /// What makes the site of a stack that is shown by these frames.
    pub fn key(&self, site: &Site, shown: &[FrameId]) -> SiteKey {
        let wanted = self.wanted(site);
        let is_all = self.detail.all_frames || self.detail.all_stacks;
        let told = shown.iter().filter(|id| is_all || wanted(frame(self.profile, **id).role));
        told.map(|id| {
            let frame = frame(self.profile, *id);
            let function = self.functions.of_frames[0][id.0 as usize];
            // Of a function without a name, the address is all that is shown.
            let is_known = self.functions.functions[function.0 as usize].is_known;
            (function, if is_known { frame.line } else { Some(id.0) }, frame.column)
        })
        .collect()
    }

    /// Whose frames tell what a stack is.
    fn wanted(&self, site: &Site) -> fn(Role) -> bool {
        telling(|wanted| site.frames.iter().any(|id| wanted(frame(self.profile, *id).role)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Frame;

    /// A profile of functions of one file, by letter: upper-case ones are the standard library's.
    fn profile() -> Profile {
        let frame = |letter: char| Frame {
            function: format!("m::{letter}"),
            file: Some("/w/m/src/m.rs".to_owned()),
            line: Some(1),
            role: if letter.is_uppercase() { Role::Standard } else { Role::Program },
            ..Frame::default()
        };
        Profile { frames: ('A'..='z').map(frame).collect(), ..Profile::default() }
    }

    /// A stack as it is shown, the allocation first.
    fn shown(stack: &str, detail: Detail) -> (String, u32) {
        let profile = profile();
        let frames = stack.bytes().map(|letter| FrameId(u32::from(letter - b'A'))).collect();
        let site = Site { frames, ..Site::default() };
        let (frames, turns) = Stacks::of(&profile, detail).shown(&site);
        (frames.iter().map(|id| (id.0 as u8 + b'A') as char).collect(), turns)
    }

    #[test]
    fn recursion_is_folded_and_the_standard_library_folds_nothing() {
        let folded = |stack: &str| shown(stack, Detail::default());
        assert_eq!(folded("Vbabam"), ("Vbam".to_owned(), 1));
        assert_eq!(folded("VaaaFam"), ("Vam".to_owned(), 3));
        assert_eq!(folded("VbFaFm"), ("VbFaFm".to_owned(), 0), "F is glue");
        assert_eq!(folded("VFVF"), ("VF".to_owned(), 1), "there is nothing else to read");
        let all = Detail { all_stacks: true, ..Detail::default() };
        assert_eq!(shown("VaaaFam", all), ("VaaaFam".to_owned(), 0));
    }

    #[test]
    fn functions_without_names_are_no_recursion_and_each_is_its_own() {
        let frame = |address: u32| Frame {
            function: format!("{address:#x} in libfoo.so"),
            role: Role::Program,
            ..Frame::default()
        };
        let profile = Profile { frames: (0x10..0x14).map(frame).collect(), ..Profile::default() };
        let site =
            |frames: [u32; 3]| Site { frames: frames.into_iter().map(FrameId).collect(), ..Site::default() };
        let (one, other) = (site([0, 1, 2]), site([3, 1, 2]));
        let mut stacks = Stacks::of(&profile, Detail::default());
        let (shown, turns) = stacks.shown(&one);
        assert_eq!((&shown, turns), (&one.frames.to_vec(), 0));
        assert_ne!(stacks.key(&one, &shown), stacks.key(&other, &other.frames));
    }

    #[test]
    fn sites_are_what_the_program_called() {
        let profile = profile();
        let key = |stack: &str, detail| {
            let frames = stack.bytes().map(|letter| FrameId(u32::from(letter - b'A'))).collect();
            let site = Site { frames, ..Site::default() };
            let mut stacks = Stacks::of(&profile, detail);
            let (frames, _) = stacks.shown(&site);
            stacks.key(&site, &frames)
        };
        let plain = Detail::default();
        assert_eq!(
            key("VGbam", plain),
            key("Vbam", plain),
            "what the library did meanwhile is no other site"
        );
        assert_eq!(key("VbFabam", plain), key("Vbam", plain));
        assert_ne!(key("Vam", plain), key("Vbam", plain));
        let all = Detail { all_frames: true, all_stacks: false };
        assert_ne!(key("VGbam", all), key("Vbam", all));
    }
}

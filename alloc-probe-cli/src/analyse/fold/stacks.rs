//! Stacks as they are shown, and which of them are one site.
//!
//! A person calls one site what reads the same once recursion is folded, and the frames of the allocator, the runtime and
//! the standard library are set aside: the program's functions, each at the position of its innermost call.

use super::chains::{Chains, Link, Links, Place};
use super::turns::Folding;
use super::{Detail, frame, visible};
use crate::analyse::functions::{FunctionId, Functions};
use crate::profile::{FrameId, Profile, Role, Site};
use crate::source::roles::{TELLING, Test, telling};
use std::cell::RefCell;

/// Reads the stacks of a profile.
#[derive(Debug)]
pub struct Stacks<'a> {
    profile: &'a Profile,
    functions: Functions,
    folding: RefCell<Folding<FrameId>>,
    detail: Detail,
}

/// What tells frames apart: the function, and the line and column of the call in it; of one whose name is not known, its frame.
type Step = (FunctionId, Option<u32>, Option<u32>);

/// Which site a stack belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Read {
    /// A number that the stacks of one site have, and no others.
    pub number: u32,
    /// How many turns of a recursion were folded.
    pub turns: u32,
}

impl<'a> Stacks<'a> {
    /// Those of a profile, in so much detail.
    pub fn of(profile: &'a Profile, detail: Detail) -> Stacks<'a> {
        let functions = Functions::of(&[&profile.frames], true);
        let folding = RefCell::new(Folding::new(functions.types));
        Stacks { profile, functions, folding, detail }
    }

    /// The frames of a site to show, from the allocation outwards, and how many turns of a recursion they leave out.
    pub fn shown(&self, site: &Site) -> (Vec<FrameId>, u32) {
        let frames = visible(self.profile, site, self.detail.all_frames);
        if self.detail.all_stacks {
            return (frames, 0);
        }
        let tells = self.telling(site);
        let recurring = |id: &FrameId| tells(self.role(*id)).then(|| self.recurring(*id)).flatten();
        let mut folded = Vec::with_capacity(frames.len());
        let turns = self.folding.borrow_mut().fold(frames.into_iter().rev(), recurring, |kept| {
            folded.extend(kept.iter().rev());
        });
        (folded, turns)
    }

    /// Which site the stack of each of the profile's sites belongs to, in their order.
    pub fn read(&self) -> Vec<Read> {
        let sites = &self.profile.sites;
        let mut read = vec![Read::default(); sites.len()];
        let mut is_left = vec![true; sites.len()];
        // What is shown of stacks of the program's frames, or of the standard library's, are all of these. Without folding, what
        // the program called beside its own functions tells stacks apart too, and that is known of whole stacks alone.
        let by_rows = if self.detail.all_stacks { &[][..] } else { &TELLING[..2] };
        let mut numbers = 0;
        for (is_of, tells) in by_rows {
            let has_any = self.profile.stacks.rows_with(|frame| is_of(self.role(frame)));
            let of: Vec<usize> = (0..sites.len())
                .filter(|site| is_left[*site] && has_any[sites[*site].stack as usize])
                .collect();
            if of.is_empty() {
                continue;
            }
            let links = self.links(*tells);
            let mut chains = Chains::default();
            let rows = of.iter().map(|site| sites[*site].stack);
            let places = chains.read_rows(&self.profile.stacks, rows, &links);
            let same = links.have_twins().then(|| chains.join_twins());
            for site in of {
                let Place { call, turns, .. } = places[sites[site].stack as usize];
                let number = same.as_ref().map_or(call, |same| same[call as usize]);
                read[site] = Read { number: numbers + number, turns };
                is_left[site] = false;
            }
            numbers += chains.calls.len() as u32;
        }
        let mut chains = Chains::default();
        for site in (0..sites.len()).filter(|site| is_left[*site]) {
            let (frames, turns) = self.shown(&sites[site]);
            let tells = if self.is_all() { |_| true } else { self.telling(&sites[site]) };
            // What recurs is folded already, or is to be shown each time.
            let links = frames.iter().rev().filter(|frame| tells(self.role(**frame)));
            let steps = links.map(|frame| Link { step: self.step(*frame), function: None });
            let place = steps.fold(Place::default(), |at, link| chains.follow(at, link));
            read[site] = Read { number: numbers + place.call, turns };
        }
        read
    }

    /// What each frame is in chains.
    fn links(&self, tells: Test) -> Links<Step> {
        let link = |frame: FrameId| {
            let is_wanted = tells(self.role(frame));
            let function = if is_wanted { self.recurring(frame) } else { None };
            (is_wanted || self.detail.all_frames).then(|| Link { step: self.step(frame), function })
        };
        Links((0..self.profile.frames.len() as u32).map(|frame| link(FrameId(frame))).collect())
    }

    fn is_all(&self) -> bool {
        self.detail.all_frames || self.detail.all_stacks
    }

    fn role(&self, id: FrameId) -> Role {
        frame(self.profile, id).role
    }

    /// The number of a frame's function, by which it can be seen to recur.
    fn recurring(&self, FrameId(id): FrameId) -> Option<u32> {
        let Functions { of_frames, functions, by_type, .. } = &self.functions;
        let function = of_frames[0][id as usize];
        functions[function.0 as usize].is_named.then_some(by_type[0][id as usize])
    }

    fn step(&self, id: FrameId) -> Step {
        let frame = frame(self.profile, id);
        let function = self.functions.of_frames[0][id.0 as usize];
        // Of a function without a name, the address is all that is shown.
        let is_known = self.functions.functions[function.0 as usize].is_known;
        (function, if is_known { frame.line } else { Some(id.0) }, frame.column)
    }

    /// Whose frames tell what a stack is.
    fn telling(&self, site: &Site) -> Test {
        telling(self.profile.frames_of(site).map(|frame| self.role(frame)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Frame;

    /// A profile of functions of one file, by letter: upper-case ones are the standard library's. Each site has a stack.
    fn profile(stacks: &[&str]) -> Profile {
        let frame = |letter: char| Frame {
            function: format!("m::{letter}"),
            file: Some("/w/m/src/m.rs".to_owned()),
            line: Some(1),
            role: if letter.is_uppercase() { Role::Standard } else { Role::Program },
            ..Frame::default()
        };
        let mut profile = Profile { frames: ('A'..='z').map(frame).collect(), ..Profile::default() };
        for stack in stacks {
            let frames = stack.bytes().map(|letter| FrameId(u32::from(letter - b'A')));
            let stack = profile.stacks.add(frames);
            profile.sites.push(Site { stack, ..Site::default() });
        }
        profile
    }

    /// A stack as it is shown, the allocation first.
    fn shown(stack: &str, detail: Detail) -> (String, u32) {
        let profile = profile(&[stack]);
        let (frames, turns) = Stacks::of(&profile, detail).shown(&profile.sites[0]);
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
        let mut profile = Profile { frames: (0x10..0x14).map(frame).collect(), ..Profile::default() };
        for stack in [[0, 1, 2], [3, 1, 2]] {
            let stack = profile.stacks.add(stack.map(FrameId));
            profile.sites.push(Site { stack, ..Site::default() });
        }
        let stacks = Stacks::of(&profile, Detail::default());
        assert_eq!(stacks.shown(&profile.sites[0]), ([0, 1, 2].map(FrameId).to_vec(), 0));
        let read = stacks.read();
        assert_ne!(read[0].number, read[1].number);
    }

    #[test]
    fn sites_are_what_the_program_called() {
        let are_one = |one: &str, other: &str, detail| {
            let profile = profile(&[one, other]);
            let read = Stacks::of(&profile, detail).read();
            read[0].number == read[1].number
        };
        let plain = Detail::default();
        assert!(are_one("VGbam", "Vbam", plain), "what the library did meanwhile is no other site");
        assert!(are_one("VbFabam", "Vbam", plain));
        assert!(!are_one("Vam", "Vbam", plain));
        assert!(!are_one("VG", "V", plain), "there is nothing else to read");
        let all = Detail { all_frames: true, all_stacks: false };
        assert!(!are_one("VGbam", "Vbam", all));
        let each = Detail { all_frames: false, all_stacks: true };
        assert!(!are_one("Vbabam", "Vbam", each));
        assert!(are_one("Vbabam", "Vbabam", each));
    }
}

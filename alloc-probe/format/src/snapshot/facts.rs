//! The log of facts: what the process is, how it was built, its images.

use crate::dump::{Build, Image};
use crate::spool::{Section, Spool, fact};
use std::sync::atomic::Ordering::Relaxed;

/// The records of [`Section::FACTS`].
#[derive(Default)]
pub(super) struct Facts {
    pub(super) executable: String,
    pub(super) command: Vec<String>,
    pub(super) build: Build,
    pub(super) images: Vec<Image>,
    pub(super) notes: Vec<String>,
}

impl Facts {
    pub(super) fn read(spool: &impl Spool) -> Facts {
        let mut facts = Facts::default();
        let words = spool.words(Section::FACTS);
        let mut rest = &words[..words.len().min(spool.count(Section::FACTS) as usize)];
        while let [head, after @ ..] = rest {
            let head = head.load(Relaxed);
            let (tag, length) = (head >> 32, (head & 0xffff_ffff) as usize);
            let Some(payload) = after.get(..length.div_ceil(8)) else { break };
            let mut bytes: Vec<u8> =
                payload.iter().flat_map(|word| word.load(Relaxed).to_le_bytes()).collect();
            bytes.truncate(length);
            facts.add(tag, &bytes);
            rest = &after[payload.len()..];
        }
        facts
    }

    fn add(&mut self, tag: u64, bytes: &[u8]) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match tag {
            fact::EXECUTABLE => self.executable = text(bytes),
            fact::ARGUMENT => self.command.push(text(bytes)),
            fact::BUILD => self.add_build(&text(bytes)),
            fact::IMAGE => self.images.extend(image(bytes)),
            fact::NOTE => self.notes.push(text(bytes)),
            _ => {}
        }
    }

    fn add_build(&mut self, fact: &str) {
        let Some((name, value)) = fact.split_once('=') else { return };
        let build = &mut self.build;
        let field = match name {
            "crate_name" => &mut build.crate_name,
            "crate_version" => &mut build.crate_version,
            "opt_level" => &mut build.opt_level,
            "panic" => &mut build.panic,
            "rustc" => &mut build.rustc,
            "target" => &mut build.target,
            "allocator" => &mut build.allocator,
            "alloc_probe" => &mut build.alloc_probe,
            "debug_assertions" => {
                build.debug_assertions = value == "true";
                return;
            }
            _ => return,
        };
        value.clone_into(field);
    }
}

fn image(bytes: &[u8]) -> Option<Image> {
    let word = |index: usize| Some(u64::from_le_bytes(bytes.get(index * 8..index * 8 + 8)?.try_into().ok()?));
    let (load_address, size, id_length) = (word(0)?, word(1)?, word(2)? as usize);
    let rest = bytes.get(24..)?;
    let (id, path) = (rest.get(..id_length)?, rest.get(id_length..)?);
    let build_id = id.iter().map(|byte| format!("{byte:02x}")).collect();
    Some(Image { path: String::from_utf8_lossy(path).into_owned(), build_id, load_address, size })
}

//! The log of facts: what the process is, how it was built, its images.

use crate::cgroup::Noted;
use crate::dump::{Build, Image};
use crate::spool::{Section, Spool, fact};
use std::sync::atomic::Ordering::Relaxed;

/// The records of [`Section::FACTS`].
#[derive(Default)]
pub(crate) struct Facts {
    pub(super) executable: String,
    pub(super) command: Vec<String>,
    pub(crate) build: Build,
    pub(super) images: Vec<Image>,
    /// The numbers of the images, ascending.
    pub(super) image_numbers: Vec<u64>,
    pub(super) notes: Vec<String>,
    pub(crate) cgroup: Option<Noted>,
}

impl Facts {
    pub(crate) fn read(spool: &impl Spool) -> Facts {
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
            fact::IMAGE => self.add_image(bytes),
            fact::TEXT => self.add_text(bytes),
            fact::CGROUP => self.cgroup = Noted::parse(&text(bytes)),
            fact::NOTE => self.notes.push(text(bytes)),
            _ => {}
        }
    }

    /// Those of a damaged file whose numbers don't ascend are left out.
    fn add_image(&mut self, bytes: &[u8]) {
        let Some((number, image)) = image(bytes) else { return };
        if self.image_numbers.last().is_none_or(|&last| last < number) {
            self.image_numbers.push(number);
            self.images.push(image);
        }
    }

    /// The hash of an image's text.
    fn add_text(&mut self, bytes: &[u8]) {
        let Some((number, hash)) = bytes.split_first_chunk::<8>() else { return };
        if let Ok(index) = self.image_numbers.binary_search(&u64::from_le_bytes(*number)) {
            self.images[index].text_hash = hexadecimal(hash);
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

fn image(bytes: &[u8]) -> Option<(u64, Image)> {
    let word = |index: usize| Some(u64::from_le_bytes(bytes.get(index * 8..index * 8 + 8)?.try_into().ok()?));
    let (number, load_address, size, id_length) = (word(0)?, word(1)?, word(2)?, word(3)? as usize);
    let rest = bytes.get(32..)?;
    let (id, path) = (rest.get(..id_length)?, rest.get(id_length..)?);
    let (path, build_id) = (String::from_utf8_lossy(path).into_owned(), hexadecimal(id));
    Some((number, Image { path, build_id, load_address, size, ..Image::default() }))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

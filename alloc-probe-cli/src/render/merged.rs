//! Which of the sites shown may be another function's, as several have the same code.

use crate::analyse::fold;
use crate::analyse::sites::ShownSite;
use crate::profile::{Frame, Profile};
use crate::render::sentence;
use crate::source::names::short_name;
use crate::units::count;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// So many functions are named.
const NAMED: usize = 3;

/// Writes which functions the sites are named by have the code of others as well; nothing where none has.
///
/// # Errors
///
/// Those of `out`.
pub fn write<'s>(
    profile: &Profile,
    sites: impl Iterator<Item = ShownSite<'s>>,
    width: usize,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut merged: BTreeMap<String, &[String]> = BTreeMap::new();
    for site in sites {
        let frames: Vec<&Frame> = site.frames().iter().map(|id| fold::frame(profile, *id)).collect();
        // Of an inlined function, the debug info knows the name.
        let headline = fold::headline(&frames).map(|headline| frames[headline]);
        let Some(Frame { function, .. }) = headline.filter(|frame| !frame.inlined) else { continue };
        if let Some(others) = profile.merged.get(function) {
            merged.insert(short_name(function), others);
        }
    }
    if merged.is_empty() {
        return Ok(());
    }
    let named = merged.iter().take(NAMED).map(|(function, others)| match others {
        [only] => format!("`{function}` or `{}`", short_name(only)),
        _ => format!("`{function}` or one of {} others", count(others.len() as u64)),
    });
    let mut text = named.collect::<Vec<_>>().join(", ");
    if merged.len() > NAMED {
        text += &format!(", and {} more", count((merged.len() - NAMED) as u64));
    }
    let sentence = format!("Functions with the same code have one address: it may be {text}.");
    writeln!(out)?;
    sentence::write("", &sentence, width, out)
}

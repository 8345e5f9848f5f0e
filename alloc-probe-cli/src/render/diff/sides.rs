//! Which runs are compared.

use super::view::View;
use crate::profile::Profile;
use crate::term::{style, text};
use alloc_probe_format::dump::Mode;
use std::io::{self, Write};

/// Which runs are compared.
pub(super) fn sides(view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let View { base, new, options, .. } = *view;
    let width = options.width;
    let (base_facts, new_facts) = (facts(base, new), facts(new, base));
    let names = file_names(base, new);
    let widest = names.iter().map(|name| text::width(name)).max().unwrap_or(0).min(width / 3);
    let (faint, strong) = (style::FAINT, style::STRONG);
    for (side, name, facts) in [("base", &names[0], base_facts), ("new", &names[1], new_facts)] {
        let name = text::cut_start(name, widest);
        let padding = widest - text::width(&name);
        let facts = text::cut_end(&facts, width.saturating_sub(10 + widest));
        writeln!(out, "  {faint}{side:<6}{faint:#}{strong}{name}{strong:#}{:padding$}  {facts}", "")?;
    }
    Ok(())
}

/// The files, without a directory that they share.
pub(in crate::render) fn file_names(base: &Profile, new: &Profile) -> [String; 2] {
    let beside = base.path.parent() == new.path.parent() && base.path != new.path;
    [base, new].map(|profile| match profile.path.file_name() {
        Some(name) if beside => name.to_string_lossy().into_owned(),
        _ => profile.path.display().to_string(),
    })
}

/// What is known of a run and can differ: the program, how it was built, how it was recorded. The allocator, where it does.
pub(super) fn facts(profile: &Profile, other: &Profile) -> String {
    let build = &profile.dump.build;
    let mut facts = Vec::new();
    if !build.crate_name.is_empty() {
        facts.push(format!("{} {}", build.crate_name, build.crate_version));
    }
    if !build.opt_level.is_empty() {
        let assertions = if build.debug_assertions { " with debug assertions" } else { "" };
        facts.push(format!("opt-level {}{assertions}", build.opt_level));
    }
    if build.allocator != other.dump.build.allocator && !build.allocator.is_empty() {
        facts.push(format!("allocator {}", build.allocator));
    }
    match profile.dump.mode {
        Mode::Full => {}
        Mode::Off => facts.push("nothing recorded".to_owned()),
        Mode::Count => facts.push("counts only".to_owned()),
        Mode::Sample => facts.push("sampled: estimates".to_owned()),
    }
    facts.join(", ")
}

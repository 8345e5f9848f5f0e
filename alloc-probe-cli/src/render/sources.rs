//! Where symbols were looked for, and what was there: `symbolize -v`.

use crate::symbolicate::resolve::Searched;
use crate::term::style;
use crate::term::text::printable;
use crate::units::count;
use std::io::{self, Write};

/// Writes one paragraph for each image.
///
/// # Errors
///
/// Those of `out`.
pub fn write(searched: &[Searched], out: &mut dyn Write) -> io::Result<()> {
    let strong = style::STRONG;
    for one in searched {
        let image = one.image.display().to_string();
        let build_id = match one.build_id.as_str() {
            "" => "no build id".to_owned(),
            build_id => format!("build id {build_id}"),
        };
        writeln!(out, "{strong}{}{strong:#} ({build_id})", printable(&image))?;
        for tried in &one.tried {
            writeln!(out, "  {}: {}", printable(&tried.place), printable(&tried.outcome))?;
        }
        writeln!(
            out,
            "  {} of {} addresses named, {} with lines",
            count(one.named as u64),
            count(one.addresses as u64),
            count(one.with_lines as u64)
        )?;
    }
    Ok(())
}

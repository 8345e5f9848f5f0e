//! The answer in two lines, for whoever looks at something else.

use crate::analyse::explain::Explanation;
use crate::render::sentence;
use crate::term::{style, text};
use std::io::{self, Write};

/// Findings that are named.
const NAMED: usize = 2;

/// Writes the answer, and the largest findings in short; an empty line follows.
///
/// # Errors
///
/// Those of `out`.
pub fn write(explanation: &Explanation, width: usize, out: &mut dyn Write) -> io::Result<()> {
    let (strong, faint) = (style::STRONG, style::FAINT);
    let whole = explanation.headline.memory.as_str();
    sentence::write("", whole, width, out)?;
    let named: Vec<String> = (explanation.findings.iter().take(NAMED))
        .map(|finding| format!("{}: {}", finding.kind.title().to_lowercase(), finding.short))
        .collect();
    if !named.is_empty() {
        let line = text::cut_end(&named.join("; "), width.saturating_sub(2));
        writeln!(out, "{strong}→{strong:#} {line}")?;
        writeln!(out, "{faint}`alloc-probe explain` says why{faint:#}")?;
    }
    writeln!(out)
}

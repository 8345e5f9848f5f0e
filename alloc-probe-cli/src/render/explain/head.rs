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
        let lines = sentence::wrapped(&text::printable(&named.join("; ")), width.saturating_sub(2));
        for (index, line) in lines.iter().enumerate() {
            let mark = if index == 0 { "→" } else { " " };
            writeln!(out, "{strong}{mark}{strong:#} {line}")?;
        }
        writeln!(out, "{faint}`alloc-probe explain` says why{faint:#}")?;
    }
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyse::explain::finding::{Finding, Kind};
    use crate::analyse::explain::headline::Headline;

    #[test]
    fn findings_are_named_to_their_last_word() {
        let finding = |kind, short: &str| Finding {
            kind,
            bytes: 1,
            short: short.to_owned(),
            sentence: String::new(),
            evidence: Vec::new(),
            sites: Vec::new(),
            advice: String::new(),
        };
        let explanation = Explanation {
            headline: Headline { memory: "5.0 MiB are resident.".to_owned(), ..Headline::default() },
            account: None,
            seen: Vec::new(),
            findings: vec![
                finding(Kind::Retained, "4.6 MiB that glibc 2.36 keeps"),
                finding(Kind::TemporaryWork, "113,598 temporary blocks"),
            ],
        };
        let mut out = Vec::new();
        write(&explanation, 50, &mut anstream::StripStream::new(&mut out as &mut dyn Write)).unwrap();
        let named = "→ retained, not used: 4.6 MiB that glibc 2.36\n  keeps; temporary work: 113,598 temporary blocks\n";
        let out = String::from_utf8(out).unwrap();
        assert!(out.contains(named), "{out}");
    }
}

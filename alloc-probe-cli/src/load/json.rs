//! The JSON of a dump, and what a file is that is none.

use super::{Refusal, dhat};
use alloc_probe_format::dump::{Dump, FORMAT, VERSION};
use serde::Deserialize;
use serde_json::Value;
use serde_json::error::Category;

/// What tells dumps, newer dumps and other tools' files apart. The rest of the file is passed over.
#[derive(Deserialize)]
struct Head {
    format: Option<Value>,
    version: Option<Value>,
    #[serde(rename = "dhatFileVersion")]
    dhat_file_version: Option<Value>,
}

/// Parses a dump of a version that this tool reads.
pub(super) fn parse(text: &[u8]) -> Result<Dump, Refusal> {
    match serde_json::from_slice::<Dump>(text) {
        Ok(dump) if dump.format == FORMAT && dump.version <= VERSION => Ok(dump),
        // Another file may fail for many reasons, of which only what it is helps: so that is looked for first.
        Ok(_) => other_file(text).unwrap_or_else(|| Err(Refusal::new(NOT_A_DUMP))),
        Err(error) => other_file(text).unwrap_or_else(|| Err(damage(text, &error))),
    }
}

const NOT_A_DUMP: &str = "it is not a dump of alloc-probe";

/// What a sound JSON file is, if it is no dump of this version: a DHAT file is read, others are refused.
fn other_file(text: &[u8]) -> Option<Result<Dump, Refusal>> {
    let head = match serde_json::from_slice::<Head>(text) {
        Ok(head) => head,
        // Sound JSON, but no object.
        Err(error) if error.is_data() => return Some(Err(Refusal::new(NOT_A_DUMP))),
        // What came before the fault may not have been what a dump has there.
        Err(error) => return Some(Err(damage(text, &error))),
    };
    if head.format.as_ref().and_then(Value::as_str) == Some(FORMAT) {
        let version = head.version.as_ref().and_then(Value::as_u64)?;
        return (version > u64::from(VERSION)).then(|| {
            let reason =
                format_args!("it is a dump of version {version}, and this tool reads up to {VERSION}");
            Err(Refusal::new(reason).with_hint("update alloc-probe-cli"))
        });
    }
    Some(match head.dhat_file_version {
        Some(version) if version == 2 => dhat::parse(text),
        Some(version) => Err(Refusal::new(format_args!(
            "it is a DHAT file of version {version}, and this tool reads version 2"
        ))),
        None => Err(Refusal::new(NOT_A_DUMP)),
    })
}

/// What is wrong with a file that could have been a dump.
pub(super) fn damage(text: &[u8], error: &serde_json::Error) -> Refusal {
    let starts_an_object = text.trim_ascii_start().starts_with(b"{");
    match error.classify() {
        _ if !starts_an_object => Refusal::new(NOT_A_DUMP),
        Category::Eof => Refusal::new(format_args!(
            "the file is truncated: it ends in the middle of a dump, after {}",
            crate::term::units::bytes(text.len() as u64)
        )),
        Category::Data | Category::Syntax | Category::Io => {
            Refusal::new(format_args!("the file is damaged: {error}"))
        }
    }
}

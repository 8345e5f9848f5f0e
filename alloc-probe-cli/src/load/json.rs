//! The JSON of a dump, and what a file is that is none.

use super::dhat;
use super::refusal::{NOT_A_DUMP, Refusal, damage};
use alloc_probe_format::dump::{Dump, FORMAT, VERSION};
use serde::Deserialize;
use serde_json::Value;

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

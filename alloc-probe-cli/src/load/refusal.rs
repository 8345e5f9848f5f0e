//! Why a file is refused.

use crate::error::Error;
use crate::units;
use serde_json::error::Category;
use std::fmt;
use std::path::Path;

/// Said of files that are sound, but something else.
pub(super) const NOT_A_DUMP: &str = "it is not a dump of alloc-probe";

/// Why bytes are no sound dump.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) reason: String,
    pub(super) hint: Option<&'static str>,
}

impl Refusal {
    pub(super) fn new(reason: impl fmt::Display) -> Refusal {
        Refusal { reason: reason.to_string(), hint: None }
    }

    pub(super) fn with_hint(self, hint: &'static str) -> Refusal {
        Refusal { hint: Some(hint), ..self }
    }

    pub(super) fn of(self, path: &Path) -> Error {
        let error = Error::read(path, self.reason);
        match self.hint {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    }
}

/// What is wrong with a file that could have been a dump.
pub(super) fn damage(text: &[u8], error: &serde_json::Error) -> Refusal {
    let starts_an_object = text.trim_ascii_start().starts_with(b"{");
    match error.classify() {
        _ if !starts_an_object => Refusal::new(NOT_A_DUMP),
        Category::Eof => Refusal::new(format_args!(
            "the file is truncated: it ends in the middle of a dump, after {}",
            units::bytes(text.len() as u64)
        )),
        Category::Data | Category::Syntax | Category::Io => {
            Refusal::new(format_args!("the file is damaged: {error}"))
        }
    }
}

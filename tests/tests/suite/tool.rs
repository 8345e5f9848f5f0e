//! Running the built `alloc-probe`.

use once_cell::sync::OnceCell;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The command line, with nothing of the environment that could change what it prints. Symbols that one test looked up, the
/// others find; nothing is there from an earlier run, when the code may have been another.
pub(crate) fn alloc_probe() -> Command {
    static CACHE: OnceCell<PathBuf> = OnceCell::new();
    let cache = CACHE.get_or_init(|| {
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("symbols-of-suite");
        let _ = std::fs::remove_dir_all(&cache);
        cache
    });
    let mut command = Command::new(env!("CARGO_BIN_EXE_command_line"));
    command.env_clear().env("XDG_CACHE_HOME", cache);
    command
}

/// Runs a command that has to succeed, and returns what it prints.
pub(crate) fn printed(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().expect("it runs");
    let messages = String::from_utf8_lossy(&stderr);
    assert!(status.success() && !messages.contains("warning"), "{command:?}: {status}\n{messages}");
    String::from_utf8(stdout).expect("text")
}

/// The same, where it prints JSON.
pub(crate) fn json(command: &mut Command) -> Value {
    serde_json::from_str(&printed(command)).expect("JSON")
}

/// The frames of a stack, which is numbers of the table that the whole JSON has.
pub(crate) fn frames<'a>(json: &'a Value, of: &'a Value) -> impl Iterator<Item = &'a Value> {
    let numbers = of["stack"].as_array().into_iter().flatten();
    numbers.map(|number| &json["frames"][number.as_u64().expect("a number") as usize])
}

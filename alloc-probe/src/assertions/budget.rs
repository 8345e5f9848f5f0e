//! `assert_budget!`: a usage held against what a file says of it, or written there.

use super::budget_file::{Budget, BudgetFile, Key};
use super::message;
use super::origin::shown;
use crate::api::scope::Scope;
use crate::shared::statement::{Figure, Origin};
use crate::shared::usage::Usage;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::fd::AsRawFd;
use std::path::Path;

/// The file's name, beside `Cargo.toml`.
const FILE: &str = "alloc-budgets.toml";

/// The figures that a budget holds. The blocks are exact; the bytes have a tolerance.
const FIGURES: [(&str, Figure); 7] = [
    ("allocations", Figure::allocations),
    ("reallocs", Figure::reallocs),
    ("total_bytes", Figure::total_bytes),
    ("peak_bytes", Figure::peak_bytes),
    ("peak_blocks", Figure::peak_blocks),
    ("live_bytes", Figure::live_bytes),
    ("live_blocks", Figure::live_blocks),
];

/// Holds what a scope measured against the budget of a name, or writes it, where that is asked for.
pub(super) fn check(scope: &Scope, origin: &Origin, name: &str) -> Result<(), String> {
    let usage = scope.usage();
    if usage.lost != 0 {
        return Err(format!("memory budget `{name}`: {}", message::incomplete(&usage)));
    }
    let path = origin.package().unwrap_or_default().join(FILE);
    let key = Key { name: name.to_owned(), profile: if origin.debug { "debug" } else { "release" } };
    let in_file = |error: io::Error| format!("memory budget `{name}`: `{}`: {error}", shown(&path, origin));
    if std::env::var_os("ALLOC_PROBE_BLESS").is_some_and(|value| !value.is_empty() && value != "0") {
        return bless(&path, key, &usage).map_err(in_file);
    }
    let budgets = match std::fs::read_to_string(&path) {
        Ok(text) => BudgetFile::parse(&text).map_err(|error| in_file(io::Error::other(error)))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => BudgetFile::default(),
        Err(error) => return Err(in_file(error)),
    };
    let Some(budget) = budgets.get(&key) else {
        return Err(format!(
            "no memory budget `{name}` for {} builds in `{}`\n   measured: {usage}\nto add it: ALLOC_PROBE_BLESS=1 \
             cargo test {}\n",
            key.profile,
            shown(&path, origin),
            origin.test(),
        ));
    };
    let off = differences(budget, &usage, budgets.tolerance_of(budget))?;
    let Some((figure, _)) = off.first() else { return Ok(()) };
    let mut text =
        format!("memory budget `{name}` for {} builds is not met ({})\n", key.profile, shown(&path, origin));
    off.iter().for_each(|(_, line)| text += line);
    text += &message::explanation(scope, origin, *figure);
    let _ = writeln!(text, "to accept it: ALLOC_PROBE_BLESS=1 cargo test {}", origin.test());
    Err(text)
}

/// What is not as the budget says: each figure with a line of text.
fn differences(budget: &Budget, usage: &Usage, tolerance: f64) -> Result<Vec<(Figure, String)>, String> {
    let mut off = Vec::new();
    for (name, figure) in FIGURES {
        let Some(&budgeted) = budget.figures.get(name) else { continue };
        let measured = figure.of(usage);
        let apart = measured.abs_diff(budgeted);
        let allowed = if figure.is_bytes() { budgeted as f64 * tolerance / 100.0 } else { 0.0 };
        if apart as f64 <= allowed {
            continue;
        }
        let within = if allowed > 0.0 { format!(" ±{tolerance} %") } else { String::new() };
        let sign = if measured > budgeted { '+' } else { '-' };
        off.push((figure, format!("   {name}: {measured}, budget {budgeted}{within} ({sign}{apart})\n")));
    }
    let unknown = budget.figures.keys().find(|&name| FIGURES.iter().all(|(known, _)| known != name));
    match unknown {
        Some(name) => Err(format!("a memory budget has `{name}`, which is none of its figures\n")),
        None => Ok(off),
    }
}

/// Writes what was measured as the budget of a name, whoever else is at it.
fn bless(path: &Path, key: Key, usage: &Usage) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
    lock(&file)?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    let mut budgets = BudgetFile::parse(&text).map_err(io::Error::other)?;
    let figures = FIGURES.map(|(name, figure)| (name.to_owned(), figure.of(usage)));
    budgets.set(key, figures.into_iter().collect());
    let new = budgets.to_string();
    if new != text {
        file.rewind()?;
        file.set_len(0)?;
        file.write_all(new.as_bytes())?;
    }
    Ok(())
}

/// Waits until nobody else has the file locked. It is unlocked when it is closed.
fn lock(file: &File) -> io::Result<()> {
    loop {
        // SAFETY: the descriptor is that of an open file, and the call touches no memory.
        if unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX) } == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

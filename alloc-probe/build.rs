//! Hands the facts that only a build script is told to the crate, which puts them into every dump.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    for (name, variable) in [("OPT_LEVEL", "ALLOC_PROBE_OPT_LEVEL"), ("TARGET", "ALLOC_PROBE_TARGET")] {
        println!("cargo::rustc-env={variable}={}", env::var(name).unwrap_or_default());
    }
    println!("cargo::rustc-env=ALLOC_PROBE_RUSTC={}", rustc_version().unwrap_or_default());
}

/// What `rustc --version` prints, for the compiler of this build.
fn rustc_version() -> Option<String> {
    let output = Command::new(env::var_os("RUSTC")?).arg("--version").output().ok()?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}

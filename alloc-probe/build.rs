//! Hands the facts that only a build script is told to the crate, which puts them into every dump, and decides which
//! unwinder the crate gets.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    for (name, variable) in [("OPT_LEVEL", "ALLOC_PROBE_OPT_LEVEL"), ("TARGET", "ALLOC_PROBE_TARGET")] {
        println!("cargo::rustc-env={variable}={}", env::var(name).unwrap_or_default());
    }
    println!("cargo::rustc-env=ALLOC_PROBE_RUSTC={}", rustc_version().unwrap_or_default());
    println!("cargo::rustc-check-cfg=cfg(native_unwinder)");
    println!("cargo::rustc-check-cfg=cfg(portable)");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("linux")
        || env::var_os("CARGO_CFG_ALLOC_PROBE_PORTABLE").is_some()
    {
        // `Cargo.toml` has the same condition for what everything else needs.
        println!("cargo::rustc-cfg=portable");
        return;
    }
    if has_native_unwinder() {
        println!("cargo::rustc-cfg=native_unwinder");
    }
}

/// Whether stacks are taken by the crate's own unwinder. `Cargo.toml` has the same condition for what that needs.
fn has_native_unwinder() -> bool {
    let target = |what: &str| env::var(format!("CARGO_CFG_TARGET_{what}")).unwrap_or_default();
    let supported = target("OS") == "linux"
        && target("POINTER_WIDTH") == "64"
        && matches!(target("ARCH").as_str(), "x86_64" | "aarch64");
    supported && env::var_os("CARGO_FEATURE_PORTABLE_UNWINDER").is_none()
}

/// What `rustc --version` prints, for the compiler of this build.
fn rustc_version() -> Option<String> {
    let output = Command::new(env::var_os("RUSTC")?).arg("--version").output().ok()?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}

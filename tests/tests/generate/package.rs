//! Generated programs as a package: some of them in each binary, as that takes less time to build than one binary each.

use super::print::print;
use super::program::Program;
use std::fs;
use std::path::Path;

/// Writes a package with programs, each with the name of its modules. Its binaries have so many programs each, and take a
/// program's name for an argument. Returns the name of each program's binary.
pub(crate) fn write(folder: &Path, programs: &[(String, Program)], in_each: usize) -> Vec<String> {
    // What is as it was isn't written: cargo goes by the time of a file.
    let write = |path: &str, text: &str| {
        let path = folder.join(path);
        if fs::read_to_string(&path).ok().as_deref() != Some(text) {
            fs::create_dir_all(path.parent().expect("it is in the folder")).expect("a folder is made");
            fs::write(path, text).expect("a file is written");
        }
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = root.parent().expect("the package lies in the repository").display();
    write(
        "Cargo.toml",
        &format!(
            "[package]\nname = \"generated\"\nversion = \"0.0.0\"\nedition = \"2024\"\npublish = false\n\n\
             [dependencies]\nalloc-probe = {{ path = \"{root}/alloc-probe\" }}\n\
             alloc-probe-programs = {{ path = \"{root}/tests/programs\", features = [\"truth\"] }}\n\
             parts = {{ path = \"parts\" }}\n\n[workspace]\nmembers = [\"parts\"]\n"
        ),
    );
    write("parts/Cargo.toml", "[package]\nname = \"parts\"\nversion = \"0.0.0\"\nedition = \"2024\"\n");
    // The versions that the repository is tested with.
    let lock = folder.join("Cargo.lock");
    if !lock.exists() {
        fs::copy(format!("{root}/Cargo.lock"), lock).expect("the lock file is copied");
    }
    let mut parts = include_str!("parts.rs").to_owned();
    let mut binaries = Vec::new();
    for (number, group) in programs.chunks(in_each.max(1)).enumerate() {
        let binary = format!("g{number}");
        let (mut modules, mut arms) = (String::new(), String::new());
        for (name, program) in group {
            let printed = print(program, name);
            write(&format!("src/bin/{binary}/{name}.rs"), &printed.above);
            write(&format!("parts/src/{name}.rs"), &printed.below);
            modules += &format!("mod {name};\n");
            arms += &format!("        \"{name}\" => {name}::run(),\n");
            parts += &format!("pub mod {name};\n");
            binaries.push(binary.clone());
        }
        write(
            &format!("src/bin/{binary}/main.rs"),
            &format!(
                "#![allow(warnings)]\n{modules}\nuse alloc_probe::AllocProbe;\nuse alloc_probe_programs::Logged;\n\n\
                 #[global_allocator]\nstatic ALLOC: AllocProbe<Logged> = AllocProbe::new(Logged);\n\n\
                 fn main() {{\n    std::panic::set_hook(Box::new(|_| {{}}));\n    \
                 let program = std::env::args().nth(1).unwrap_or_default();\n    \
                 println!(\"{{}}\", match program.as_str() {{\n{arms}        _ => panic!(\"no such program\"),\n    }});\n}}\n"
            ),
        );
    }
    write("parts/src/lib.rs", &parts);
    binaries
}

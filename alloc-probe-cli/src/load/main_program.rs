//! Which program a dump is of, where the system gave another name for it.
//!
//! A program that is started by the dynamic linker, as `ld-linux-x86-64.so.2 PROGRAM`, has the linker as its executable,
//! and the first image, which is always the program's own, the linker's path. One whose file is gone has ` (deleted)`
//! behind its path.

use alloc_probe_format::dump::Dump;

/// What the system puts behind the path of a file that is gone.
const DELETED: &str = " (deleted)";

/// How the file of a dynamic linker is called.
const LINKERS: [&str; 3] = ["ld-linux", "ld-musl", "ld.so"];

/// Options of the dynamic linker that take a value.
const WITH_VALUE: [&str; 7] = [
    "--library-path",
    "--inhibit-rpath",
    "--audit",
    "--preload",
    "--argv0",
    "--glibc-hwcaps-prepend",
    "--glibc-hwcaps-mask",
];

/// Puts the program's own path in the place of what stands for it.
pub(super) fn name(dump: &mut Dump) {
    let given = dump.process.executable.clone();
    let path = match started_by_linker(dump) {
        Some(program) => program,
        None => given.strip_suffix(DELETED).unwrap_or(&given).to_owned(),
    };
    if path == given {
        return;
    }
    if let Some(image) = dump.images.first_mut().filter(|image| image.path == given) {
        image.path.clone_from(&path);
    }
    dump.process.executable = path;
}

/// The program that the dynamic linker was told to run; none where it did not run one.
fn started_by_linker(dump: &Dump) -> Option<String> {
    let executable = dump.process.executable.rsplit('/').next()?;
    if !LINKERS.iter().any(|linker| executable.starts_with(linker)) {
        return None;
    }
    let mut arguments = dump.process.command.iter().skip(1);
    while let Some(argument) = arguments.next() {
        if !argument.starts_with("--") {
            return Some(argument.clone());
        }
        if WITH_VALUE.contains(&argument.as_str()) {
            arguments.next();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc_probe_format::dump::{Image, Process};

    /// The program's name and the paths of two images, of which the first is the program's own.
    fn named(executable: &str, command: &[&str]) -> (String, Vec<String>) {
        let image = |path: &str| Image { path: path.to_owned(), ..Image::default() };
        let process = Process {
            executable: executable.to_owned(),
            command: command.iter().map(|word| (*word).to_owned()).collect(),
            ..Process::default()
        };
        let images = vec![image(executable), image(LINKER)];
        let mut dump = Dump { process, images, ..Dump::default() };
        name(&mut dump);
        (dump.process.executable, dump.images.into_iter().map(|image| image.path).collect())
    }

    const LINKER: &str = "/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2";

    #[test]
    fn a_program_is_named_and_not_what_started_it() {
        let (program, linker) = ("/srv/bin/orders", LINKER.to_owned());
        for (executable, command) in [
            (program, &[program, "--port"][..]),
            ("/srv/bin/orders (deleted)", &[program]),
            (LINKER, &["/lib64/ld-linux-x86-64.so.2", program, "--port", "8080"]),
            (LINKER, &["ld.so", "--library-path", "/opt/lib", "--inhibit-cache", program]),
        ] {
            let expected = (program.to_owned(), vec![program.to_owned(), linker.clone()]);
            assert_eq!(named(executable, command), expected, "{executable} {command:?}");
        }
    }

    #[test]
    fn what_is_not_known_stays() {
        assert_eq!(named(LINKER, &["ld.so"]).0, LINKER);
        assert_eq!(named("/memfd:orders (deleted)", &["orders"]).0, "/memfd:orders");
        assert_eq!(named("", &[]).0, "");
    }
}

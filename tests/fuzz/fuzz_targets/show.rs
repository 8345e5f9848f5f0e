//! A file through whole commands: what is sound is also shown, drawn and compared.
#![no_main]

use alloc_probe_cli::term::Terminal;
use std::ffi::OsStr;
use std::io::Write;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(bytes).expect("it is written");
    let path = file.path().as_os_str();
    let picture = tempfile::NamedTempFile::new().expect("a file");
    for arguments in [
        &["show".as_ref(), path][..],
        &["show".as_ref(), path, "--json".as_ref(), "--by".as_ref(), "total-bytes".as_ref()],
        &["flamegraph".as_ref(), path, "-o".as_ref(), picture.path().as_os_str()],
        &["diff".as_ref(), path, path],
    ] {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let arguments = [OsStr::new("alloc-probe")].into_iter().chain(arguments.iter().copied());
        let arguments = arguments.map(OsStr::to_owned);
        let status = alloc_probe_cli::run(arguments, &mut Terminal::plain(&mut out, &mut err, 80));
        assert!(status == 0 || status == 2);
    }
});

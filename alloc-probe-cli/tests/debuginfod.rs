//! Debug info from a server: one on this machine, which knows one build.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use alloc_probe_format::dump::*;
use object::{Object, ObjectSymbol};
use parking_lot::Mutex;

const SOURCE: &str = "\
__attribute__((noinline)) int price(int n) { int sum = 0; while (n) sum += n-- * n; return sum; }
int main(int count, char **arguments) { return price(count); }
";

/// A server that has one file and tells what it was asked for.
struct Server {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(path: String, file: Vec<u8>) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        // It serves until the test's process ends.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                answer(stream.unwrap(), &path, &file, &log);
            }
        });
        Server { url, asked }
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock())
    }
}

fn answer(mut stream: TcpStream, path: &str, file: &[u8], log: &Mutex<Vec<String>>) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let request = lines.next().unwrap().unwrap();
    while lines.next().is_some_and(|line| !line.unwrap().is_empty()) {}
    let wanted = request.split(' ').nth(1).unwrap().to_owned();
    let (status, body) = if wanted == path { ("200 OK", file) } else { ("404 Not Found", &b"no"[..]) };
    log.lock().push(wanted);
    let length = body.len();
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n").unwrap();
    stream.write_all(body).unwrap();
}

fn run(command: &mut Command) {
    assert!(command.status().unwrap().success(), "{command:?}");
}

/// A stripped program with a dump of it, its debug info, and its build id.
fn stripped_program(folder: &Path) -> (Vec<u8>, String) {
    let (source, binary, debug) = (folder.join("shop.c"), folder.join("shop"), folder.join("shop.debug"));
    std::fs::write(&source, SOURCE).unwrap();
    run(Command::new("gcc").args(["-g", "-O1", "-Wl,--build-id", "-o"]).arg(&binary).arg(&source));
    let bytes = std::fs::read(&binary).unwrap();
    let file = object::File::parse(&*bytes).unwrap();
    let build_id: String =
        file.build_id().unwrap().unwrap().iter().map(|byte| format!("{byte:02x}")).collect();
    let price = file.symbols().find(|symbol| symbol.name() == Ok("price")).unwrap().address();
    run(Command::new("objcopy").arg("--only-keep-debug").arg(&binary).arg(&debug));
    run(Command::new("strip").arg(&binary));
    let mut dump = Dump { format: FORMAT.into(), version: VERSION, mode: Mode::Full, ..Dump::default() };
    let path = binary.to_str().unwrap().to_owned();
    dump.images = vec![Image { path, build_id: build_id.clone(), ..Image::default() }];
    dump.stacks = vec![
        StackNode { kind: FrameKind::Root, ..StackNode::default() },
        StackNode { parent: 0, image: Some(0), address: price, kind: FrameKind::Exact },
    ];
    let figures = Figures { peak_bytes: 64, peak_blocks: 1, ..Figures::default() };
    dump.sites = vec![Site { stack: 1, figures, ..Site::default() }];
    dump.totals = figures;
    std::fs::write(folder.join("shop.json"), serde_json::to_vec(&dump).unwrap()).unwrap();
    let file = std::fs::read(&debug).unwrap();
    std::fs::remove_file(debug).unwrap();
    (file, build_id)
}

#[test]
fn debug_info_is_fetched_once() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let (debug, build_id) = stripped_program(home);
    let path = format!("/buildid/{build_id}/debuginfo");
    let without = Server::start("/nothing".to_owned(), Vec::new());
    let with = Server::start(path.clone(), debug);
    let show = |urls: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_alloc-probe"))
            .env_clear()
            .env("HOME", home)
            .env("DEBUGINFOD_URLS", urls)
            .env("DEBUGINFOD_TIMEOUT", "30")
            .current_dir(home)
            .args(["symbolize", "shop.json", "-v", "--no-cache"])
            .output()
            .unwrap();
        assert!(output.status.success());
        let dump: Dump =
            serde_json::from_slice(&std::fs::read(home.join("shop.symbols.json")).unwrap()).unwrap();
        (dump.symbols.unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    // Nobody has it.
    let (symbols, messages) = show(&without.url);
    assert_eq!(symbols.missing[0].reason, "it was stripped");
    assert!(messages.contains("/debuginfo: the server does not have it"), "{messages}");
    assert_eq!(without.asked(), std::slice::from_ref(&path));
    // The second server has it.
    let (symbols, messages) = show(&format!("{}/ {}", without.url, with.url));
    assert!(messages.contains(&format!("{}{path}: fetched", with.url)), "{messages}");
    assert_eq!((without.asked(), with.asked()), (vec![path.clone()], vec![path]));
    let frame = symbols.frames[1][0];
    assert_eq!(symbols.strings[frame.function as usize], "price");
    assert_eq!(frame.line, Some(1));
    assert!(symbols.strings[frame.file.unwrap() as usize].ends_with("/shop.c"));
    // It is there now, whoever answers.
    let (again, _) = show("http://127.0.0.1:1");
    assert_eq!(again, symbols);
    assert!(home.join(".cache/debuginfod_client").join(&build_id).join("debuginfo").exists());
    // A server that is not there is no fault.
    std::fs::remove_dir_all(home.join(".cache")).unwrap();
    let (symbols, messages) = show("http://127.0.0.1:1");
    assert_eq!(symbols.missing.len(), 1);
    assert!(messages.contains(": no answer: "), "{messages}");
}

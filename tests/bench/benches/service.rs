//! What a service still gets done in each mode: requests a second, and how long they take, under `wrk` on all cores. Each
//! round runs every candidate once, and each is compared with the plain service of the same round.
//!
//! ```text
//! cargo bench -p alloc-probe-bench --bench service                # all, five rounds
//! cargo bench -p alloc-probe-bench --bench service -- full 9      # one, nine rounds
//! ```

use alloc_probe_bench::median;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

/// Its name, the program, and the mode.
const CANDIDATES: [(&str, &str, &str); 6] = [
    ("plain", env!("CARGO_BIN_EXE_bench_service_plain"), ""),
    ("off", PROBE, "off"),
    ("count", PROBE, "count"),
    ("sample", PROBE, "sample"),
    ("full", PROBE, "full"),
    ("dhat", env!("CARGO_BIN_EXE_bench_service_dhat"), ""),
];
const PROBE: &str = env!("CARGO_BIN_EXE_bench_service_probe");

/// What `wrk` tells.
#[derive(Clone, Copy, Debug)]
struct Told {
    requests_per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
    peak_kib: f64,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let rounds = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(5);
    let named = |name: &str| arguments.iter().any(|argument| argument == name);
    let any_named = CANDIDATES.iter().any(|(name, ..)| named(name));
    if Command::new("wrk").arg("--version").stdout(Stdio::null()).spawn().map(|mut wrk| wrk.wait()).is_err() {
        eprintln!("`wrk` makes the requests, and is not installed (Debian: apt-get install wrk)");
        std::process::exit(2);
    }
    let candidates: Vec<_> =
        CANDIDATES.into_iter().filter(|(name, ..)| *name == "plain" || !any_named || named(name)).collect();
    let mut told: Vec<Vec<Told>> = vec![Vec::new(); candidates.len()];
    for round in 0..rounds {
        // In the other direction each second time, so that what changes slowly is nobody's.
        let mut order: Vec<usize> = (0..candidates.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for index in order {
            let (_, program, mode) = candidates[index];
            told[index].push(measure(program, mode));
        }
    }
    println!("blocks for a request: {:.1}", blocks_per_request());
    println!("{:8}{:>14}{:>9}{:>10}{:>10}{:>12}", "", "requests/s", "kept", "p50", "p99", "memory");
    for ((name, ..), of_candidate) in candidates.iter().zip(&told) {
        let kept = of_candidate.iter().zip(&told[0]);
        let kept =
            median(kept.map(|(it, plain)| it.requests_per_second / plain.requests_per_second).collect());
        let middle = |figure: fn(&Told) -> f64| median(of_candidate.iter().map(figure).collect());
        println!(
            "{name:8}{:>14.0}{:>8.0}%{:>7.2} ms{:>7.2} ms{:>8.1} MiB",
            middle(|told| told.requests_per_second),
            kept * 100.0,
            middle(|told| told.p50_ms),
            middle(|told| told.p99_ms),
            middle(|told| told.peak_kib) / 1024.0,
        );
    }
}

/// The service, and its port.
fn start(program: &str, mode: &str) -> (Child, String) {
    let folder = std::env::temp_dir();
    let mut command = Command::new(program);
    command.env_clear().current_dir(folder).stdout(Stdio::piped());
    if !mode.is_empty() {
        command.env("ALLOC_PROBE", mode);
    }
    let mut child = command.spawn().expect("the service starts");
    let mut port = String::new();
    BufReader::new(child.stdout.take().expect("it is piped")).read_line(&mut port).expect("the port");
    (child, format!("http://127.0.0.1:{}", port.trim()))
}

fn stop(mut child: Child) {
    child.kill().expect("it runs");
    child.wait().expect("it ends");
}

fn measure(program: &str, mode: &str) -> Told {
    let (child, address) = start(program, mode);
    wrk(&address, "1s");
    let text = wrk(&address, "4s");
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).expect("it runs");
    stop(child);
    let field = |name: &str| {
        let line =
            text.lines().find_map(|line| line.trim().strip_prefix(name)).unwrap_or_else(|| panic!("{text}"));
        line.trim().to_owned()
    };
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the peak");
    Told {
        requests_per_second: field("Requests/sec:").parse().expect("a number"),
        p50_ms: millis(&field("50%")),
        p99_ms: millis(&field("99%")),
        peak_kib: peak.trim().trim_end_matches(" kB").parse().expect("a number"),
    }
}

fn wrk(address: &str, duration: &str) -> String {
    let page = format!("{address}/orders/17");
    let output = Command::new("wrk").args(["-t1", "-c32", "-d", duration, "--latency", &page]).output();
    let text = String::from_utf8(output.expect("it runs").stdout).expect("text");
    assert!(!text.contains("Non-2xx") && !text.contains("Socket errors"), "{text}");
    text
}

fn millis(text: &str) -> f64 {
    let (number, factor) = [("us", 1e-3), ("ms", 1.0), ("s", 1e3)]
        .iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)))
        .expect("a duration");
    number.parse::<f64>().expect("a number") * factor
}

/// Many requests over one connection, less what asking for the figure takes.
fn blocks_per_request() -> f64 {
    const REQUESTS: u64 = 500;
    let (child, address) = start(PROBE, "count");
    let mut connection = TcpStream::connect(address.trim_start_matches("http://")).expect("it listens");
    let mut blocks_of = |requests: u64| {
        let mut blocks = || get(&mut connection, "/blocks").parse::<u64>().expect("a number");
        let before = blocks();
        (0..requests).for_each(|_| _ = get(&mut connection, "/orders/17"));
        get(&mut connection, "/blocks").parse::<u64>().expect("a number") - before
    };
    blocks_of(REQUESTS);
    let per_request = (blocks_of(REQUESTS) - blocks_of(0)) as f64 / REQUESTS as f64;
    stop(child);
    per_request
}

/// The body of what is answered.
fn get(connection: &mut TcpStream, path: &str) -> String {
    write!(connection, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("it is connected");
    let mut answer = Vec::new();
    let mut part = [0; 4096];
    loop {
        let length = connection.read(&mut part).expect("it is connected");
        answer.extend_from_slice(&part[..length]);
        let text = String::from_utf8_lossy(&answer);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let header = head
            .lines()
            .find_map(|line| line.to_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
        if header.is_some_and(|length: usize| body.len() >= length) {
            return body.to_owned();
        }
    }
}

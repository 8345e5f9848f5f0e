//! Files of other tools in the place of dumps: pprof's, jemalloc's and heaptrack's.

use crate::support::{alloc_probe, directory, frames, orders, orders_in};
use alloc_probe_cli::load;
use alloc_probe_format::dump::Dump;
use alloc_probe_format::metric::Metric;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use std::io::Write;
use std::path::Path;

/// A heap profile of Go 1.19. `go tool pprof -raw` shows three samples of it, with these figures: 21,525 blocks of
/// 22,041,607 bytes allocated by `strings.(*Builder).grow`; 2,274 blocks of 23,294,685 bytes in use by `main.fill`; and
/// 1,260 of 524,496 by `runtime.malg`.
const GO: &[u8] = include_bytes!("../files/go-heap.pb.gz");

/// As jemalloc 5.3.0 writes it with `prof_accum`. `jeprof` shows 409,360 bytes of `mk` in use for the same counts.
const JEMALLOC: &str = "heap_v2/4096
  t*: 71: 336134 [1451: 1680626]
  t0: 71: 336134 [1451: 1680626]
@ 0x7fab5bea2630 0x55abcdb29167 0x55abcdb291fb 0x7fab5bc4524a
  t*: 64: 254033 [640: 2552424]
  t0: 64: 254033 [640: 2552424]
@ 0x7fab5bea2630 0x55abcdb29167 0x99
  t*: 1: 81920 [1: 81920]
  t0: 1: 81920 [1: 81920]

MAPPED_LIBRARIES:
55abcdb28000-55abcdb29000 r--p 00000000 fe:00 1                          /srv/bin/the orders
55abcdb29000-55abcdb2a000 r-xp 00001000 fe:00 1                          /srv/bin/the orders
7fab5bc1e000-7fab5bc44000 r--p 00000000 fe:00 326279                     /usr/lib/x86_64-linux-gnu/libc.so.6
7fab5bc44000-7fab5bd99000 r-xp 00026000 fe:00 326279                     /usr/lib/x86_64-linux-gnu/libc.so.6
7fab5be00000-7fab5be09000 r--p 00000000 fe:00 15695973                   /usr/lib/x86_64-linux-gnu/libjemalloc.so.2
7fab5be09000-7fab5beaf000 r-xp 00009000 fe:00 15695973                   /usr/lib/x86_64-linux-gnu/libjemalloc.so.2
7fffcd1fd000-7fffcd21e000 rw-p 00000000 00:00 0                          [stack]
";

/// As heaptrack 1.4 writes it: `main` allocates 100 bytes twice and 16 in `mk`, inlined; at the peak 200 are live.
const HEAPTRACK: &str = "v 10400 3
X /srv/bin/orders --fast
I 1000 5e2922
s f /srv/bin/orders
s 4 main
s a src/main.c
s 2 mk
# a comment
i 401000 1
t 1 0
i 401166 1 2 3 5
t 2 1
i 401200 1 4 3 3 2 3 8
t 3 1
a 64 2
+ 0
c 5
+ 0
R 10
- 0
a 10 3
+ 1
- 1
c a
- 0
+ 1
R 20
";

/// The file as `show --json` has it, with all frames.
fn shown(name: &str, bytes: &[u8]) -> Value {
    let directory = directory();
    let path = directory.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    let outcome = alloc_probe(&["show", "--json", "--all-frames", "--all-stacks", path.to_str().unwrap()]);
    assert_eq!(outcome.status, 0, "{}", outcome.err);
    serde_json::from_str(&outcome.out).unwrap()
}

/// What `show` prints of it, and says.
fn printed(name: &str, bytes: &[u8], arguments: &[&str]) -> (u8, String, String) {
    let directory = directory();
    let path = directory.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    let outcome = alloc_probe(&[&["show", path.to_str().unwrap()], arguments].concat());
    (outcome.status, outcome.out, outcome.err)
}

/// The functions of a site, from the allocation outwards.
fn functions(shown: &Value, site: &Value) -> Vec<String> {
    let stack = frames(shown, &site["stack"]).into_iter();
    stack.map(|frame| frame["function"].as_str().unwrap().to_owned()).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_heap_profile_of_go_has_the_figures_that_pprof_prints() {
    let shown = shown("heap.pb.gz", GO);
    let summary = &shown["summary"];
    for (figure, expected) in [
        ("total_bytes", 22_041_607 + 23_294_685 + 524_496),
        ("total_blocks", 21_525 + 2_274 + 1_260),
        ("end_bytes", 23_294_685 + 524_496),
        ("end_blocks", 2_274 + 1_260),
    ] {
        assert_eq!(summary[figure], expected, "{figure}");
    }
    assert_eq!((&shown["mode"], &shown["sample_bytes"]), (&"sample".into(), &524_288.into()));
    let sites = shown["sites"].as_array().unwrap();
    assert_eq!(functions(&shown, &sites[0]), ["main.fill", "main.main", "runtime.main"]);
    assert_eq!(
        (&sites[0]["end_bytes"], &frames(&shown, &sites[0]["stack"])[0]["line"]),
        (&23_294_685.into(), &4.into())
    );
    assert_eq!(frames(&shown, &sites[0]["stack"])[0]["inlined"], true);
}

/// What a file does not tell is in no output, and a metric that it does not tell is refused.
#[test]
fn what_is_not_told_is_absent() {
    let shown = shown("heap.pb.gz", GO);
    for figure in [
        "peak_bytes",
        "peak_blocks",
        "temporary_blocks",
        "long_lived_bytes",
        "realloc_calls",
        "lifetime_sum_ns",
    ] {
        assert!(shown["summary"].get(figure).is_none(), "{figure}");
        assert!(shown["sites"][0].get(figure).is_none(), "{figure}");
    }
    let (status, out, err) = printed("heap.pb.gz", GO, &[]);
    assert_eq!(status, 0);
    assert!(!out.contains("  peak ") && out.contains("by end-bytes (estimates)"), "{out}");
    assert!(out.contains("All figures are estimates"), "{out}");
    assert!(err.contains("does not tell peak-bytes: figures are end-bytes"), "{err}");
    let (status, _, err) = printed("heap.pb.gz", GO, &["--by", "peak-bytes"]);
    assert_eq!((status, err.lines().filter(|line| line.starts_with("error")).count()), (2, 1));
    assert!(err.contains("there are total-bytes, total-blocks, end-bytes, end-blocks"), "{err}");
}

#[test]
fn a_budget_or_a_condition_on_what_is_not_told_is_refused() {
    let directory = directory();
    let at = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(at("heap.pb.gz"), GO).unwrap();
    std::fs::write(at("budget.toml"), "[limits]\npeak_bytes = 5\n").unwrap();
    let checked = alloc_probe(&["check", &at("heap.pb.gz"), "--budget", &at("budget.toml")]);
    assert_eq!(checked.status, 2);
    assert!(checked.err.contains("does not tell peak_bytes, which the budget limits"), "{}", checked.err);
    let file = at("heap.pb.gz");
    let compared = alloc_probe(&["diff", &file, &file, "--fail-if", "peak_bytes > 5"]);
    assert_eq!(compared.status, 2);
    assert!(compared.err.contains("one of the files does not tell peak_bytes"), "{}", compared.err);
    let compared = alloc_probe(&["diff", &file, &file, "--fail-if", "end_bytes > +0"]);
    assert_eq!(compared.status, 0, "{}", compared.err);
    assert!(!compared.out.contains("peak"), "{}", compared.out);
}

/// All that a pprof profile has a place for comes back from one of ours.
#[test]
fn our_own_pprof_profile_comes_back() {
    let directory = directory();
    let file = orders_in(&directory);
    let path = directory.path().join("orders.pb.gz");
    let path = path.to_str().unwrap();
    assert_eq!(alloc_probe(&["export", &file, "--format", "pprof", "--all-frames", "-o", path]).status, 0);
    let of = |file: &str| -> Value {
        serde_json::from_str(&alloc_probe(&["show", "--json", "--all-stacks", file]).out).unwrap()
    };
    let (ours, read) = (of(&file), of(path));
    assert_eq!(read["recorded_by"], "alloc-probe, and exported as a pprof profile");
    for metric in Metric::ALL {
        let figure = metric.figure();
        assert_eq!(read["summary"][figure], metric.of(&orders().totals), "{figure}");
        let of_sites = |json: &Value| -> Vec<Value> {
            json["sites"].as_array().unwrap().iter().map(|site| site[figure].clone()).collect()
        };
        assert_eq!(of_sites(&ours), of_sites(&read), "{figure}");
    }
    for (ours_site, site) in ours["sites"].as_array().unwrap().iter().zip(read["sites"].as_array().unwrap()) {
        assert_eq!(frames(&ours, &ours_site["stack"]), frames(&read, &site["stack"]));
    }
    assert_eq!(ours["build"], read["build"]);
    for fact in ["executable", "command", "pid", "duration_ns"] {
        assert_eq!(ours["process"][fact], read["process"][fact], "{fact}");
    }
    assert_eq!(ours["summary"]["peak_time_ns"], read["summary"]["peak_time_ns"]);
}

#[test]
fn a_profile_of_jemalloc_has_the_figures_that_jeprof_prints() {
    let shown = shown("jeprof.1.0.f.heap", JEMALLOC.as_bytes());
    let sites = shown["sites"].as_array().unwrap();
    // 64 blocks of 254,033 bytes, each block of 3,969 bytes a sample with probability 1 - exp(-3,969 / 4,096).
    assert_eq!((&sites[0]["end_bytes"], &sites[0]["end_blocks"]), (&409_360.into(), &103.into()));
    assert_eq!((&sites[1]["end_bytes"], &sites[1]["end_blocks"]), (&81_920.into(), &1.into()));
    assert!(sites[0].get("peak_bytes").is_none() && sites[0].get("total_bytes").is_some());
    assert_eq!(
        functions(&shown, &sites[0]),
        [
            "0xa2630 in libjemalloc.so.2",
            "0x1167 in the orders",
            "0x11fb in the orders",
            "0x2724a in libc.so.6"
        ]
    );
    assert_eq!(functions(&shown, &sites[1])[2], "0x99 in unknown code");
    assert_eq!(shown["process"]["executable"], "/srv/bin/the orders");
    // Without `prof_accum`, jemalloc writes zeros for what was ever allocated.
    let live_only = JEMALLOC.replace("[1451: 1680626]", "[0: 0]").replace("[640: 2552424]", "[0: 0]");
    let live_only = live_only.replace("[1: 81920]", "[0: 0]");
    let shown = self::shown("jeprof.1.0.f.heap", live_only.as_bytes());
    assert!(shown["summary"].get("total_bytes").is_none());
    assert_eq!(shown["summary"]["end_bytes"], 409_360 + 81_920);
}

#[test]
fn a_file_of_heaptrack_has_its_figures() {
    for bytes in [HEAPTRACK.as_bytes().to_vec(), gzip(HEAPTRACK.as_bytes())] {
        let shown = shown("heaptrack.orders.1.gz", &bytes);
        let summary = &shown["summary"];
        for (figure, expected) in [
            ("total_bytes", 232),
            ("total_blocks", 4),
            ("peak_bytes", 200),
            ("peak_blocks", 2),
            ("end_bytes", 16),
            ("end_blocks", 1),
            // Those that were freed by the very next event.
            ("temporary_blocks", 2),
            ("peak_time_ns", 5_000_000),
        ] {
            assert_eq!(summary[figure], expected, "{figure}");
        }
        assert!(summary.get("realloc_calls").is_none());
        assert_eq!(
            (&shown["recorded_by"], &shown["process"]["duration_ns"]),
            (&"heaptrack".into(), &10_000_000.into())
        );
        let sites = shown["sites"].as_array().unwrap();
        assert_eq!(functions(&shown, &sites[0]), ["main", "0x401000 in orders"]);
        assert_eq!((&sites[0]["peak_bytes"], sites[0].get("end_bytes")), (&200.into(), None));
        assert_eq!(functions(&shown, &sites[1]), ["mk", "main", "0x401000 in orders"]);
        assert_eq!((sites[1].get("peak_bytes"), &sites[1]["end_bytes"]), (None, &16.into()));
        let samples = shown["timeline"]["samples"].as_array().unwrap();
        assert_eq!(
            (&samples[0]["live_bytes"], &samples[0]["resident_bytes"]),
            (&200.into(), &0x10000.into())
        );
    }
}

#[test]
fn files_that_are_damaged_or_something_else_are_refused_in_a_line() {
    let heaptrack = |from: &str, to: &str| HEAPTRACK.replace(from, to).into_bytes();
    let jemalloc = |from: &str, to: &str| JEMALLOC.replace(from, to).into_bytes();
    let cut = JEMALLOC.find("MAPPED").unwrap();
    let cases = [
        (
            heaptrack("v 10400 3", "v 10400 4"),
            "a file of heaptrack of version 4, and this tool reads version 3",
        ),
        (heaptrack("X /srv", "m 1 /srv"), "it is a raw file of heaptrack"),
        (heaptrack("- 0\na 10", "- 9\na 10"), "line 20: it refers to an allocation that is missing"),
        (heaptrack("+ 1\n- 1\n", "- 1\n"), "it frees a block that was not allocated"),
        (heaptrack("s 4 main", "s 5 main"), "line 5: a text has another length than it says"),
        (heaptrack("i 401166 1 2", "i 401166 1 22"), "it refers to a text that is missing"),
        (heaptrack("t 2 1", "t 7 1"), "a place or a trace that is missing"),
        (heaptrack("a 64 2", "a zz 2"), "a number is missing"),
        (heaptrack("# a comment", "? a comment"), "line 8: its kind is unknown"),
        (jemalloc("heap_v2/4096", "heap_v2/x"), "line 1: it names no sampling interval"),
        (jemalloc("64: 254033", "64 254033"), "it is not a count of blocks and bytes"),
        (jemalloc("0x99", "0xzz"), "it has an address that can't be understood"),
        (JEMALLOC.as_bytes()[..cut].to_vec(), "it ends before jemalloc's list of mappings"),
        (
            gzip(&[0x0a, 4, 8, 1, 16, 2, 0x32, 0, 0x32, 3, b'c', b'p', b'u', 0x32, 2, b'n', b's']),
            "it is a pprof profile of cpu, not of a heap",
        ),
        (gzip(&[0x0a, 4, 8, 1, 16, 2, 0x12, 0x7f]), "it ends in the middle of a pprof profile"),
        (gzip(&[0x0a, 4, 8, 9, 16, 2, 0x32, 0]), "it refers to string 9, which is missing"),
    ];
    for (bytes, expected) in cases {
        let (status, _, err) = printed("file", &bytes, &[]);
        assert!(status == 2 && err.contains(expected), "{expected}: {err}");
        assert_eq!(err.lines().filter(|line| line.starts_with("error: ")).count(), 1, "{err}");
    }
}

/// Whatever is changed of a file, it is read or refused in a line: it is never a panic, and takes no long time.
#[test]
fn mutations_are_read_or_refused() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let decompressed = {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(GO), &mut bytes).unwrap();
        bytes
    };
    let corpus = [decompressed, JEMALLOC.as_bytes().to_vec(), HEAPTRACK.as_bytes().to_vec()];
    for original in &corpus {
        let mut read = 0;
        for round in 0..1_500 {
            let mut bytes = original.clone();
            for _ in 0..=random(4) {
                let at = random(bytes.len());
                match random(5) {
                    0 => bytes[at] ^= 1 << random(8),
                    1 => bytes[at] = [0, 0x7f, 0x80, 0xff, b'0', b'f', b' ', b'\n'][random(8)],
                    2 => drop(bytes.remove(at)),
                    3 => bytes.insert(at, random(256) as u8),
                    // A piece from elsewhere.
                    _ => {
                        let from = random(bytes.len());
                        let piece: Vec<u8> = bytes[from..].iter().copied().take(random(24)).collect();
                        bytes.splice(at..at, piece);
                    }
                }
            }
            match load::from_bytes(&bytes, Path::new("mutated")) {
                Ok(dump) => {
                    read += 1;
                    if round % 50 == 0 {
                        can_be_shown(dump);
                    }
                }
                Err(error) => assert!(!error.to_string().contains('\n'), "{error}"),
            }
        }
        assert!(read > 50, "only {read} were read");
    }
}

fn can_be_shown(dump: Dump) {
    let directory = directory();
    let path = directory.path().join("mutated.json");
    crate::support::write(&dump, &path);
    let outcome = alloc_probe(&["show", "--by", "end-bytes", path.to_str().unwrap()]);
    assert_eq!(outcome.status, 0, "{}", outcome.err);
}

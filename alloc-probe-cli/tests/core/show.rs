//! `show`, as text.

use crate::support::{alloc_probe, alloc_probe_at, directory, orders, orders_in, orders_with_marks, write};
use alloc_probe_format::dump::{Dump, Lost, MergedFunctions, Mode};

#[test]
fn a_page_of_a_hundred_columns() {
    let directory = directory();
    let shown = alloc_probe(&["show", &orders_in(&directory)]);
    assert_eq!((shown.status, shown.err.as_str()), (0, ""));
    let expected = "\
2.0 MiB are resident. 1.2 MiB of it is the allocator's beyond live blocks: free memory, rounding, C
code; 728.5 KiB is live data, at most.

orders 1.2.3
opt-level 3, debug assertions off, panic unwind, rustc 1.95.0, allocator std::alloc::System
/srv/bin/orders --port 8080
ran 2.5 s until it exited, recorded in full

      peak   768.5 KiB  in 2,060 blocks, after 1.2 s
       end   728.5 KiB  in 2,050 blocks; long-lived (≥ 1.0 s): 128.0 KiB in 2,048
     total    10.1 MiB  in 6,570 blocks; 68.5% of them temporary
   realloc          10  40.0% moved their block, 500.0 KiB copied
  resident     2.0 MiB  at the end, 3.0 MiB at most: heap 2.0 MiB, stacks 48.0 KiB
   threads           5  allocated: orders 9.0 MiB, worker ×4 1.1 MiB
      live  ▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂████████████▅▅▅▅▅▅▅▅▅  live bytes over 2.5 s

Top 3 of 4 sites by peak-bytes, 100.0% of 768.5 KiB

peak bytes      blocks       %  site
 640.0 KiB          11   83.3%  orders::cache::Cache::insert  src/main.rs:31
                                → Vec::push
                                ← orders::http::serve         src/main.rs:19
                                ← orders::main                src/main.rs:12

 128.0 KiB       2,048   16.7%  orders::walk                  src/main.rs:12
                                ← orders::main                src/main.rs:12
                                ↻ 6 turns of a recursion

     512 B           1    0.1%  unix::init                    std std/src/lib.rs:25
";
    assert_eq!(shown.out, expected);
}

#[test]
fn a_site_may_be_of_another_function_with_the_same_code() {
    let directory = directory();
    let mut dump = orders();
    let symbols = dump.symbols.as_mut().expect("it carries them");
    let shown = symbols.strings.iter().position(|text| text.contains("Cache") && text.ends_with("insert"));
    let shown = shown.expect("the cache has one") as u32;
    symbols.strings.push("orders::index::Index<u8>::insert".to_owned());
    symbols.merged = vec![MergedFunctions { shown, others: vec![symbols.strings.len() as u32 - 1] }];
    let file = write(&dump, &directory.path().join("orders.json"));
    let page = alloc_probe(&["show", file.to_str().expect("UTF-8")]);
    let expected = "
Functions with the same code have one address: it may be `orders::cache::Cache::insert` or
`orders::index::Index::insert`.
";
    assert!(page.out.ends_with(expected), "{}", page.out);
}

#[test]
fn marks_and_stacks_have_rows_of_their_own() {
    let directory = directory();
    let file = write(&orders_with_marks(), &directory.path().join("orders.json"));
    let shown = alloc_probe(&["show", file.to_str().expect("UTF-8")]);
    assert_eq!((shown.status, shown.err.as_str()), (0, ""));
    let expected = "
   threads           5  allocated: orders 9.0 MiB, worker ×4 1.1 MiB
    stacks   132.0 KiB  most touched: worker ×4 132.0 KiB, orders 20.0 KiB
     marks       4,501  passed: ready after 20.0 ms; request ×4,500, first after 25.0 ms
      live  ";
    assert!(shown.out.contains(expected), "{}", shown.out);
}

#[test]
fn another_metric_and_a_narrow_page() {
    let directory = directory();
    let shown =
        alloc_probe_at(60, &["show", &orders_in(&directory), "--by", "temporary-blocks", "--top", "3"]);
    let sites = shown.out.split_once("\n\nTop").expect("there is a list of sites").1;
    // The other sites have no temporary block, so they are not listed.
    let expected = " 1 of 4 sites by temporary-blocks, 100.0% of 4,500 blocks

temporary blocks       bytes       %  site
           4,500     8.8 MiB  100.0%  …http::serve  …n.rs:19
                                      → …ring::with_capacity
                                      ← …ers::main  …n.rs:12
";
    assert_eq!(sites, expected);
    for line in shown.out.lines() {
        assert!(line.chars().count() <= 60, "{line}");
    }
}

#[test]
fn no_page_is_too_narrow() {
    let directory = directory();
    let file = orders_in(&directory);
    for width in 0..140 {
        assert_eq!(alloc_probe_at(width, &["show", &file]).status, 0);
        assert_eq!(alloc_probe_at(width, &["show", &file, "--all-frames"]).status, 0);
    }
}

#[test]
fn all_frames_are_every_function_from_the_allocation_outwards() {
    let directory = directory();
    let shown = alloc_probe(&["show", &orders_in(&directory), "--all-frames", "--top", "1"]);
    let functions: Vec<&str> = shown
        .out
        .lines()
        .skip_while(|line| !line.ends_with("site"))
        .skip(1)
        .map(|line| line.trim_start_matches(|c: char| !c.is_alphabetic() && c != '_' || "KiB".contains(c)))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let expected = [
        "__rust_realloc",
        "alloc::raw_vec::RawVec<T,A>::grow_one",
        "alloc::vec::Vec<T,A>::push",
        "orders::cache::Cache<K>::insert",
        "orders::http::serve",
        "orders::main",
        "std::rt::lang_start",
        "main",
        "_start",
    ];
    assert_eq!(functions, expected);
}

#[test]
fn each_stack_by_itself_has_every_turn() {
    let directory = directory();
    let shown = alloc_probe(&["show", &orders_in(&directory), "--all-stacks"]);
    assert!(shown.out.contains("← orders::walk ×6"), "{}", shown.out);
    assert!(!shown.out.contains('↻'), "{}", shown.out);
}

#[test]
fn without_call_sites_it_says_how_to_get_them() {
    let directory = directory();
    let dump = Dump { mode: Mode::Count, sites: Vec::new(), ..orders() };
    let file = write(&dump, &directory.path().join("count.json"));
    let shown = alloc_probe(&["show", file.to_str().unwrap()]);
    assert_eq!(shown.status, 0);
    assert!(shown.out.contains("\n      peak   768.5 KiB  in 2,060 blocks"), "{}", shown.out);
    let last = shown.out.lines().last().unwrap();
    assert_eq!(last, "No call sites: only counts were recorded. ALLOC_PROBE=full records them.");
}

#[test]
fn estimates_are_called_so() {
    let directory = directory();
    let dump = Dump { mode: Mode::Sample, sample_bytes: Some(512 << 10), ..orders() };
    let file = write(&dump, &directory.path().join("sample.json"));
    let shown = alloc_probe(&["show", file.to_str().unwrap()]);
    let said = "\nThe figures of sites are estimates with their standard error (±), from one sample in about every\n\
                512.0 KiB; of the process's own, those of temporary and long-lived blocks and of moves are as well,\n\
                and the others are counted.\n";
    assert!(shown.out.contains(said), "{}", shown.out);
    assert!(shown.out.contains("Top 3 of 4 sites by peak-bytes (estimates)"), "{}", shown.out);
}

#[test]
fn what_was_lost_is_said_on_stderr() {
    let directory = directory();
    let lost = Lost {
        blocks: 1,
        bytes: 2048,
        unattributed_blocks: 1200,
        notes: vec!["The disk was full.".into()],
        ..Lost::default()
    };
    let file = write(&Dump { lost, ..orders() }, &directory.path().join("lost.json"));
    let shown = alloc_probe(&["show", file.to_str().unwrap()]);
    let expected = "\
warning: 1 block (2.0 KiB) could not be recorded and is in no figure
warning: 1,200 blocks could not be given a stack and are counted under none
warning: The disk was full
";
    assert_eq!((shown.status, shown.err.as_str()), (0, expected));
}

#[test]
fn names_from_a_file_cannot_steer_the_terminal() {
    let directory = directory();
    let mut dump = orders();
    dump.process.command = vec!["\u{1b}[2Jorders".into(), "line\nbreak".into()];
    dump.threads[0].name = "\u{1b}]0;owned\u{7}".into();
    for string in &mut dump.symbols.as_mut().unwrap().strings {
        *string = format!("{string}\u{1b}[31m");
    }
    let file = write(&dump, &directory.path().join("odd.json"));
    let show = ["show", file.to_str().unwrap()];
    let mut out = Vec::new();
    let mut err = Vec::new();
    {
        // A real terminal's stream passes escape sequences on, so what is written must hold none of a file's.
        let mut terminal = alloc_probe_cli::term::Terminal {
            out: alloc_probe_cli::term::Output::from(Box::new(&mut out) as Box<dyn std::io::Write>),
            err: Box::new(&mut err),
            width: 100,
            is_interactive: false,
            settled: 0,
        };
        let args = ["alloc-probe"].iter().chain(&show).map(std::ffi::OsString::from);
        assert_eq!(alloc_probe_cli::run(args, &mut terminal), 0);
    }
    let text = String::from_utf8(out).unwrap();
    let plain = anstream::adapter::strip_str(&text).to_string();
    assert!(!text.contains("\u{1b}[2J") && !text.contains("\u{1b}]0;"), "{text:?}");
    assert!(plain.contains("line break"), "{plain}");
    assert!(plain.contains("\u{fffd}[2Jorders"), "{plain}");
}

/// Marks whose figures differ: `ready` with 100 KiB live of 300 allocated, and `drained` with 20 of 5,000.
fn drained() -> Dump {
    let mut dump = orders_with_marks();
    let [ready, drained] = &mut dump.marks[..] else { panic!("two marks") };
    (drained.name, drained.count) = ("drained".to_owned(), 1);
    (drained.first_ns, drained.first.time_ns) = (2_020_000_000, 2_020_000_000);
    (ready.first.total_bytes, ready.first.total_blocks, ready.first.live_blocks) = (300 << 10, 3, 2);
    (drained.first.total_bytes, drained.first.total_blocks) = (5_000 << 10, 803);
    (drained.first.live_bytes, drained.first.live_blocks) = (20 << 10, 1);
    dump
}

#[test]
fn figures_between_marks() {
    let directory = directory();
    let file = write(&drained(), &directory.path().join("orders.json"));
    let file = file.to_str().expect("UTF-8");
    let shown = alloc_probe(&["show", file, "--from", "ready", "--to", "drained"]);
    assert_eq!((shown.status, shown.err.as_str()), (0, ""));
    for expected in [
        "\nFrom `ready` to `drained`\n",
        "time       2.0 s  from 20.0 ms to 2.0 s\n",
        "total     4.6 MiB  in 800 blocks; a second: 2.3 MiB in 400 blocks\n",
        "freed     4.7 MiB  in 801 blocks\n",
        "live   −80.0 KiB  from 100.0 KiB in 2 to 20.0 KiB in 1 block\n",
        "peak   768.5 KiB  live at most: the peak of the whole run\n",
    ] {
        let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(squeezed(&shown.out).contains(&squeezed(expected)), "{expected}: {}", shown.out);
    }

    let shown = alloc_probe(&["show", file, "--from", "ready", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&shown.out).expect("JSON");
    let between = &json["between"];
    assert_eq!((&between["from"], &between["to"]), (&"ready".into(), &serde_json::Value::Null));

    for (marks, reason) in [
        (
            ["--from", "drained", "--to", "ready"],
            "the program first passed the mark `ready` before it passed `drained`",
        ),
        (
            ["--from", "steady", "--to", "ready"],
            "the program never passed the mark `steady`; it passed `ready`, `drained`",
        ),
    ] {
        let refused = alloc_probe(&[&["show", file], &marks[..]].concat());
        assert_eq!(refused.status, 2);
        assert!(refused.err.contains(reason), "{}", refused.err);
    }
}

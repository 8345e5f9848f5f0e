//! `flamegraph`.

use crate::support::{alloc_probe, directory, orders, orders_in, write};
use alloc_probe_format::dump::{Dump, Mode};

#[test]
fn a_picture_is_written_beside_the_dump() {
    let directory = directory();
    let file = orders_in(&directory);
    let drawn = alloc_probe(&["flamegraph", &file]);
    assert_eq!((drawn.status, drawn.out.as_str()), (0, ""));
    let picture = directory.path().join("orders.svg");
    assert_eq!(drawn.err, format!("wrote {}\n", picture.display()));
    let svg = std::fs::read_to_string(&picture).unwrap();
    for part in [
        ">orders: bytes live at the peak, 768.5 KiB<",
        ">orders.json (opt-level 3)<",
        "<title>orders::cache::Cache::insert (655,360 bytes, 83.28%)</title>",
        "<title>orders::main (786,432 bytes, 99.93%)</title>",
    ] {
        assert!(svg.contains(part), "{part}");
    }
    for folded in ["__rust_realloc", "grow_one", "lang_start", "_start"] {
        assert!(!svg.contains(folded), "{folded}");
    }
    assert_eq!(alloc_probe(&["flamegraph", &file]).status, 0);
    assert_eq!(std::fs::read_to_string(&picture).unwrap(), svg, "it is the same each time");
}

#[test]
fn all_frames_of_another_metric_go_to_another_file() {
    let directory = directory();
    let picture = directory.path().join("churn.svg");
    let output = picture.to_str().unwrap();
    let file = orders_in(&directory);
    let drawn = alloc_probe(&["flamegraph", &file, "-o", output, "--by", "total-blocks", "--all-frames"]);
    assert_eq!(drawn.status, 0);
    let svg = std::fs::read_to_string(&picture).unwrap();
    assert!(svg.contains("<title>_start (6,570 blocks, 100.00%)</title>"));
    assert!(svg.contains("__rust_realloc"));
}

#[test]
fn a_difference_names_both_sides() {
    let directory = directory();
    let base = orders_in(&directory);
    let mut dump = orders();
    dump.sites[0].figures.peak_bytes += 256 << 10;
    dump.totals.peak_bytes += 256 << 10;
    dump.build.opt_level = "0".into();
    let new = write(&dump, &directory.path().join("debug.json"));
    let drawn = alloc_probe(&["flamegraph", "--diff", &base, new.to_str().unwrap()]);
    assert_eq!(drawn.status, 0);
    let svg = std::fs::read_to_string(directory.path().join("debug.svg")).unwrap();
    assert!(svg.contains(">orders: bytes live at the peak, 768.5 KiB → 1.0 MiB<"));
    assert!(svg.contains(
        ">widths: debug.json (opt-level 0) (shows what came, not what is gone); \
         red: more, blue: less in debug.json than in orders.json<"
    ));
}

#[test]
fn a_difference_is_drawn_by_either_sides_widths() {
    let directory = directory();
    let base = orders_in(&directory);
    let mut dump = orders();
    let gone = dump.sites.remove(3);
    dump.totals.peak_bytes -= gone.figures.peak_bytes;
    let new = write(&dump, &directory.path().join("new.json"));
    let draw = |more: &[&str]| {
        let output = directory.path().join("out.svg");
        let mut args = vec!["flamegraph", "--diff", &base, new.to_str().unwrap()];
        args.extend(["-o", output.to_str().unwrap()].iter().chain(more));
        let drawn = alloc_probe(&args);
        assert_eq!(drawn.status, 0, "{}", drawn.err);
        std::fs::read_to_string(&output).unwrap()
    };
    let (by_new, by_base) = (draw(&[]), draw(&["--widths", "base"]));
    assert_eq!(by_new, draw(&["--widths", "new"]));
    assert!(!by_new.contains("orders::walk"));
    assert!(by_base.contains("<title>orders::walk (131,072 bytes, 16.66%; -16.66%)</title>"));
    assert!(by_base.contains(">widths: orders.json (opt-level 3) (shows what is gone, not what came)"));
    let alone = alloc_probe(&["flamegraph", &base, "--widths", "base"]);
    assert_eq!(alone.status, 2);
}

#[test]
fn nothing_to_draw_is_said() {
    let directory = directory();
    let file = orders_in(&directory);
    let refused =
        alloc_probe(&["flamegraph", &file, "--by", "long-lived-blocks", "-o", "/nonexistent/x.svg"]);
    assert_eq!(refused.err, "error: cannot write `/nonexistent/x.svg`: no such file or directory\n");
    assert_eq!(refused.status, 2);
    let mut dump = orders();
    dump.sites.iter_mut().for_each(|site| site.figures.temporary_blocks = 0);
    let file = write(&dump, &directory.path().join("calm.json"));
    let refused = alloc_probe(&["flamegraph", file.to_str().unwrap(), "--by", "temporary-blocks"]);
    let line = format!("error: cannot draw `{}`: no site has any temporary-blocks\n", file.display());
    assert_eq!((refused.status, refused.err.starts_with(&line)), (2, true), "{}", refused.err);
    let dump = Dump { mode: Mode::Count, sites: Vec::new(), ..orders() };
    let file = write(&dump, &directory.path().join("count.json"));
    let refused = alloc_probe(&["flamegraph", file.to_str().unwrap()]);
    let line = format!("error: cannot draw `{}`: it has no call sites\n", file.display());
    assert_eq!((refused.status, refused.err.starts_with(&line)), (2, true), "{}", refused.err);
}

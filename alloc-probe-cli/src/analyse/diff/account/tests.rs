use super::*;
use alloc_probe_format::dump::{
    AllocatorFacts, Category, Code, Figures, Heap, HeapBasis, Memory, Mode, PeakMemory,
};

/// A process's memory as a dump without page-by-page facts has it.
fn coarse(rss_bytes: u64, end_bytes: u64, categories: &[(&str, u64)]) -> Dump {
    let category = |&(name, bytes): &(&str, u64)| Category { name: name.to_owned(), bytes };
    Dump {
        mode: Mode::Full,
        totals: Figures { end_bytes, ..Figures::default() },
        memory: Memory {
            rss_bytes,
            categories: categories.iter().map(category).collect(),
            ..Memory::default()
        },
        ..Dump::default()
    }
}

/// One whose heap of 900 bytes is known: of 700 live bytes, 150 were never touched and 50 are swapped out.
fn fine() -> Dump {
    let mut dump = coarse(
        2000,
        700,
        &[
            ("heap", 600),
            ("anonymous", 400),
            ("executable", 300),
            ("libraries", 200),
            ("stacks", 80),
            ("probe", 390),
        ],
    );
    dump.memory.code = Some(Code { text_bytes: 350, relocations_bytes: 90, data_bytes: 60 });
    dump.memory.heap = Some(Heap {
        basis: HeapBasis::Chunks,
        resident_bytes: 900,
        live_bytes: 500,
        slack_bytes: 30,
        fragmented_bytes: 100,
        retained_bytes: 200,
        other_bytes: 60,
        metadata_bytes: 10,
        untouched_bytes: 150,
        swapped_bytes: 50,
        ..Heap::default()
    });
    dump
}

/// The lines that have something, by name, with both sides.
fn lines(lines: &[Line]) -> Vec<(&str, Option<i64>, Option<i64>)> {
    lines.iter().filter(|line| !line.is_empty()).map(|line| (line.name, line.base, line.new)).collect()
}

#[test]
fn the_lines_add_up_on_both_sides() {
    let account = Account::of(&fine(), &fine()).unwrap();
    let both = |name, bytes| (name, Some(bytes), Some(bytes));
    assert_eq!(
        lines(&account.lines),
        [
            both("live blocks", 700),
            both("never touched", -150),
            both("swapped out", -50),
            both("retained", 200),
            both("fragmentation", 100),
            both("rounding", 30),
            both("C code", 60),
            both("allocator", 10),
            both("other mappings", 100),
            both("code", 350),
            both("relocations", 90),
            both("static data", 60),
            both("stacks", 80),
            both("probe", 390),
            // 2000 − (900 + 100 + 500 + 80 + 390)
            both("the rest", 30),
        ]
    );
    assert_eq!(account.lines.iter().filter_map(|line| line.new).sum::<i64>(), 2000);
    assert_eq!(account.notes, [""; 0]);
}

#[test]
fn what_a_dump_can_not_tell_apart_is_one_line_and_says_why() {
    let mut base = coarse(
        1000,
        300,
        &[
            ("heap", 400),
            ("anonymous", 100),
            ("stacks", 50),
            ("executable", 250),
            ("probe", 70),
            ("other", 5),
        ],
    );
    base.mode = Mode::Count;
    let account = Account::of(&base, &fine()).unwrap();
    assert_eq!(
        lines(&account.lines),
        [
            ("live blocks", Some(300), Some(700)),
            ("never touched", None, Some(-150)),
            ("swapped out", None, Some(-50)),
            ("retained", None, Some(200)),
            ("fragmentation", None, Some(100)),
            ("rounding", None, Some(30)),
            ("C code", None, Some(60)),
            ("allocator", None, Some(10)),
            ("heap beyond them", Some(200), Some(0)),
            ("other mappings", None, Some(100)),
            ("executable", Some(250), Some(300)),
            ("libraries", Some(0), Some(200)),
            ("stacks", Some(50), Some(80)),
            ("probe", Some(70), Some(390)),
            ("the rest", Some(130), Some(30)),
        ]
    );
    assert_eq!(account.lines[1].difference(), None);
    let difference = |name: &str| account.lines.iter().find(|line| line.name == name).unwrap().difference();
    assert_eq!(difference("live blocks"), Some(400));
    assert_eq!(difference("heap beyond them"), None, "of the other it is told apart");
    assert!(account.main_differences().iter().all(|line| line.name != "heap beyond them"));
    for (side, resident) in [(0, 1000), (1, 2000)] {
        let of = |line: &Line| if side == 0 { line.base } else { line.new };
        assert_eq!(account.lines.iter().filter_map(of).sum::<i64>(), resident);
    }
    assert_eq!(
        account.notes,
        ["what is on the heap's pages of the base is not known: blocks were counted, not recorded"]
    );
}

#[test]
fn a_reason_that_the_dump_has_is_passed_on() {
    let mut base = coarse(1000, 300, &[]);
    base.memory.unknown = vec!["`/proc/self/pagemap` could not be opened".to_owned()];
    let mut new = fine();
    new.memory.heap.as_mut().unwrap().basis = HeapBasis::Pages;
    new.memory.allocator = Some(AllocatorFacts {
        name: "glibc 2.36".to_owned(),
        trimmed_bytes: Some(2048),
        ..Default::default()
    });
    let account = Account::of(&base, &new).unwrap();
    assert_eq!(
        account.notes[0],
        "what is on the heap's pages of the base is not known: `/proc/self/pagemap` could not be opened"
    );
    assert!(account.notes[1].starts_with("of the new run it is known on which pages"), "{:?}", account.notes);
    assert_eq!(
        account.notes[2],
        "told to give back what it could, glibc 2.36 gave back 2.0 KiB of the new run"
    );
    let rounding = account.lines.iter().find(|line| line.name == "rounding").unwrap();
    assert_eq!((rounding.base, rounding.new), (None, None));
    // What can't be told is in the rest, and all of it still adds up.
    assert_eq!(account.lines.iter().filter_map(|line| line.new).sum::<i64>(), 2000);
}

#[test]
fn at_the_peak_there_is_what_both_have_read() {
    let mut peak = fine();
    peak.memory.at_peak = Some(PeakMemory {
        live_bytes: 900,
        resident_bytes: 2600,
        shared_bytes: 700,
        spool_bytes: 300,
        ..PeakMemory::default()
    });
    let account = Account::of(&peak, &peak).unwrap();
    let both = |name, bytes| (name, Some(bytes), Some(bytes));
    assert_eq!(
        lines(&account.at_peak),
        [both("live blocks", 900), both("beyond them", 1000), both("shared with files", 700)]
    );
    assert_eq!(account.resident_at_peak.unwrap().new, Some(2600));
    let account = Account::of(&fine(), &peak).unwrap();
    assert_eq!((account.at_peak.len(), account.resident_at_peak), (0, None));
}

#[test]
fn absurd_figures_still_add_up() {
    let absurd = coarse(u64::MAX, u64::MAX, &[("heap", u64::MAX), ("stacks", u64::MAX), ("heap", u64::MAX)]);
    let account = Account::of(&absurd, &coarse(1, 0, &[])).unwrap();
    let sum: i64 = account.lines.iter().filter_map(|line| line.base).sum();
    assert_eq!(Some(sum), account.resident.base);
}

#[test]
fn without_resident_memory_there_is_no_account() {
    assert!(Account::of(&coarse(0, 5, &[]), &coarse(9, 5, &[])).is_none());
}

/// What a sampled run is known to have: more is live than is resident, so some of it was not touched.
#[test]
fn no_part_of_the_heap_is_less_than_nothing() {
    let mut sampled = coarse(1000, 700, &[("heap", 400), ("anonymous", 100), ("stacks", 50)]);
    sampled.mode = Mode::Sample;
    let account = Account::of(&sampled, &fine()).unwrap();
    assert_eq!(
        lines(&account.lines)[..2],
        [("live blocks", Some(700), Some(700)), ("never touched", Some(-200), Some(-150))]
    );
    let beyond = account.lines.iter().find(|line| line.name == "heap beyond them").unwrap();
    assert_eq!(beyond.base, Some(0));
    assert_eq!(account.lines.iter().filter_map(|line| line.base).sum::<i64>(), 1000);
}

#[test]
fn an_allocator_that_does_not_tell_its_arenas_has_some() {
    let with = |arenas| {
        let mut dump = fine();
        dump.memory.allocator = Some(AllocatorFacts { arenas, ..AllocatorFacts::default() });
        dump
    };
    let arenas = |base, new| {
        let account = Account::of(&with(base), &with(new)).unwrap();
        account.beside.iter().find(|line| line.name == "arenas").and_then(Line::difference)
    };
    assert_eq!((arenas(7, 5), arenas(7, 0), arenas(0, 7)), (Some(-2), None, None));
}

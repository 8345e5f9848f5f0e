//! Sampled runs, from two dumps to the last line of the page. A program is made up whole, and each run draws its blocks as
//! the probe does, so what is different is known: of a hundred pairs of runs, chance may show in five.

use crate::support::{Outcome, diff_at, dump};
use alloc_probe_format::dump::*;

/// The mean distance between two samples.
const MEAN: u64 = 64 << 10;
/// What the program allocates at a site.
#[derive(Clone)]
struct Blocks {
    size: u64,
    all: u64,
    peak: u64,
    end: u64,
    temporary: u64,
}

/// Forty sites of a program: from three blocks to a hundred thousand, from a sample every other run to hundreds.
fn program() -> Vec<Blocks> {
    let site = |site: u64| {
        let size = 16 << (site * 5 % 13);
        let all = ((MEAN << (site % 9)) / 2 / size).max(3);
        let temporary = if site % 4 == 1 { all / 2 } else { 0 };
        Blocks {
            size,
            all,
            peak: all / (1 + site % 3),
            end: if site % 5 == 0 { all / 4 } else { 0 },
            temporary,
        }
    };
    (0..40).map(site).collect()
}

/// The site that differs where one does: of small blocks, with some 64 samples.
const OTHER: usize = 16;

fn more(factor: f64) -> Vec<Blocks> {
    let mut program = program();
    let site = &mut program[OTHER];
    for figure in [&mut site.all, &mut site.peak, &mut site.end, &mut site.temporary] {
        *figure = (*figure as f64 * factor) as u64;
    }
    program
}

/// Numbers that are as good as drawn.
struct Random(u64);

impl Random {
    /// Above 0, up to 1.
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    /// How many of some blocks are drawn, each with a probability: from one drawn block to the next.
    fn drawn(&mut self, blocks: u64, probability: f64) -> u64 {
        let (mut drawn, mut at) = (0, 0.0);
        loop {
            at += (self.next().ln() / (1.0 - probability).ln()).floor() + 1.0;
            if at > blocks as f64 || !at.is_finite() {
                return drawn;
            }
            drawn += 1;
        }
    }
}

/// A sampled run of a program: what was drawn, weighed as the probe weighs it, and totals that are counted.
fn run(program: &[Blocks], seed: u64) -> Dump {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    // Seeds that are alike begin alike.
    for _ in 0..16 {
        random.next();
    }
    let mut whole = dump("3", false, 0x5555_0000, &[]);
    (whole.mode, whole.sample_bytes) = (Mode::Sample, Some(MEAN));
    whole.memory = Memory::default();
    let mut symbols = Symbols { frames: [[]].iter().collect(), ..Symbols::default() };
    let mut string = |text: String| {
        symbols.strings.push(text);
        symbols.strings.len() as u32 - 1
    };
    let file = Some(string("/home/me/orders/src/main.rs".to_owned()));
    let mut frame = |text: String, line: usize| SymbolFrame {
        function: string(text),
        file,
        line: Some(line as u32),
        column: None,
    };
    let mut frames = Vec::new();
    for (index, blocks) in program.iter().enumerate() {
        let Blocks { size, all, peak, end, temporary } = *blocks;
        let probability = -(-(size as f64) / MEAN as f64).exp_m1();
        // Blocks are at the peak or not, at the end or not, temporary or not: each is drawn once. Temporary ones are neither.
        let kept = all - temporary;
        let peak = peak.min(kept);
        let end = end.min(peak);
        let [at_end, at_peak, gone, short] =
            [end, peak - end, kept - peak, temporary].map(|count| random.drawn(count, probability));
        let weight = |drawn: u64| (drawn as f64 / probability).round() as u64;
        let bytes = |drawn: u64| (drawn as f64 / probability * size as f64).round() as u64;
        whole.totals.add(&Figures {
            total_blocks: all,
            total_bytes: all * size,
            peak_blocks: peak,
            peak_bytes: peak * size,
            end_blocks: end,
            end_bytes: end * size,
            ..Figures::default()
        });
        whole.totals.temporary_blocks += weight(short);
        let drawn = at_end + at_peak + gone + short;
        if drawn == 0 {
            continue;
        }
        let main = whole.stacks.len() as u32;
        frames.push(vec![frame("orders::main".to_owned(), 2 * index + 1)]);
        frames.push(vec![frame(format!("orders::site_{index}"), 2 * index + 1)]);
        for parent in [0, main] {
            let address = 0x1000 + 64 * whole.stacks.len() as u64;
            whole.stacks.push(StackNode { parent, image: Some(0), address, kind: FrameKind::Call });
        }
        let figures = Figures {
            total_blocks: weight(drawn),
            total_bytes: bytes(drawn),
            peak_blocks: weight(at_peak + at_end),
            peak_bytes: bytes(at_peak + at_end),
            end_blocks: weight(at_end),
            end_bytes: bytes(at_end),
            temporary_blocks: weight(short),
            ..Figures::default()
        };
        let sizes = vec![(size.ilog2() as u8, figures.total_blocks)];
        whole.sites.push(Site { stack: main + 1, figures, sizes: sizes.into(), ..Site::default() });
    }
    symbols.frames.extend(frames);
    whole.symbols = Some(symbols);
    whole
}

fn compared(seed: u64, base: &[Blocks], new: &[Blocks], more: &[&str]) -> Outcome {
    diff_at(160, &run(base, 2 * seed + 1), &run(new, 2 * seed + 2), more)
}

/// The functions of sites that a page names anywhere.
fn named(page: &str) -> Vec<usize> {
    let mut found: Vec<usize> = page
        .split("orders::site_")
        .skip(1)
        .filter_map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok())
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// Of so many pairs of runs, in how many a difference is shown that is none, and in how many the one that is.
fn shown(factor: f64, pairs: u64, arguments: &[&str]) -> (usize, usize) {
    let (mut by_chance, mut found) = (0, 0);
    for seed in 0..pairs {
        let page = compared(seed, &program(), &more(factor), arguments).out;
        let named = named(&page);
        by_chance += usize::from(named.iter().any(|site| *site != OTHER || factor == 1.0));
        found += usize::from(named.contains(&OTHER) && factor != 1.0);
        if named.is_empty() {
            for word in ["gone", "added", "Gone", "Added", "elided", "What changed", "finding"] {
                assert!(!page.contains(word), "{word} in\n{page}");
            }
        }
    }
    (by_chance, found)
}

#[test]
fn two_runs_of_one_program_do_not_differ() {
    // One in twenty; of thirty, four are as seldom more.
    for (pairs, most, arguments) in [(100, 5, &[][..]), (30, 4, &["--tree"])] {
        let (by_chance, _) = shown(1.0, pairs, arguments);
        assert!(by_chance <= most, "{by_chance} of {pairs} with {arguments:?}");
    }
}

#[test]
fn a_true_difference_is_found_where_there_are_samples_enough() {
    // The site has 64 samples: twice as many are five standard errors, three times as many eight.
    for (factor, pairs, least) in [(2.0, 100, 30), (3.0, 30, 29)] {
        let (by_chance, found) = shown(factor, pairs, &["--by", "total-bytes"]);
        assert!(by_chance <= 5, "×{factor}: {by_chance} of {pairs}");
        assert!(found >= least, "×{factor}: {found} of {pairs}");
    }
}

/// Each site has some four samples, or seven: none of them differs by more than chance explains, but all of them together do, and
/// the whole is counted.
#[test]
fn what_too_few_samples_can_place_is_no_chance() {
    let program = |all: u64| vec![Blocks { size: 1 << 10, all, peak: all, end: 0, temporary: 0 }; 40];
    for seed in 0..10 {
        let page = |all| compared(seed, &program(256), &program(all), &["--by", "total-bytes"]).out;
        let differs = page(448);
        assert!(differs.contains(", so too few samples tell where +"), "{differs}");
        let same = page(256);
        assert!(!same.contains("too few samples tell"), "{same}");
    }
}

#[test]
fn estimates_carry_their_errors() {
    let page = compared(7, &program(), &more(4.0), &["--by", "total-bytes"]).out;
    let row: Vec<&str> = page
        .lines()
        .skip_while(|line| !line.starts_with("Top "))
        .skip_while(|line| !line.contains(&format!("orders::site_{OTHER} ")))
        .take(3)
        .collect();
    assert!(row[2].trim_start().starts_with('±'), "{row:#?}");
    let class: Vec<&str> = page.lines().skip_while(|line| !line.starts_with("more work")).take(2).collect();
    assert!(class[1].trim_start().starts_with('±'), "{class:#?}");
    let json = compared(7, &program(), &more(4.0), &["--by", "total-bytes", "--json"]).out;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let sites = json["sites"].as_array().unwrap();
    assert_eq!(sites[0]["told"], true);
    let (difference, error) = (sites[0]["difference"].as_f64().unwrap(), sites[0]["error"].as_f64().unwrap());
    assert!(error > 0.0 && difference > 4.0 * error, "{difference} ±{error}");
    let told = sites.iter().map(|site| site["told"].as_bool().unwrap());
    assert!(told.is_sorted_by(|one, next| one >= next), "what chance explains comes last");
    // Small blocks: R bytes for each sample, by Poisson's law.
    let (bytes, of_bytes) = (&sites[0]["new"]["total_bytes"], &sites[0]["new"]["errors"]["total_bytes"]);
    let expected = (bytes.as_f64().unwrap() * MEAN as f64).sqrt();
    assert!((of_bytes.as_f64().unwrap() / expected - 1.0).abs() < 0.05, "{of_bytes} of {bytes}");
    assert!(json["new"]["errors"]["temporary_blocks"].as_u64() > Some(0));
    assert_eq!(json["new"]["errors"]["peak_bytes"], serde_json::Value::Null, "it is counted");
}

#[test]
fn a_condition_on_estimates_holds_beyond_chance() {
    let fails = |seed, new: &[Blocks], expression: &str| {
        let outcome = compared(seed, &program(), new, &["--fail-if", expression, "--by", "total-bytes"]);
        assert!(outcome.status < 2, "{}", outcome.err);
        outcome.status == 1
    };
    // Two standard errors, on one side: one in forty.
    let by_chance = (0..30).filter(|seed| fails(*seed, &program(), "temporary_blocks > +0%")).count();
    assert!(by_chance <= 4, "{by_chance} of 30");
    let mut other = program();
    for blocks in &mut other {
        (blocks.all, blocks.temporary) = (blocks.all * 20, blocks.temporary * 20);
    }
    // A few samples of the base may be all that it had.
    let found = (0..30).filter(|seed| fails(*seed, &other, "temporary_blocks > +0%")).count();
    assert!(found >= 24, "{found} of 30");
    // What is counted differs by a byte.
    assert!(fails(1, &more(1.01), "total_bytes > +0"));
    assert!(!fails(1, &program(), "total_bytes > +0"));
}

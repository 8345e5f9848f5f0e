//! `--html`.

use crate::support::{Outcome, debug, diff, diff_at, release};
use alloc_probe_format::dump::{Dump, Mode};

/// Compares two dumps into a page, and gives it with what the command said.
fn page(base: &Dump, new: &Dump, more: &[&str]) -> (String, Outcome) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("diff.html");
    let args: Vec<&str> = ["--html", path.to_str().unwrap()].iter().chain(more).copied().collect();
    let outcome = diff_at(100, base, new, &args);
    assert!(outcome.err.contains(&format!("wrote {}\n", path.display())), "{}", outcome.err);
    (std::fs::read_to_string(&path).unwrap(), outcome)
}

/// How often a text occurs in a page.
fn count(page: &str, text: &str) -> usize {
    page.matches(text).count()
}

#[test]
fn the_page_says_what_the_terminal_does() {
    let (page, outcome) = page(&debug(), &release(), &[]);
    assert_eq!(outcome.out, diff(&[]).out, "the page comes on top");
    for part in [
        "<title>orders: debug.json → release.json</title>",
        "<h1>peak 700.0 KiB → 564.0 KiB <span class=\"less\">(−19%)</span></h1>",
        "<td>orders 1.2.3, opt-level 0 with debug assertions</td>",
        "<th scope=\"row\">peak blocks</th><td class=\"n\">2</td><td class=\"n\">3</td>",
        "<tr class=\"sum\"><th scope=\"row\">resident</th>",
        "<p>95.3% of the bytes (95.3% exactly), 2.9% of the blocks (2.9% exactly)</p>",
        "<th scope=\"row\">elided in new</th><td class=\"n\">1</td>",
        "<td class=\"n less\" data-value=\"-204800\">−200.0 KiB</td>",
        "<code>orders::cache::Cache::insert → Vec::push</code> <span class=\"faint\">src/cache.rs:42 → :43</span>",
        // By the new run's widths, and by the base's.
        "<title>orders::pool::fill (65,536 bytes, 11.35%; +11.35%)</title>",
        "<title>orders::report::rows (102,400 bytes, 14.29%; 0.00%)</title>",
    ] {
        assert!(page.contains(part), "{part}\n{page}");
    }
    assert_eq!(count(&page, "<svg version"), 2);
}

#[test]
fn the_page_is_sound_and_needs_nothing_else() {
    let (page, _) = page(&debug(), &release(), &[]);
    assert!(page.starts_with("<!DOCTYPE html>\n<html lang=\"en\">\n") && page.ends_with("</html>\n"));
    assert!(
        page.contains(
            "content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'\""
        )
    );
    for tag in [
        "table", "thead", "tbody", "tr", "td", "th", "details", "ol", "ul", "figure", "section", "svg",
        "script",
    ] {
        let begin = format!("<{tag} ");
        let is_empty =
            |rest: &&str| rest.split('>').next().is_some_and(|attributes| attributes.ends_with('/'));
        let with_attributes = page.split(&begin).skip(1).filter(|rest| !is_empty(rest)).count();
        let opened = count(&page, &format!("<{tag}>")) + with_attributes;
        assert_eq!(opened, count(&page, &format!("</{tag}>")), "{tag}");
    }
    for foreign in [" src=", "href=\"http", "@import", "onload", "<!DOCTYPE svg", "<?xml"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    assert_eq!(count(&page, "url("), count(&page, "url(#"), "what is referred to is in the page");
}

#[test]
fn nothing_of_a_dump_is_markup() {
    let hostile = |mut dump: Dump| {
        let evil = "<img src=x onerror=alert(1)>\"'&\u{1b}";
        dump.build.crate_name = evil.to_owned();
        dump.process.command = vec![evil.to_owned()];
        dump.process.executable = format!("/bin/{evil}");
        let symbols = dump.symbols.as_mut().unwrap();
        for string in &mut symbols.strings {
            *string = format!("{string}::{evil}");
        }
        dump
    };
    let (page, _) = page(&hostile(debug()), &hostile(release()), &[]);
    assert!(!page.contains("<img"), "{page}");
    assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;\u{fffd}"), "{page}");
    assert!(!page.contains('\u{1b}'));
}

#[test]
fn a_page_goes_with_everything_else() {
    let (first, outcome) = page(&debug(), &release(), &["--json", "--fail-if", "peak_blocks > 2"]);
    assert_eq!(outcome.status, 1);
    assert!(outcome.out.starts_with("{\n"), "{}", outcome.out);
    assert!(outcome.err.ends_with("failed: peak_blocks > 2: it went from 2 to 3\n"), "{}", outcome.err);
    let (second, _) = page(&debug(), &release(), &["--tree"]);
    assert_eq!(first, second, "and is the same each time");
    let (one, _) = page(&debug(), &release(), &["--top", "1", "--by", "total-blocks"]);
    assert_eq!(count(&one, "<details>"), 1);
    assert!(one.contains("<caption>1 of 2 sites, those furthest apart by total-blocks first"), "{one}");
}

#[test]
fn without_sites_there_are_figures_alone() {
    let mut counts = release();
    (counts.mode, counts.sites, counts.symbols) = (Mode::Count, Vec::new(), None);
    counts.stacks.truncate(1);
    let (page, outcome) = page(&debug(), &counts, &[]);
    assert_eq!(outcome.status, 0);
    assert!(page.contains("<li>the new one has no call sites: only totals can be compared</li>"), "{page}");
    assert_eq!(count(&page, "<svg version"), 1, "the base’s");
}

#[test]
fn a_page_that_cannot_be_written_is_named() {
    let outcome = diff(&["--html", "/nonexistent/diff.html"]);
    assert_eq!(outcome.status, 2);
    assert_eq!(outcome.err, "error: cannot write `/nonexistent/diff.html`: no such file or directory\n");
}

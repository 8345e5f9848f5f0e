//! Flamegraphs, as SVG.

use super::change::Boxes;
use super::options::{Place, Widths};
use crate::analyse::diff::chance::Measure;
use crate::analyse::diff::view::merged::Sides;
use crate::render::export::folded::lines;
use inferno::flamegraph::color::{BackgroundColor, BasicPalette, Color, Palette};
use inferno::flamegraph::{self, Options};
use std::collections::BTreeMap;
use std::io;

/// Plain, so that the pale colours of small differences can be told from it.
const PAPER: Color = Color { r: 0xee, g: 0xee, b: 0xe8 };

/// What is written around the stacks.
#[derive(Debug)]
pub(super) struct Labels {
    /// The line at the top.
    pub(super) title: String,
    /// The line below it.
    pub(super) subtitle: String,
    /// What the figures count: `bytes` or `blocks`.
    pub(super) unit: &'static str,
}

/// Draws stacks, outermost function first, each as wide as its figure.
///
/// # Errors
///
/// Where there is no stack to draw.
pub(super) fn draw(stacks: &BTreeMap<String, u64>, labels: &Labels) -> io::Result<Vec<u8>> {
    svg(&lines(stacks).collect::<Vec<_>>(), &mut options(labels))
}

/// Draws stacks of two runs, each as wide as one run's figure. Every function is coloured by what the new run has more
/// (red) or less (blue) in all that it called, and says how much.
///
/// # Errors
///
/// Where no stack has a width.
pub(super) fn draw_difference(
    stacks: &BTreeMap<String, Sides>,
    measure: Measure,
    (widths, place): (Widths, Place),
    labels: &Labels,
) -> io::Result<Vec<u8>> {
    let mut boxes = Boxes::of(stacks, widths, measure);
    let mut options = options(labels);
    options.no_javascript = place == Place::Page;
    // This keeps the order of lines, from the last one to the first.
    options.flame_chart = true;
    boxes.lines.reverse();
    let svg = svg(&boxes.lines, &mut options)?;
    Ok(boxes.fill_in(&String::from_utf8_lossy(&svg)).into_bytes())
}

fn options(labels: &Labels) -> Options<'static> {
    // Pictures must not hold control characters, and programs may be called anything.
    let plain = |text: &str| text.replace(char::is_control, "\u{fffd}");
    let mut options = Options::default();
    options.title = plain(&labels.title);
    options.subtitle = Some(plain(&labels.subtitle));
    options.count_name = labels.unit.to_owned();
    options.name_type = "Function:".to_owned();
    options.colors = Palette::Basic(BasicPalette::Mem);
    options.bgcolors = Some(BackgroundColor::Flat(PAPER));
    // By the function's name, so that one function looks the same in every picture, and runs differ in nothing.
    options.hash = true;
    // Narrower functions could not be seen, and would only make the file large.
    options.min_width = 0.05;
    options
}

fn svg(lines: &[String], options: &mut Options<'_>) -> io::Result<Vec<u8>> {
    let mut svg = Vec::new();
    flamegraph::from_lines(options, lines.iter().map(String::as_str), &mut svg)?;
    Ok(svg)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels() -> Labels {
        Labels { title: "orders <1>".into(), subtitle: "a & b".into(), unit: "bytes" }
    }

    fn stacks(stacks: &[(&str, u64)]) -> BTreeMap<String, u64> {
        stacks.iter().map(|(stack, value)| ((*stack).to_owned(), *value)).collect()
    }

    fn both<const N: usize>(stacks: [(&str, (u64, u64)); N]) -> BTreeMap<String, Sides> {
        let sides = |(base, new)| Sides { base, new, ..Sides::default() };
        BTreeMap::from(stacks.map(|(stack, of)| (stack.to_owned(), sides(of))))
    }

    #[test]
    fn pictures_name_every_function_and_are_the_same_each_time() {
        let stacks = stacks(&[("main;Vec<T>::push", 3_000), ("main;serve;insert", 1_000)]);
        let svg = draw(&stacks, &labels()).unwrap();
        let text = String::from_utf8(svg.clone()).unwrap();
        for part in
            ["main (4,000 bytes, 100.00%)", "insert (1,000 bytes, 25.00%)", "orders &lt;1&gt;", "a &amp; b"]
        {
            assert!(text.contains(part), "{part}");
        }
        assert_eq!(draw(&stacks, &labels()).unwrap(), svg);
    }

    #[test]
    fn differences_are_told_by_figures_and_not_by_colour_alone() {
        let stacks =
            both([("main;insert", (1_000, 3_000)), ("main;gone", (500, 0)), ("main;came", (0, 1_000))]);
        let draw = |widths| {
            let how = (widths, Place::File);
            let svg = draw_difference(&stacks, Measure::default(), how, &labels()).unwrap();
            String::from_utf8(svg).unwrap()
        };
        let text = draw(Widths::New);
        assert!(text.contains("insert (3,000 bytes, 75.00%; +50.00%)"), "{text}");
        assert!(text.contains("came (1,000 bytes, 25.00%; +25.00%)"), "{text}");
        assert!(!text.contains("gone"), "{text}");
        // Of 1,500 bytes, by which all that differs is divided.
        let text = draw(Widths::Base);
        assert!(text.contains("insert (1,000 bytes, 66.67%; +133.33%)"), "{text}");
        assert!(text.contains("gone (500 bytes, 33.33%; -33.33%)"), "{text}");
        assert!(!text.contains("came"), "{text}");
    }

    /// The colour and the title of each box.
    fn boxes(svg: &str) -> Vec<(&str, &str)> {
        let parts = svg.split("<title>").skip(1);
        parts
            .map(|part| {
                let (title, rest) = part.split_once("</title>").unwrap();
                let fill = rest.split_once("fill=\"").unwrap().1;
                (title, fill.split_once('"').unwrap().0)
            })
            .collect()
    }

    #[test]
    fn a_caller_has_the_change_of_all_that_it_called() {
        // `a` calls both; what came and what is gone there is as much.
        let sides = [
            ("main;a;more", (1_000, 3_000)),
            ("main;a;less", (3_000, 1_000)),
            ("main;a b", (500, 500)),
            ("main;a", (100, 100)),
            ("main;doubled;inner", (1_000, 2_000)),
            ("main;gone;inner", (2_000, 0)),
        ];
        let how = (Widths::New, Place::Page);
        let svg = draw_difference(&both(sides), Measure::default(), how, &labels()).unwrap();
        let svg = String::from_utf8(svg).unwrap();
        let mut found = boxes(&svg);
        found.sort_unstable();
        assert_eq!(
            found,
            [
                ("a (4,100 bytes, 62.12%; 0.00%)", "rgb(222,222,222)"),
                ("a b (500 bytes, 7.58%; 0.00%)", "rgb(222,222,222)"),
                ("all (6,600 bytes, 100%; -15.15%)", "rgb(215,215,255)"),
                ("doubled (2,000 bytes, 30.30%; +15.15%)", "rgb(255,162,162)"),
                ("inner (2,000 bytes, 30.30%; +15.15%)", "rgb(255,162,162)"),
                ("less (1,000 bytes, 15.15%; -30.30%)", "rgb(138,138,255)"),
                ("main (6,600 bytes, 100.00%; -15.15%)", "rgb(215,215,255)"),
                ("more (3,000 bytes, 45.45%; +30.30%)", "rgb(255,138,138)"),
            ]
        );
    }

    #[test]
    fn nothing_is_not_drawn() {
        assert!(draw(&BTreeMap::new(), &labels()).is_err());
    }
}

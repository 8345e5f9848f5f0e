//! Flamegraphs, as SVG.

use inferno::flamegraph::color::{BackgroundColor, BasicPalette, Color, Palette};
use inferno::flamegraph::{self, Options};
use std::collections::BTreeMap;
use std::io;

/// Plain, so that the pale colours of small differences can be told from it.
const PAPER: Color = Color { r: 0xee, g: 0xee, b: 0xe8 };

/// What is written around the stacks.
#[derive(Debug)]
pub struct Labels {
    /// The line at the top.
    pub title: String,
    /// The line below it.
    pub subtitle: String,
    /// What the figures count: `bytes` or `blocks`.
    pub unit: &'static str,
}

/// Draws stacks, outermost function first, each as wide as its figure.
///
/// # Errors
///
/// Where there is no stack to draw.
pub fn draw(stacks: &BTreeMap<String, u64>, labels: &Labels) -> io::Result<Vec<u8>> {
    let lines: Vec<String> = stacks.iter().map(|(stack, value)| format!("{stack} {value}")).collect();
    svg(&lines, labels)
}

/// Draws `new`, coloured by what each function has more (red) or less (blue) than in `base`. Functions that `new`
/// does not have are not in the picture.
///
/// # Errors
///
/// Where there is no stack to draw.
pub fn draw_difference(
    base: &BTreeMap<String, u64>,
    new: &BTreeMap<String, u64>,
    labels: &Labels,
) -> io::Result<Vec<u8>> {
    let mut both: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for (stack, value) in base {
        both.entry(stack).or_default().0 = *value;
    }
    for (stack, value) in new {
        both.entry(stack).or_default().1 = *value;
    }
    let lines: Vec<String> =
        both.iter().map(|(stack, (base, new))| format!("{stack} {base} {new}")).collect();
    svg(&lines, labels)
}

fn svg(lines: &[String], labels: &Labels) -> io::Result<Vec<u8>> {
    let mut options = Options::default();
    options.title.clone_from(&labels.title);
    options.subtitle = Some(labels.subtitle.clone());
    options.count_name = labels.unit.to_owned();
    options.name_type = "Function:".to_owned();
    options.colors = Palette::Basic(BasicPalette::Mem);
    options.bgcolors = Some(BackgroundColor::Flat(PAPER));
    // By the function's name, so that one function looks the same in every picture, and runs differ in nothing.
    options.hash = true;
    // Narrower functions could not be seen, and would only make the file large.
    options.min_width = 0.05;
    let mut svg = Vec::new();
    flamegraph::from_lines(&mut options, lines.iter().map(String::as_str), &mut svg)?;
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
        let base = stacks(&[("main;insert", 1_000), ("main;gone", 500)]);
        let new = stacks(&[("main;insert", 3_000), ("main;came", 1_000)]);
        let text = String::from_utf8(draw_difference(&base, &new, &labels()).unwrap()).unwrap();
        assert!(text.contains("insert (3,000 bytes, 75.00%; +50.00%)"), "{text}");
        assert!(text.contains("came (1,000 bytes, 25.00%; +25.00%)"), "{text}");
    }

    #[test]
    fn nothing_is_not_drawn() {
        assert!(draw(&BTreeMap::new(), &labels()).is_err());
    }
}

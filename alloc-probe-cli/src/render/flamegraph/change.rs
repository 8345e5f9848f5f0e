//! What a difference looks like: each box says and shows by how much everything in it changed.
//!
//! `inferno` colours a box only by what its function itself has more or less, which with whole stacks are the innermost
//! ones. So it draws the widths, and the change of each box is filled in afterwards, by the place where it stands.

use super::options::Widths;
use crate::analyse::diff::chance::Measure;
use crate::analyse::diff::view::merged::Sides;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;

/// The boxes of a picture of two runs.
pub(super) struct Boxes {
    /// The stacks that have a width, as `inferno` takes them, in the order in which they are drawn.
    pub(super) lines: Vec<String>,
    /// The figures of each box that has a width, by how far out it is and where it begins.
    sides: HashMap<(usize, u64), Sides>,
    /// The width of all.
    width: u64,
    /// By what is measured which differences chance explains.
    measure: Measure,
}

/// A box, while the stacks are gone through.
#[derive(Clone, Copy, Default)]
struct Box {
    depth: usize,
    start: u64,
    width: u64,
    sides: Sides,
}

impl Boxes {
    /// Places the boxes of stacks with both figures.
    pub(super) fn of(stacks: &BTreeMap<String, Sides>, widths: Widths, measure: Measure) -> Boxes {
        // In the order of their functions, so that what one function called stands together: as text, `a b` would come
        // between `a` and `a;c`.
        let paths: BTreeMap<Vec<&str>, Sides> =
            stacks.iter().map(|(stack, sides)| (stack.split(';').collect(), *sides)).collect();
        let mut lines = Vec::new();
        let mut boxes = vec![Box::default()];
        // The boxes from the outermost to the last one drawn, with their functions.
        let mut open = vec![("", 0)];
        let mut width = 0_u64;
        for (path, sides) in &paths {
            let own = if widths == Widths::New { sides.new } else { sides.base };
            let shared = open[1..].iter().zip(path).take_while(|((name, _), function)| name == *function);
            let shared = shared.count();
            open.truncate(shared + 1);
            for function in &path[shared..] {
                open.push((function, boxes.len()));
                boxes.push(Box { depth: open.len() - 1, start: width, ..Box::default() });
            }
            for (_, index) in &open {
                let outer = &mut boxes[*index];
                outer.width = outer.width.saturating_add(own);
                outer.sides.add(*sides);
            }
            if own > 0 {
                lines.push(format!("{} {own}", path.join(";")));
            }
            width = width.saturating_add(own);
        }
        let visible = boxes.iter().filter(|visible| visible.width > 0);
        let sides = visible.map(|one| ((one.depth, one.start), one.sides)).collect();
        Boxes { lines, sides, width, measure }
    }

    /// Fills the changes into a picture of [`Boxes::lines`].
    pub(super) fn fill_in(&self, svg: &str) -> String {
        let Some((before, frames)) = svg.split_once("<svg id=\"frames\"") else { return svg.to_owned() };
        let mut parts = frames.split("<title>");
        let start = parts.next().unwrap_or_default();
        let parts: Vec<Part<'_>> = parts.map(Part::of).collect();
        // The outermost box is the lowest.
        let rows: BTreeSet<u64> = parts.iter().filter_map(|part| part.number("y")).collect();
        let depths: HashMap<u64, usize> = rows.iter().rev().enumerate().map(|(at, y)| (*y, at)).collect();
        let mut filled = format!("{before}<svg id=\"frames\"{start}");
        for part in parts {
            let at = part.number("y").and_then(|y| depths.get(&y)).copied().zip(part.number("fg:x"));
            match at.and_then(|at| self.sides.get(&at)) {
                Some(sides) => part.write(*sides, self.width, self.measure, &mut filled),
                None => filled.extend(["<title>", part.title, "</title>", part.rectangle, part.rest]),
            }
        }
        filled
    }
}

/// What belongs to one box.
struct Part<'a> {
    title: &'a str,
    rectangle: &'a str,
    rest: &'a str,
}

impl<'a> Part<'a> {
    fn of(text: &'a str) -> Part<'a> {
        let (title, rest) = text.split_once("</title>").unwrap_or((text, ""));
        let (rectangle, rest) = rest.split_at(rest.find("/>").map_or(0, |end| end + 2));
        Part { title, rectangle, rest }
    }

    /// Where the value of an attribute of the rectangle begins and ends.
    fn value(&self, attribute: &str) -> Option<(usize, usize)> {
        let name = format!(" {attribute}=\"");
        let start = self.rectangle.find(&name)? + name.len();
        Some((start, start + self.rectangle[start..].find('"')?))
    }

    fn number(&self, attribute: &str) -> Option<u64> {
        let (start, end) = self.value(attribute)?;
        self.rectangle[start..end].parse().ok()
    }

    /// The same box with its change: in percent of the whole picture in its title, and of itself by its colour.
    /// What chance explains has the colour of what is the same.
    fn write(&self, sides: Sides, width: u64, measure: Measure, out: &mut String) {
        let Sides { base, new, spread } = sides;
        let change = new as f64 - base as f64;
        let share = |value: f64| value * 100.0 / width.max(1) as f64;
        let is_chance = new != base && measure.explains((base, new), spread);
        let error = match spread.error() {
            0.0 => String::new(),
            error if is_chance => format!(" ±{:.2}%, maybe by chance", share(error)),
            error => format!(" ±{:.2}%", share(error)),
        };
        let title = self.title.strip_suffix(')').unwrap_or(self.title);
        let percent = match new == base {
            true => "0.00%".to_owned(),
            false => format!("{:+.2}%", share(change)),
        };
        // Writing to a string can't fail.
        let _ = write!(out, "<title>{title}; {percent}{error})</title>");
        match self.value("fill") {
            Some((start, end)) => {
                let change = if is_chance { 0.0 } else { change };
                let colour = colour(change / base.max(new).max(1) as f64);
                out.extend([&self.rectangle[..start], &colour, &self.rectangle[end..], self.rest]);
            }
            None => out.extend([self.rectangle, self.rest]),
        }
    }
}

/// Grey where nothing changed, and the redder or bluer the larger a part of the box came or is gone.
fn colour(change: f64) -> String {
    // The least change can be told from none.
    let pale = match change {
        0.0 => 222.0,
        _ => 235.0 - 145.0 * change.abs().min(1.0),
    };
    let pale = pale as u8;
    match change {
        0.0 => format!("rgb({pale},{pale},{pale})"),
        0.0.. => format!("rgb(255,{pale},{pale})"),
        _ => format!("rgb({pale},{pale},255)"),
    }
}

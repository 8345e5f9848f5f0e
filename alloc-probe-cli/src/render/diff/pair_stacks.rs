//! The stack of a pair, as lines of functions and places: one text for what is the same in both builds.

use super::view::{Options, View};
use super::words;
use crate::analyse::diff::pair::{Pair, Sites};
use crate::analyse::diff::view::stack::{Stack, Step};
use crate::analyse::fold;
use crate::analyse::fold::turns::Turns;
use crate::profile::{Frame, FrameId, Profile};
use crate::render::significant::{Numbers, Place, marks};
use crate::source::names;
use crate::source::paths::PathStyle;
use crate::source::roles::telling;
use crate::term::{style, text};
use crate::units::count;
use std::io::{self, Write};

/// Callers below a site, where not all frames are asked for.
const CALLERS: usize = 2;

/// Turns pairs into lines.
pub(super) struct Stacks<'a> {
    view: View<'a>,
    /// How each side's paths are shown.
    paths: [PathStyle; 2],
}

/// One line of a stack.
pub(super) struct Line {
    /// What comes before the function.
    pub(super) mark: &'static str,
    pub(super) function: String,
    pub(super) location: String,
}

impl<'a> Stacks<'a> {
    pub(super) fn new(view: &View<'a>) -> Stacks<'a> {
        let style = |profile: &Profile| {
            let files = profile.frames.iter().filter_map(Frame::source);
            PathStyle::of(files, view.options.full_paths)
        };
        Stacks { view: *view, paths: [style(view.base), style(view.new)] }
    }

    /// The stacks of pairs: the allocating function with what it called, and who called it. None is empty, and none reads
    /// as another does.
    pub(super) fn lines(&self, pairs: &[&Pair]) -> Vec<Vec<Line>> {
        let mut lines = self.told_apart(pairs, CALLERS);
        for (lines, pair) in lines.iter_mut().zip(pairs) {
            lines.extend(self.turns(pair));
        }
        lines
    }

    /// The same without callers: a line each, and where they part.
    pub(super) fn headlines(&self, pairs: &[&Pair]) -> Vec<Vec<Line>> {
        self.told_apart(pairs, 0)
    }

    /// The pair's stack with so many callers.
    pub(super) fn stack(&self, pair: &Pair, callers: usize) -> Vec<Line> {
        self.listed(&self.both(pair), callers)
    }

    /// The stacks of both sides of a pair.
    fn both(&self, pair: &Pair) -> Stack {
        let Options { metric, detail, .. } = self.view.options;
        let base = pair.base.as_ref().and_then(|sites| sites.shown(self.view.base, metric));
        let new = pair.new.as_ref().and_then(|sites| sites.shown(self.view.new, metric));
        self.view.diff.stack((self.view.base, base), (self.view.new, new), detail)
    }

    /// What is listed of a stack.
    fn listed(&self, stack: &Stack, callers: usize) -> Vec<Line> {
        let mut lines = Vec::new();
        let mut next = 0;
        let rows = self.rows(&stack.steps, callers);
        // Named after one of its callers: that did not call what the innermost function called.
        let between = &stack.steps[..rows.first().map_or(0, |row| *row)];
        for row in rows {
            let mark = match row {
                _ if next == 0 => "",
                row if row > next => "← … ← ",
                _ => "← ",
            };
            lines.push(self.line(mark, &stack.steps[row]));
            next = row + 1;
        }
        match (lines.first_mut(), &stack.called) {
            (Some(first), called) => {
                let called = between.iter().rev().chain(called).map(|step| self.line("", step).function);
                first.function += &words::called(&called.collect::<Vec<_>>());
            }
            (None, _) => {
                lines.push(Line { mark: "", function: "(no stack)".to_owned(), location: String::new() })
            }
        }
        lines
    }

    /// Which steps of a stack are shown: all, or the first ones. In a dependency's depths, the last of these gives way
    /// to the nearest function of the program's own packages.
    fn rows(&self, steps: &[Step], callers: usize) -> Vec<usize> {
        if self.view.options.detail.all_frames {
            return (0..steps.len()).collect();
        }
        let mut rows: Vec<usize> = (0..steps.len().min(1 + callers)).collect();
        let own = steps.iter().position(|step| self.is_own(step)).unwrap_or(0);
        if let Some(last) = rows.last_mut().filter(|last| own > **last) {
            *last = own;
        }
        rows
    }

    fn is_own(&self, step: &Step) -> bool {
        let (base, new) = self.frames(step);
        new.or(base).is_some_and(fold::is_own)
    }

    /// The stacks of pairs with so many callers, and where they part that would read the same.
    fn told_apart(&self, pairs: &[&Pair], callers: usize) -> Vec<Vec<Line>> {
        let stacks: Vec<Stack> = pairs.iter().map(|pair| self.both(pair)).collect();
        let mut lines: Vec<Vec<Line>> = stacks.iter().map(|stack| self.listed(stack, callers)).collect();
        let texts: Vec<Vec<(&str, &str)>> = lines
            .iter()
            .map(|lines| lines.iter().map(|line| (&*line.function, &*line.location)).collect())
            .collect();
        let mut numbers = Numbers::new();
        let mut places = |stack: &Stack| -> Vec<Place> {
            let frame = |step: &Step| {
                let (base, new) = self.frames(step);
                new.or(base)
            };
            let tells = telling(stack.steps.iter().filter_map(frame).map(|frame| frame.role));
            let place = |step: &Step| {
                let shown = numbers.of((step.base, step.new), || {
                    let Line { function, location, .. } = self.told(step);
                    (function, location)
                });
                Place { shown, tells: frame(step).is_some_and(|frame| tells(frame.role)) }
            };
            stack.steps.iter().map(place).collect()
        };
        let places: Vec<Vec<Place>> = stacks.iter().map(&mut places).collect();
        let told = marks(&texts, &places);
        for ((lines, stack), told) in lines.iter_mut().zip(&stacks).zip(told) {
            for step in told.into_iter().map(|at| &stack.steps[at]) {
                lines.push(self.told(step));
            }
        }
        lines
    }

    /// The line of a step at which stacks part.
    fn told(&self, step: &Step) -> Line {
        let mut line = self.line("≠ ", step);
        let (base, new) = self.frames(step);
        if let Some(column) = new.or(base).and_then(|frame| frame.column) {
            line.location += &format!(":{column}");
        }
        line
    }

    /// What recursion is left out of a pair's stack.
    fn turns(&self, pair: &Pair) -> Option<Line> {
        let told =
            |sites: &Option<Sites>| sites.as_ref().filter(|it| it.turns.most > 0).map(|it| turns(it.turns));
        if self.view.options.detail.all_stacks {
            return None;
        }
        let text = match (told(&pair.base), told(&pair.new)) {
            (None, None) => return None,
            (Some(base), Some(new)) if base == new => base,
            (Some(base), Some(new)) => format!("{base} in base, {new} in new"),
            (Some(base), None) => format!("{base} in base"),
            (None, Some(new)) => format!("{new} in new"),
        };
        let function = format!("turns of a recursion: {text}");
        Some(Line { mark: "↻ ", function, location: String::new() })
    }

    fn line(&self, mark: &'static str, step: &Step) -> Line {
        let (base, new) = self.frames(step);
        // Of the two names, one may lack its path, or have one that is only guessed.
        let is_whole =
            |frame: &&Frame| !frame.path_guessed && names::short_name(&frame.function).contains("::");
        let named = [base, new].into_iter().flatten().max_by_key(is_whole);
        let function = named.map(|frame| self.name(&frame.function));
        Line { mark, function: function.unwrap_or_default(), location: self.location(base, new) }
    }

    /// The frames of both sides.
    fn frames(&self, step: &Step) -> (Option<&'a Frame>, Option<&'a Frame>) {
        let frame = |profile: &'a Profile, id: Option<FrameId>| profile.frames.get(id?.0 as usize);
        (frame(self.view.base, step.base), frame(self.view.new, step.new))
    }

    /// The function for people. An address is no name: the other build has another.
    fn name(&self, function: &str) -> String {
        match function.strip_prefix("0x").and_then(|text| text.split_once(" in ")) {
            Some((_, image)) => format!("?? in {image}"),
            None if self.view.options.detail.all_frames => names::short_name(function),
            None => names::display_name(function),
        }
    }

    /// The file and the line; the lines of both sides where they differ.
    fn location(&self, base: Option<&Frame>, new: Option<&Frame>) -> String {
        let place = |frame: Option<&Frame>, paths: &PathStyle| -> Option<(String, u32)> {
            let frame = frame?;
            Some((paths.show(frame.file.as_deref()?, frame.source()?), frame.line.unwrap_or(0)))
        };
        let sides = (place(base, &self.paths[0]), place(new, &self.paths[1]));
        let text = |(file, line): &(String, u32)| match line {
            0 => file.clone(),
            line => format!("{file}:{line}"),
        };
        match sides {
            (None, None) => String::new(),
            (Some(one), None) | (None, Some(one)) => text(&one),
            (Some(base), Some(new)) if !is_same_file(&base.0, &new.0) => {
                format!("{} → {}", text(&base), text(&new))
            }
            // A line that only one side knows is no difference.
            (Some(base), Some(new)) if base.1 == new.1 || base.1 == 0 || new.1 == 0 => {
                text(&(new.0, new.1.max(base.1)))
            }
            (Some(base), Some(new)) => format!("{} → :{}", text(&base), new.1),
        }
    }
}

/// How many turns, least and most: `3`, `0 to 5`.
fn turns(turns: Turns) -> String {
    let Turns { least, most } = turns;
    if least == most {
        count(most.into())
    } else {
        format!("{} to {}", count(least.into()), count(most.into()))
    }
}

/// Whether two short paths are of one file: one build's may begin further out, or in another version of its package.
fn is_same_file(a: &str, b: &str) -> bool {
    let in_package = |path: &str| path.rsplit_once("src/").map(|(_, path)| path.to_owned());
    let (long, short) = if a.len() > b.len() { (a, b) } else { (b, a) };
    long.strip_suffix(short).is_some_and(|rest| rest.is_empty() || rest.ends_with(['/', ' ']))
        || (a.contains(' ') && b.contains(' ') && in_package(a) == in_package(b))
}

/// The widths of functions and locations, the same for all lines.
pub(super) struct Columns {
    function: usize,
    location: usize,
}

impl Columns {
    /// Gives functions and locations what they need, or, where that is too much, functions at least three fifths.
    pub(super) fn fit<'a>(lines: impl Iterator<Item = &'a Line> + Clone, width: usize) -> Columns {
        const GAP: usize = 2;
        let widest = |of: fn(&Line) -> usize| lines.clone().map(of).max().unwrap_or(0);
        let function = widest(|line| text::width(line.mark) + text::width(&line.function));
        let location = widest(|line| text::width(&line.location));
        let room = width.saturating_sub(GAP);
        let location = location.min((room * 2 / 5).max(room.saturating_sub(function)));
        Columns { function: function.min(room - location), location }
    }

    pub(super) fn write(&self, line: &Line, is_headline: bool, out: &mut dyn Write) -> io::Result<()> {
        let (strong, faint) = (style::STRONG, style::FAINT);
        let mark = line.mark;
        let function = text::cut_start(&line.function, self.function.saturating_sub(text::width(mark)));
        let look = if is_headline { strong } else { style::PLAIN };
        write!(out, "{faint}{mark}{faint:#}{look}{function}{look:#}")?;
        if line.location.is_empty() {
            return writeln!(out);
        }
        let padding = (self.function + 2).saturating_sub(text::width(mark) + text::width(&function));
        let location = text::cut_start(&line.location, self.location);
        writeln!(out, "{:padding$}{faint}{location}{faint:#}", "")
    }
}

//! Windows and what is in them, laid out by taffy. `layout WINDOWS`.

use alloc_probe::AllocProbe;
use alloc_probe_programs::{Logged, step};
use taffy::prelude::*;

#[global_allocator]
static ALLOC: AllocProbe<Logged> = AllocProbe::new(Logged);

enum Content {
    Text(String),
    Picture { width: f32, height: f32 },
}

trait Widget {
    fn build(&self, tree: &mut TaffyTree<Content>) -> Result<NodeId, taffy::TaffyError>;
}

struct Label(String);
struct Picture(f32, f32);
struct Row(Vec<Box<dyn Widget>>);
struct Table {
    columns: usize,
    cells: Vec<Box<dyn Widget>>,
}

impl Widget for Label {
    fn build(&self, tree: &mut TaffyTree<Content>) -> Result<NodeId, taffy::TaffyError> {
        tree.new_leaf_with_context(Style::default(), Content::Text(self.0.clone()))
    }
}

impl Widget for Picture {
    fn build(&self, tree: &mut TaffyTree<Content>) -> Result<NodeId, taffy::TaffyError> {
        let style = Style { flex_shrink: 0.0, ..Style::default() };
        tree.new_leaf_with_context(style, Content::Picture { width: self.0, height: self.1 })
    }
}

impl Widget for Row {
    fn build(&self, tree: &mut TaffyTree<Content>) -> Result<NodeId, taffy::TaffyError> {
        let children = self.0.iter().map(|widget| widget.build(tree)).collect::<Result<Vec<_>, _>>()?;
        let style =
            Style { display: Display::Flex, flex_wrap: FlexWrap::Wrap, gap: length(4.0), ..Style::default() };
        tree.new_with_children(style, &children)
    }
}

impl Widget for Table {
    fn build(&self, tree: &mut TaffyTree<Content>) -> Result<NodeId, taffy::TaffyError> {
        let children = self.cells.iter().map(|widget| widget.build(tree)).collect::<Result<Vec<_>, _>>()?;
        let style = Style {
            display: Display::Grid,
            grid_template_columns: vec![fr(1.0); self.columns],
            ..Style::default()
        };
        tree.new_with_children(style, &children)
    }
}

fn measure(
    known: Size<Option<f32>>,
    space: Size<AvailableSpace>,
    content: Option<&mut Content>,
) -> Size<f32> {
    let Some(content) = content else { return Size::ZERO };
    match content {
        Content::Text(text) => {
            let most = known.width.or(space.width.into_option()).unwrap_or(f32::MAX);
            let mut lines = vec![0.0];
            for word in text.split(' ').map(|word| word.len() as f32 * 7.0) {
                match lines.last_mut() {
                    Some(last) if *last + word <= most => *last += word,
                    _ => lines.push(word),
                }
            }
            Size { width: lines.iter().copied().fold(0.0, f32::max), height: lines.len() as f32 * 12.0 }
        }
        Content::Picture { width, height } => {
            Size { width: known.width.unwrap_or(*width), height: known.height.unwrap_or(*height) }
        }
    }
}

fn window(number: u64, depth: u64) -> Box<dyn Widget> {
    let label =
        |at: u64| Box::new(Label(format!("label {at} ").repeat(1 + at as usize % 5))) as Box<dyn Widget>;
    let mut widgets: Vec<Box<dyn Widget>> = (0..number % 5).map(label).collect();
    widgets.push(Box::new(Picture(number as f32, 20.0)));
    if depth > 0 {
        widgets.extend((0..2).map(|at| window(number + at, depth - 1)));
    }
    if number % 2 == 0 {
        Box::new(Row(widgets))
    } else {
        Box::new(Table { columns: 1 + number as usize % 3, cells: widgets })
    }
}

fn shown(tree: &TaffyTree<Content>, node: NodeId, all: &mut Vec<String>) -> Result<(), taffy::TaffyError> {
    let layout = tree.layout(node)?;
    all.push(format!(
        "{:.0},{:.0} {:.0}x{:.0}",
        layout.location.x, layout.location.y, layout.size.width, layout.size.height
    ));
    tree.children(node)?.into_iter().try_for_each(|child| shown(tree, child, all))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count: u64 = std::env::args().nth(1).ok_or("usage: layout WINDOWS")?.parse()?;
    let mut trees = Vec::new();
    let mut all = Vec::new();
    for number in 0..count {
        step(number);
        let window = window(number, number % 4);
        step(number);
        let mut tree = TaffyTree::new();
        let root = window.build(&mut tree)?;
        for width in [320.0, 800.0] {
            step(number);
            let space = Size { width: AvailableSpace::Definite(width), height: AvailableSpace::MaxContent };
            tree.compute_layout_with_measure(root, space, |inputs, _, content, style| {
                taffy::compute_leaf_layout(
                    inputs,
                    style,
                    |_, _| 0.0,
                    |known, space| measure(known, space, content),
                )
            })?;
            step(number);
            shown(&tree, root, &mut all)?;
        }
        step(number);
        if let Some(first) = tree.children(root)?.first() {
            tree.remove(*first)?;
        }
        trees.push(tree);
    }
    step(1 << 32);
    println!("{} letters, {} trees", all.concat().len(), trees.len());
    Ok(())
}

//! The functions on a dump's stacks, found by way of the binaries that the dump names.

use addr2line::Loader;
use alloc_probe_format::dump::{Dump, Figures, FrameKind, Site, StackNode};

/// A dump whose stacks have names.
pub(crate) struct Stacks<'a> {
    dump: &'a Dump,
    /// For each row of the stacks, its frames, inlined ones first.
    frames: Vec<Vec<Frame>>,
}

/// A function on a stack, and where its source is.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) function: String,
    pub(crate) file: String,
}

impl<'a> Stacks<'a> {
    /// Names every row. What has no symbol has no frames.
    pub(crate) fn of(dump: &'a Dump) -> Stacks<'a> {
        let images = dump.images.iter().map(|image| Loader::new(&image.path).ok()).collect::<Vec<_>>();
        let frames = dump.stacks.iter().map(|node| frames(&images, node)).collect();
        Stacks { dump, frames }
    }

    /// The frames of a site's stack, from the allocation outwards.
    pub(crate) fn chain(&self, site: &Site) -> Vec<&Frame> {
        let mut chain = Vec::new();
        let mut row = site.stack;
        // Parents come before their children, which the consistency of a dump includes, so this ends.
        while row != 0 {
            chain.extend(&self.frames[row as usize]);
            row = self.dump.stacks[row as usize].parent;
        }
        chain
    }

    /// The sites that have a function on their stack.
    pub(crate) fn sites_below(&self, function: &str) -> impl Iterator<Item = &'a Site> {
        self.dump
            .sites
            .iter()
            .filter(move |site| self.chain(site).iter().any(|frame| frame.function == function))
    }

    /// The figures of all blocks allocated below a function.
    pub(crate) fn figures_below(&self, function: &str) -> Figures {
        self.sites_below(function).fold(Figures::default(), |mut sum, site| {
            sum.add(&site.figures);
            sum
        })
    }
}

/// The frames at a row's address.
///
/// Line tables name an inlined function by its last word only. The one that it was inlined into is in the symbol
/// table with its whole path.
fn frames(images: &[Option<Loader>], node: &StackNode) -> Vec<Frame> {
    let image = node.image.and_then(|image| images.get(image as usize)?.as_ref());
    let (Some(image), FrameKind::Call | FrameKind::Exact) = (image, node.kind) else { return Vec::new() };
    // A return address lies behind its call, which may be the last instruction of a function.
    let address = node.address - u64::from(node.kind == FrameKind::Call);
    let mut frames = Vec::new();
    if let Ok(mut found) = image.find_frames(address) {
        while let Ok(Some(frame)) = found.next() {
            let function = frame.function.and_then(|name| Some(demangled(&name.raw_name().ok()?)));
            let file = frame.location.and_then(|location| location.file).unwrap_or_default().to_owned();
            frames.push(Frame { function: function.unwrap_or_default(), file });
        }
    }
    if let Some(symbol) = image.find_symbol(address).map(demangled) {
        match frames.last_mut() {
            Some(outermost) => outermost.function = symbol,
            None => frames.push(Frame { function: symbol, file: String::new() }),
        }
    }
    frames
}

/// A name without its hash.
fn demangled(name: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(name))
}

//! The functions on a dump's stacks, found by way of the binaries that the dump names.

use addr2line::Loader;
use alloc_probe_format::dump::{Dump, Figures, FrameKind, Site, StackNode};

/// A dump whose stacks have names.
pub(crate) struct Stacks<'a> {
    dump: &'a Dump,
    /// For each row of the stacks, its functions, inlined ones first.
    functions: Vec<Vec<String>>,
}

impl<'a> Stacks<'a> {
    /// Names every row. What has no symbol has no functions.
    pub(crate) fn of(dump: &'a Dump) -> Stacks<'a> {
        let images = dump.images.iter().map(|image| Loader::new(&image.path).ok()).collect::<Vec<_>>();
        let functions = dump.stacks.iter().map(|node| functions(&images, node)).collect();
        Stacks { dump, functions }
    }

    /// The functions of a site's stack, from the allocation outwards.
    pub(crate) fn chain(&self, site: &Site) -> Vec<&str> {
        let mut chain = Vec::new();
        let mut row = site.stack;
        // Parents come before their children, which the consistency of a dump includes, so this ends.
        while row != 0 {
            chain.extend(self.functions[row as usize].iter().map(String::as_str));
            row = self.dump.stacks[row as usize].parent;
        }
        chain
    }

    /// The sites that have a function on their stack.
    pub(crate) fn sites_below(&self, function: &str) -> impl Iterator<Item = &'a Site> {
        self.dump.sites.iter().filter(move |site| self.chain(site).contains(&function))
    }

    /// The figures of all blocks allocated below a function.
    pub(crate) fn figures_below(&self, function: &str) -> Figures {
        self.sites_below(function).fold(Figures::default(), |mut sum, site| {
            sum.add(&site.figures);
            sum
        })
    }
}

/// The functions at a row's address, demangled, without hashes.
fn functions(images: &[Option<Loader>], node: &StackNode) -> Vec<String> {
    let image = node.image.and_then(|image| images.get(image as usize)?.as_ref());
    let (Some(image), FrameKind::Call | FrameKind::Exact) = (image, node.kind) else { return Vec::new() };
    // A return address lies behind its call, which may be the last instruction of a function.
    let address = node.address - u64::from(node.kind == FrameKind::Call);
    let mut functions = Vec::new();
    if let Ok(mut frames) = image.find_frames(address) {
        while let Ok(Some(frame)) = frames.next() {
            functions.extend(frame.function.and_then(|name| Some(demangled(&name.raw_name().ok()?))));
        }
    }
    if functions.is_empty() {
        functions.extend(image.find_symbol(address).map(demangled));
    }
    functions
}

fn demangled(name: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(name))
}

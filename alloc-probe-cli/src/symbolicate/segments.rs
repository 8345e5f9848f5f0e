//! Where the code of images lies in their files.

use super::bytes::Bytes;
use super::object_file::ObjectFile;
use crate::profile::Segment;
use alloc_probe_format::dump::Image;
use std::path::{Path, PathBuf};
use typed_arena::Arena;

/// The segment with the code of each image, by the file at its path, or by one of those that the user named; none where
/// there is no file of that build.
pub fn of(images: &[Image], binaries: &[PathBuf]) -> Vec<Option<Segment>> {
    images.iter().map(|image| of_image(image, binaries)).collect()
}

fn of_image(image: &Image, binaries: &[PathBuf]) -> Option<Segment> {
    if image.build_id.is_empty() || image.in_file_offsets {
        return None;
    }
    let own = Path::new(&image.path);
    let arena: Arena<Bytes> = Arena::new();
    let mut files =
        [own].into_iter().filter(|own| own.is_absolute()).chain(binaries.iter().map(PathBuf::as_path));
    files.find_map(|path| {
        let file = ObjectFile::open(path, &arena).ok().filter(|file| file.build_id() == image.build_id)?;
        file.code_segment()
    })
}

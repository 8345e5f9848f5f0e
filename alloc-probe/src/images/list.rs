//! The list of images from `dl_iterate_phdr`.

use super::image::{Code, ImageInfo};
use super::unloaded::mark_unloaded;
use crate::os;
use libc::{Elf64_Phdr, c_int, c_void, dl_phdr_info, size_t};
use std::ffi::CStr;
use std::ptr::null_mut;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64};

/// One image. It's never freed nor, but for `loaded` and `next`, changed.
pub(super) struct Image {
    next: AtomicPtr<Image>,
    pub(super) loaded: AtomicBool,
    /// The number of the refresh that saw it last.
    seen: AtomicU32,
    bias: u64,
    pub(super) start: u64,
    end: u64,
    code: Code,
    pub(super) build_id: &'static [u8],
    pub(super) path: &'static [u8],
}

static FIRST: AtomicPtr<Image> = AtomicPtr::new(null_mut());
/// LockGuard by the one thread that refreshes the list.
static REFRESHING: AtomicBool = AtomicBool::new(false);
pub(super) static PASS: AtomicU32 = AtomicU32::new(0);
/// How many images the dynamic linker had ever added and removed at the last refresh.
static ADDED: AtomicU64 = AtomicU64::new(u64::MAX);
static REMOVED: AtomicU64 = AtomicU64::new(u64::MAX);
/// Counts the times that all knowledge of addresses became void.
pub(super) static GENERATION: AtomicU32 = AtomicU32::new(1);
/// Stands for the last image that was met and isn't listed; 0 once it is.
pub(super) static UNLISTED: AtomicU64 = AtomicU64::new(0);

/// Whether the program was linked without the table by which the unwind information of its functions is found.
static MAIN_HAS_NO_TABLE: AtomicBool = AtomicBool::new(false);

/// Whether the executable is one without that table.
pub(crate) fn executable_has_no_table() -> bool {
    MAIN_HAS_NO_TABLE.load(Relaxed)
}

/// Brings the list up to date, unless another thread does. Tells whether what is known of addresses became void.
pub(crate) fn refresh() -> bool {
    if REFRESHING.swap(true, Acquire) {
        return false;
    }
    let mut pass = Pass { number: PASS.load(Relaxed) + 1, changed: None, main: true };
    // SAFETY: `visit` has the type that is asked for, and `pass` outlives the call.
    unsafe { libc::dl_iterate_phdr(Some(visit), (&raw mut pass).cast()) };
    let mut void = false;
    if let Some((added, removed)) = pass.changed {
        for (number, image) in (0..).zip(iter()) {
            if image.seen.load(Relaxed) != pass.number && image.loaded.swap(false, Relaxed) {
                mark_unloaded(image.start, image.end, number);
            }
        }
        void = REMOVED.swap(removed, Relaxed) != removed && pass.number != 1;
        // Code outside of all images may be inside one now.
        void |= ADDED.swap(added, Relaxed) != added && pass.number != 1;
        PASS.store(pass.number, Relaxed);
        UNLISTED.store(0, Relaxed);
    }
    REFRESHING.store(false, Release);
    if void {
        next_generation();
    }
    void
}

/// Adds an image that was met on a stack, unless the list is being brought up to date at this very moment. Those that
/// were where it is now are gone.
#[cfg_attr(
    not(all(target_arch = "x86_64", not(feature = "portable-unwinder"))),
    allow(dead_code, reason = "the portable unwinder meets no images")
)]
pub(super) fn add_met(headers: &[Elf64_Phdr], bias: u64, path: &[u8]) {
    if REFRESHING.swap(true, Acquire) {
        return;
    }
    let (start, end) = extent(headers, bias);
    for (number, image) in (0..).zip(iter()) {
        if image.start < end && start < image.end && image.loaded.swap(false, Relaxed) {
            mark_unloaded(image.start, image.end, number);
        }
    }
    let image = Image::at(bias, (start, end), code_of(headers), PASS.load(Relaxed));
    add(image, build_id_of(headers, bias).unwrap_or_default(), path);
    REFRESHING.store(false, Release);
}

/// The first address of an image, and the one after its last.
fn extent(headers: &[Elf64_Phdr], bias: u64) -> (u64, u64) {
    let at = |offset: u64| bias.wrapping_add(offset);
    let loaded = || headers.iter().filter(|header| header.p_type == libc::PT_LOAD);
    let start = loaded().map(|header| at(header.p_vaddr)).min().unwrap_or(0);
    let end = loaded().map(|header| at(header.p_vaddr.wrapping_add(header.p_memsz))).max().unwrap_or(0);
    (start, end)
}

/// The segment that is executed; of several, as the kernel's and loaders' tools do, the first.
fn code_of(headers: &[Elf64_Phdr]) -> Code {
    let is_code = |header: &&Elf64_Phdr| header.p_type == libc::PT_LOAD && header.p_flags & libc::PF_X != 0;
    let code = headers.iter().find(is_code);
    code.map_or(Code::default(), |code| Code {
        offset: code.p_offset,
        address: code.p_vaddr,
        bytes: code.p_memsz,
    })
}

/// The build id of an image that is loaded.
pub(super) fn build_id_of(headers: &[Elf64_Phdr], bias: u64) -> Option<&'static [u8]> {
    let notes = headers.iter().filter(|header| header.p_type == libc::PT_NOTE).map(|header| {
        let start = bias.wrapping_add(header.p_vaddr) as *const u8;
        // SAFETY: notes are part of what is loaded, and stay as they are while the image does.
        unsafe { std::slice::from_raw_parts(start, header.p_memsz as usize) }
    });
    notes.filter_map(build_id_in).next()
}

/// Calls `f` for each image, in the order in which they were first seen.
pub(crate) fn each(f: &mut dyn FnMut(ImageInfo<'_>)) {
    for image in iter() {
        f(ImageInfo {
            path: image.path,
            build_id: image.build_id,
            bias: image.bias,
            start: image.start,
            end: image.end,
            code: image.code,
            loaded: image.loaded.load(Relaxed),
        });
    }
}

pub(super) fn next_generation() {
    if GENERATION.fetch_add(1, AcqRel) == u32::MAX {
        GENERATION.fetch_add(1, AcqRel);
    }
}

pub(super) fn iter() -> impl Iterator<Item = &'static Image> {
    // SAFETY: the links are null or lead to images, which are never freed and were written before the link was.
    let follow = |link: &AtomicPtr<Image>| unsafe { link.load(Acquire).as_ref() };
    std::iter::successors(follow(&FIRST), move |image| follow(&image.next))
}

/// One refresh.
struct Pass {
    number: u32,
    /// The linker's counts, if they differ from the last refresh's.
    changed: Option<(u64, u64)>,
    /// Whether the next image is the executable: it comes first.
    main: bool,
}

/// One image, of those that `dl_iterate_phdr` goes through.
///
/// # Safety
///
/// As that function calls it: `info` describes a loaded image, and `pass` is the [`Pass`] that was handed over.
unsafe extern "C" fn visit(info: *mut dl_phdr_info, _size: size_t, pass: *mut c_void) -> c_int {
    // SAFETY: `dl_iterate_phdr` passes on the pointer it was given, and a valid description.
    let (pass, info) = unsafe { (&mut *pass.cast::<Pass>(), &*info) };
    let counts = (info.dlpi_adds, info.dlpi_subs);
    if pass.changed.is_none() && counts == (ADDED.load(Relaxed), REMOVED.load(Relaxed)) {
        return 1;
    }
    pass.changed = Some(counts);
    let main = std::mem::take(&mut pass.main);
    // SAFETY: the dynamic linker tells the address and the number of the object's program headers.
    let headers = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
    if main && headers.iter().all(|header| header.p_type != libc::PT_GNU_EH_FRAME) {
        MAIN_HAS_NO_TABLE.store(true, Relaxed);
    }
    let (start, end) = extent(headers, info.dlpi_addr);
    let build_id = build_id_of(headers, info.dlpi_addr).unwrap_or_default();
    let mut buffer = [0; 1024];
    let path = path_of(info, main, start, &mut buffer);
    let same = |image: &&Image| {
        let place = (image.bias, image.start, image.end);
        let name = (image.path, image.build_id);
        image.loaded.load(Relaxed) && place == (info.dlpi_addr, start, end) && name == (path, build_id)
    };
    if let Some(image) = iter().find(same) {
        image.seen.store(pass.number, Relaxed);
        return 0;
    }
    add(Image::at(info.dlpi_addr, (start, end), code_of(headers), pass.number), build_id, path);
    0
}

impl Image {
    /// One that is loaded there, still without its build id and its path.
    fn at(bias: u64, (start, end): (u64, u64), code: Code, pass: u32) -> Image {
        Image {
            next: AtomicPtr::new(null_mut()),
            loaded: AtomicBool::new(true),
            seen: AtomicU32::new(pass),
            bias,
            start,
            end,
            code,
            build_id: &[],
            path: &[],
        }
    }
}

/// The path of an image; `buffer` is room for that of the executable, which the dynamic linker doesn't tell.
fn path_of<'a>(info: &dl_phdr_info, main: bool, start: u64, buffer: &'a mut [u8]) -> &'a [u8] {
    if main {
        return os::without_mark(os::executable(buffer));
    }
    // SAFETY: has no preconditions.
    if start != 0 && unsafe { libc::getauxval(libc::AT_SYSINFO_EHDR) } == start {
        return b"[vdso]";
    }
    if info.dlpi_name.is_null() {
        return b"";
    }
    // SAFETY: the name is a C string that lives as long as the image is loaded, and the linker's lock is held.
    let name = unsafe { CStr::from_ptr(info.dlpi_name) }.to_bytes();
    let Some(copy) = buffer.get_mut(..name.len()) else { return b"" };
    copy.copy_from_slice(name);
    copy
}

/// The description of the note of type 3 (build id) that is owned by "GNU", among the notes of a segment.
fn build_id_in(mut notes: &[u8]) -> Option<&[u8]> {
    let word = |bytes: &[u8]| Some(u32::from_ne_bytes(bytes.get(..4)?.try_into().ok()?) as usize);
    loop {
        let (name, description, kind) = (word(notes)?, word(notes.get(4..)?)?, word(notes.get(8..)?)?);
        let start = 12 + name.checked_next_multiple_of(4)?;
        let end = start.checked_add(description)?;
        if kind == 3 && notes.get(12..12 + name)? == b"GNU\0" {
            return notes.get(start..end);
        }
        notes = notes.get(end.checked_next_multiple_of(4)?..)?;
    }
}

/// Adds an image to the end of the list, with copies of its build id and path. Only while refreshing. Without memory
/// for it, it's left out.
fn add(image: Image, build_id: &[u8], path: &[u8]) {
    let place = allot(size_of::<Image>() + build_id.len() + path.len());
    if place.is_null() {
        return;
    }
    let copy = |offset: usize, bytes: &[u8]| -> &'static [u8] {
        // SAFETY: the place has room for the image and then for both slices, and is this image's for good.
        unsafe {
            let to = place.add(size_of::<Image>() + offset);
            to.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
            std::slice::from_raw_parts(to, bytes.len())
        }
    };
    let image = Image { build_id: copy(0, build_id), path: copy(build_id.len(), path), ..image };
    let place = place.cast::<Image>();
    // SAFETY: as above; `allot` aligns to 16 bytes.
    unsafe { place.write(image) };
    iter().last().map_or(&FIRST, |last| &last.next).store(place, Release);
}

/// Memory from the operating system that is never given back. Null where there's none.
fn allot(size: usize) -> *mut u8 {
    const CHUNK: usize = 16 * 1024;
    static REST: AtomicPtr<u8> = AtomicPtr::new(null_mut());
    static LEFT: AtomicU64 = AtomicU64::new(0);
    let size = size.next_multiple_of(16);
    if size > CHUNK {
        return null_mut();
    }
    if LEFT.load(Relaxed) < size as u64 {
        let Some(chunk) = os::reserve(CHUNK) else { return null_mut() };
        REST.store(chunk.as_ptr(), Relaxed);
        LEFT.store(CHUNK as u64, Relaxed);
    }
    let place = REST.load(Relaxed);
    // SAFETY: at least `size` bytes of the chunk are left from there.
    REST.store(unsafe { place.add(size) }, Relaxed);
    LEFT.fetch_sub(size as u64, Relaxed);
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn build_ids_are_found_among_other_notes() {
        let note = |name: &[u8], kind: u32, description: &[u8]| {
            let mut bytes = Vec::new();
            for word in [name.len() as u32, description.len() as u32, kind] {
                bytes.extend(word.to_ne_bytes());
            }
            for part in [name, description] {
                bytes.extend(part);
                bytes.resize(bytes.len().next_multiple_of(4), 0);
            }
            bytes
        };
        let other = note(b"GNU\0", 1, &[0; 16]);
        let foreign = note(b"abcde\0", 3, &[7; 3]);
        let id = note(b"GNU\0", 3, &[1, 2, 3, 4, 5]);
        assert_eq!(build_id_in(&[&other[..], &foreign, &id].concat()), Some(&[1, 2, 3, 4, 5][..]));
        assert_eq!(build_id_in(&[&other[..], &foreign].concat()), None);
        for end in 0..id.len() - 3 {
            assert_eq!(build_id_in(&id[..end]), None, "{end}");
        }
        assert_eq!(build_id_in(&[0xff; 64]), None);
    }

    #[test]
    fn the_executable_and_the_c_library_are_listed() {
        refresh();
        let of = |address: u64| {
            let mut found = None;
            each(&mut |image| {
                if (image.start..image.end).contains(&address) && image.loaded {
                    assert!(found.is_none(), "listed twice");
                    found = Some((image.path.to_vec(), image.build_id.len()));
                }
            });
            found.unwrap()
        };
        let executable = std::fs::read_link("/proc/self/exe").unwrap();
        assert_eq!(of(build_id_in as *const () as u64).0, executable.as_os_str().as_encoded_bytes());
        if !cfg!(target_feature = "crt-static") {
            // SAFETY: the name is a C string. (A pointer to the function may lead to the executable's stub for it.)
            let function = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"getenv".as_ptr()) };
            let (library, build_id) = of(function as u64);
            assert!(
                library.starts_with(b"/") && library.windows(5).any(|part| part == b"libc."),
                "{library:?}"
            );
            assert_eq!(build_id, 20);
        }
        // SAFETY: has no preconditions.
        let vdso = unsafe { libc::getauxval(libc::AT_SYSINFO_EHDR) };
        assert_eq!(of(vdso).0, b"[vdso]");
        assert!(!refresh(), "nothing changed");
    }
}

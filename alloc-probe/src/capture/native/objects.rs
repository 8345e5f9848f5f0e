//! Which loaded object an address lies in, and where its unwind tables are.

use libc::{c_char, c_int, c_void, dl_phdr_info, size_t};
use std::ffi::CStr;
use std::mem::{MaybeUninit, transmute};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicPtr, AtomicU64};

/// An executable, a library or the kernel's own image.
#[derive(Clone, Copy, Debug)]
pub(super) struct Object {
    /// Its mapping's first address.
    pub(super) start: u64,
    /// The address after its mapping's last.
    pub(super) end: u64,
    /// The address of its `.eh_frame_hdr`; 0 without one.
    pub(super) eh_frame_hdr: u64,
    /// Its path, as the dynamic linker knows it: a C string, or null.
    path: *const c_char,
}

impl Object {
    /// Its path, as long as it's loaded; empty where it has none. For the executable musl has what it was started by,
    /// which is left out: it is known without.
    pub(super) fn path(&self) -> &CStr {
        let none = self.path.is_null() || self.start == EXECUTABLE[0].load(Relaxed);
        // SAFETY: it's the dynamic linker's own string, which stays while the object is loaded.
        if none { c"" } else { unsafe { CStr::from_ptr(self.path) } }
    }
}

/// The start of what `link_map` points to (`<link.h>`).
#[repr(C)]
struct LinkMap {
    address: u64,
    name: *const c_char,
}

impl Object {
    /// Whether an address lies between its first and its last.
    pub(super) fn contains(&self, address: u64) -> bool {
        (self.start..self.end).contains(&address)
    }
}

/// What `_dl_find_object` fills in (`<dlfcn.h>`).
#[repr(C)]
struct DlFindObject {
    flags: u64,
    map_start: *mut c_void,
    map_end: *mut c_void,
    link_map: *const LinkMap,
    eh_frame: *mut c_void,
    reserved: [u64; 7],
}

type DlFindObjectFn = unsafe extern "C" fn(*mut c_void, *mut DlFindObject) -> c_int;

const FIND_OBJECT: &CStr = c"_dl_find_object";
/// The function of that name, once [`prepare`] has found it.
static FIND: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());

/// From where to where the executable reaches, which is loaded for good.
static EXECUTABLE: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];

/// Looks for glibc's `_dl_find_object` (2.35 and later), which needs no lock, and for the executable.
pub(in super::super) fn prepare() {
    if let Some(object) = iterate(|_| true) {
        EXECUTABLE
            .iter()
            .zip([object.start, object.end])
            .for_each(|(bound, value)| bound.store(value, Relaxed));
    }
    // SAFETY: the name is a C string.
    FIND.store(unsafe { libc::dlsym(libc::RTLD_DEFAULT, FIND_OBJECT.as_ptr()) }, Relaxed);
}

/// The object that `address` lies in.
///
/// Without `_dl_find_object` this takes the dynamic linker's lock, as every exception that is thrown does. It's held
/// for moments only, by `dlopen`, `dlclose` and other searches.
pub(super) fn find(address: u64) -> Option<Object> {
    let find = FIND.load(Relaxed);
    if find.is_null() {
        return find_by_iterating(address);
    }
    let object = find_segment(find, address)?;
    if object.eh_frame_hdr == 0 || object.contains(object.eh_frame_hdr) {
        return Some(object);
    }
    // Where segments don't adjoin, it told the one that the address lies in. That is so with executables alone: the
    // dynamic linker keeps the gaps that libraries have.
    let [start, end] = EXECUTABLE.each_ref().map(|bound| bound.load(Relaxed));
    let whole = Object { start, end, ..object };
    if whole.contains(address) { Some(whole) } else { find_by_iterating(address) }
}

/// The object that `address` lies in, by glibc's function; perhaps with the bounds of a single segment of it.
fn find_segment(find: *mut c_void, address: u64) -> Option<Object> {
    // SAFETY: that is the function's type.
    let find = unsafe { transmute::<*mut c_void, DlFindObjectFn>(find) };
    let mut found = MaybeUninit::<DlFindObject>::zeroed();
    // SAFETY: the function takes any address, and `found` is of the type that it fills in.
    if unsafe { find(address as *mut c_void, found.as_mut_ptr()) } != 0 {
        return None;
    }
    // SAFETY: all-zero bytes are valid for the type, so it's initialised in any case.
    let found = unsafe { found.assume_init() };
    // SAFETY: it's the object's entry in the dynamic linker's list, which stays while the object is loaded.
    let path = unsafe { found.link_map.as_ref() }.map_or(std::ptr::null(), |map| map.name);
    Some(Object {
        start: found.map_start as u64,
        end: found.map_end as u64,
        eh_frame_hdr: found.eh_frame as u64,
        path,
    })
}

fn find_by_iterating(address: u64) -> Option<Object> {
    iterate(|object| object.contains(address))
}

struct Search<'a> {
    wanted: &'a dyn Fn(&Object) -> bool,
    found: Option<Object>,
}

/// The first object that is wanted. The very first is the executable.
fn iterate(wanted: impl Fn(&Object) -> bool) -> Option<Object> {
    unsafe extern "C" fn visit(info: *mut dl_phdr_info, _size: size_t, search: *mut c_void) -> c_int {
        // SAFETY: `dl_iterate_phdr` passes on the pointer it was given, and a valid description.
        let (search, info) = unsafe { (&mut *search.cast::<Search<'_>>(), &*info) };
        search.found = object_of(info).filter(search.wanted);
        c_int::from(search.found.is_some())
    }
    let mut search = Search { wanted: &wanted, found: None };
    // SAFETY: `visit` has the type that is asked for, and `search` outlives the call.
    unsafe { libc::dl_iterate_phdr(Some(visit), (&raw mut search).cast()) };
    search.found
}

fn object_of(info: &dl_phdr_info) -> Option<Object> {
    // SAFETY: the dynamic linker tells the address and the number of the object's program headers.
    let headers = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
    let mut object = Object { start: u64::MAX, end: 0, eh_frame_hdr: 0, path: info.dlpi_name };
    for header in headers {
        let start = info.dlpi_addr.wrapping_add(header.p_vaddr);
        match header.p_type {
            libc::PT_LOAD => {
                object.start = object.start.min(start);
                object.end = object.end.max(start.wrapping_add(header.p_memsz));
            }
            libc::PT_GNU_EH_FRAME => object.eh_frame_hdr = start,
            _ => {}
        }
    }
    (object.start < object.end).then_some(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_find_the_same_object() {
        prepare();
        for address in [prepare as *const () as u64, libc::strlen as *const () as u64] {
            let (quick, slow) = (find(address).unwrap(), find_by_iterating(address).unwrap());
            assert!((slow.start..slow.end).contains(&address), "{slow:x?}");
            assert_eq!((quick.start, quick.eh_frame_hdr), (slow.start & !0xfff, slow.eh_frame_hdr));
            assert_ne!(quick.eh_frame_hdr, 0);
        }
    }

    #[test]
    fn the_stack_lies_in_no_object() {
        prepare();
        let local = 0_u64;
        assert!(find(&raw const local as u64).is_none());
        assert!(find_by_iterating(&raw const local as u64).is_none());
    }
}

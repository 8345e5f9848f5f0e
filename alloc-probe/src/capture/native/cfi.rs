//! Reading the tables that compilers emit for exceptions: the call frame information in `.eh_frame`.

use super::arch;
use super::objects::Object;
use gimli::{
    BaseAddresses, EhFrame, EhFrameHdr, Encoding, EndianSlice, FrameDescriptionEntry, NativeEndian, Pointer,
    Register, RegisterRule, UnwindContext, UnwindContextStorage, UnwindExpression, UnwindSection,
    UnwindTableRow,
};

pub(super) type Slice = EndianSlice<'static, NativeEndian>;
pub(super) type Row = UnwindTableRow<usize, Storage>;

/// Room for what the tables' little programs need. It's on the program's stack, which may be a coroutine's small one:
/// together with `gimli`'s copies some 3.5 KiB on x86-64.
pub(super) struct Storage;

impl UnwindContextStorage<usize> for Storage {
    type Rules = [(Register, RegisterRule<usize>); arch::RULES];
    type Stack = [UnwindTableRow<usize, Storage>; 3];
}

/// Where the expressions of a row are, and how they are encoded.
pub(super) struct Section {
    frames: EhFrame<Slice>,
    encoding: Encoding,
}

impl Section {
    /// The bytes of an expression.
    pub(super) fn expression(
        &self,
        expression: &UnwindExpression<usize>,
    ) -> Option<gimli::Expression<Slice>> {
        expression.get(&self.frames).ok()
    }

    pub(super) fn encoding(&self) -> Encoding {
        self.encoding
    }
}

/// What the tables say of one address.
pub(super) struct Found<'a> {
    pub(super) row: &'a Row,
    pub(super) section: Section,
    /// Whether a signal made the frame: its caller was interrupted, it didn't call.
    pub(super) signal: bool,
}

/// Calls `f` with the row of `object`'s tables that covers `address`. `None` where there is none.
///
/// The tables are taken to be sound, as they are by whoever throws an exception through the code. `object` must be
/// loaded as long as this runs, which it is where `address` is on the thread's own stack.
pub(super) fn with_row<R>(object: &Object, address: u64, f: impl FnOnce(Found<'_>) -> R) -> Option<R> {
    if !object.contains(object.eh_frame_hdr) {
        return None;
    }
    let bases = BaseAddresses::default().set_eh_frame_hdr(object.eh_frame_hdr);
    let header =
        EhFrameHdr::new(bytes(object.eh_frame_hdr, object.end), NativeEndian).parse(&bases, 8).ok()?;
    let Pointer::Direct(frames_start) = header.eh_frame_ptr() else { return None };
    if !object.contains(frames_start) {
        return None;
    }
    let bases = bases.set_eh_frame(frames_start);
    let mut frames = EhFrame::new(bytes(frames_start, object.end), NativeEndian);
    frames.set_vendor(arch::VENDOR);
    let fde = header.table()?.fde_for_address(&frames, &bases, address, EhFrame::cie_from_offset).ok()?;
    row_of(frames, &bases, &fde, address, f)
}

/// As [`with_row`], for tables of another processor's, which were loaded at `start`.
#[cfg(test)]
pub(super) fn with_recorded_row<R>(
    tables: &'static [u8],
    start: u64,
    vendor: gimli::Vendor,
    address: u64,
    f: impl FnOnce(Found<'_>) -> R,
) -> Option<R> {
    let bases = BaseAddresses::default().set_eh_frame(start);
    let mut frames = EhFrame::new(tables, NativeEndian);
    frames.set_vendor(vendor);
    let fde = frames.fde_for_address(&bases, address, EhFrame::cie_from_offset).ok()?;
    row_of(frames, &bases, &fde, address, f)
}

fn row_of<R>(
    frames: EhFrame<Slice>,
    bases: &BaseAddresses,
    fde: &FrameDescriptionEntry<Slice>,
    address: u64,
    f: impl FnOnce(Found<'_>) -> R,
) -> Option<R> {
    let mut context = UnwindContext::<usize, Storage>::new_in();
    let row = fde.unwind_info_for_address(&frames, bases, &mut context, address).ok()?;
    let section = Section { frames, encoding: fde.cie().encoding() };
    Some(f(Found { row, section, signal: fde.is_signal_trampoline() }))
}

/// The memory from `start` to an object's end. The tables' own lengths keep reads within the parts that are mapped.
fn bytes(start: u64, end: u64) -> &'static [u8] {
    // SAFETY: `start` is where an object that is loaded has its tables, and the caller sees to it that they lie
    // before `end`. Nothing writes to them once the object is relocated. 'static stands for "as long as the object
    // is loaded", which `with_row`'s caller promises for the time of the call.
    unsafe { std::slice::from_raw_parts(start as *const u8, (end - start) as usize) }
}

//! What the list tells of an image.

/// An image.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ImageInfo<'a> {
    /// The path as the dynamic linker knows it, `/proc/self/exe`'s target for the executable, `[vdso]` for the
    /// kernel's; in the system's encoding.
    pub(crate) path: &'a [u8],
    /// The GNU build id; empty without one.
    pub(crate) build_id: &'a [u8],
    /// What must be added to an address in the file to get the one in the process.
    pub(crate) bias: u64,
    /// Its first address.
    #[cfg_attr(not(test), allow(dead_code, reason = "belongs to an image, whoever asks for it"))]
    pub(crate) start: u64,
    /// The address after its last.
    pub(crate) end: u64,
    #[cfg_attr(
        not(feature = "pprof"),
        allow(dead_code, reason = "belongs to an image, whoever asks for it")
    )]
    pub(crate) code: Code,
    /// Whether it was loaded when the list was last brought up to date.
    #[cfg_attr(not(test), allow(dead_code, reason = "belongs to an image, whoever asks for it"))]
    pub(crate) loaded: bool,
}

/// The part of an image that is executed, as its file has it. No bytes where that is not known.
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(not(feature = "pprof"), allow(dead_code, reason = "belongs to an image, whoever asks for it"))]
pub(crate) struct Code {
    /// Where it is in the file.
    pub(crate) offset: u64,
    /// Its address, to which the image's bias is added.
    pub(crate) address: u64,
    pub(crate) bytes: u64,
}

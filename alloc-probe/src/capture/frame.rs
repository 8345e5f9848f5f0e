//! One frame of a stack, as the tree of stacks knows it.

/// Frames of a stack that are recorded. Of a deeper one it's the outer half and the inner half less one, with
/// [`FrameKey::CUT`] between them.
pub(crate) const FRAMES_RECORDED: usize = 512;

/// One frame as the tree knows it: an address of the process in the lower 48 bits, and above it what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameKey(pub(crate) u64);

/// What the address of a [`FrameKey`] means.
#[cfg(test)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FrameKind {
    /// It's a return address: the call is just before it.
    Call,
    /// It's the instruction that a signal interrupted.
    Exact,
    /// There's none: frames are missing here.
    Cut,
}

impl FrameKey {
    /// Stands where frames are missing: the stack was too deep, or couldn't be followed further out. Its kind is 2, that
    /// of calls is 0, and that of instructions which a signal interrupted is 1.
    pub(crate) const CUT: FrameKey = FrameKey(2 << Self::KIND_SHIFT);

    const OPERATION: u64 = 3;

    const KIND_SHIFT: u32 = 48;
    const ADDRESS: u64 = (1 << Self::KIND_SHIFT) - 1;

    /// A frame that is to go on at the return address `pc`.
    #[inline(always)]
    pub(crate) const fn call(pc: u64) -> FrameKey {
        FrameKey(pc & Self::ADDRESS)
    }

    /// A frame that a signal interrupted at `pc`.
    #[cfg(native_unwinder)]
    pub(crate) const fn exact(pc: u64) -> FrameKey {
        FrameKey(pc & Self::ADDRESS | 1 << Self::KIND_SHIFT)
    }

    /// Whether a signal interrupted the frame.
    #[cfg(native_unwinder)]
    pub(crate) const fn is_exact(self) -> bool {
        self.0 >> Self::KIND_SHIFT == 1
    }

    /// The operation of that number, inward of which is what was done in it.
    pub(crate) const fn operation(number: u32) -> FrameKey {
        FrameKey(number as u64 | Self::OPERATION << Self::KIND_SHIFT)
    }

    /// Whether it is an operation.
    #[cfg(any(test, feature = "checked-stacks"))]
    pub(crate) const fn is_operation(self) -> bool {
        self.0 >> Self::KIND_SHIFT == Self::OPERATION
    }

    /// The address; 0 for [`FrameKey::CUT`].
    #[cfg(any(test, feature = "checked-stacks"))]
    pub(crate) const fn address(self) -> u64 {
        self.0 & Self::ADDRESS
    }

    /// What the address means.
    #[cfg(test)]
    pub(crate) const fn kind(self) -> FrameKind {
        match self.0 >> Self::KIND_SHIFT {
            0 => FrameKind::Call,
            1 => FrameKind::Exact,
            _ => FrameKind::Cut,
        }
    }
}

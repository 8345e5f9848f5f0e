//! How to get from a frame to its caller's, in 29 bits.

/// What a [`Rule`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Kind {
    /// Nothing: no rule is known.
    Empty = 0,
    /// The caller's stack pointer (the "canonical frame address", CFA) is the stack pointer plus a constant.
    Sp = 1,
    /// The CFA is the frame pointer plus a constant.
    Bp = 2,
    /// The CFA is stored at the frame pointer less a constant, the caller's frame pointer at the frame pointer: what
    /// GCC does where it realigns the stack.
    Stored = 3,
    /// No tables cover the code. It may keep frame pointers; to be found out each time.
    FramePointer = 4,
    /// It's the outermost frame.
    End = 5,
    /// What a signal interrupted, or more than fits here.
    Unusual = 6,
    /// As [`Kind::Sp`], but the frame stores its return address alone, in the slot that would be the frame pointer's.
    #[cfg(any(test, target_arch = "aarch64"))]
    Alone = 7,
}

impl Kind {
    /// Whether the CFA is found from the stack pointer.
    pub(super) fn is_by_sp(self) -> bool {
        match self {
            Kind::Sp => true,
            #[cfg(any(test, target_arch = "aarch64"))]
            Kind::Alone => true,
            _ => false,
        }
    }
}

/// A rule in its packed form:
///
/// ```text
///  28                       9 8        3 2    0
/// +--------------------------+----------+------+
/// |      CFA, in words       | bp slot  | kind |
/// +--------------------------+----------+------+
/// ```
///
/// The caller's frame pointer is the word `bp slot` words below the CFA. On x86-64 the return address is always the word
/// below the CFA; a slot of 1, which would be that, says that the frame pointer is still the caller's. So the word can be
/// read before it's known whether it's needed. On aarch64 the return address is the word above the frame pointer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rule(pub(super) u32);

impl Rule {
    /// How many bits a rule takes.
    pub(super) const BITS: u32 = 29;

    pub(super) const EMPTY: Rule = Rule(Kind::Empty as u32);
    pub(super) const UNUSUAL: Rule = Rule::new(Kind::Unusual, 0, Self::BP_UNCHANGED);
    pub(super) const END: Rule = Rule::new(Kind::End, 0, Self::BP_UNCHANGED);
    /// The frame that `push rbp; mov rbp, rsp` makes.
    pub(super) const FRAME_POINTER: Rule = Rule::new(Kind::FramePointer, 2, 2);

    /// Of code that has only been called yet.
    pub(super) const STUB: Rule = Rule::new(Kind::Sp, 1, Self::BP_UNCHANGED);

    const BP_UNCHANGED: u32 = 1;
    const BP_SHIFT: u32 = 3;
    const BP_MAX: u32 = 63;
    const CFA_SHIFT: u32 = 9;
    const CFA_MAX: u32 = (1 << (Self::BITS - Self::CFA_SHIFT)) - 1;

    const fn new(kind: Kind, cfa_words: u32, bp_words: u32) -> Rule {
        Rule(cfa_words << Self::CFA_SHIFT | bp_words << Self::BP_SHIFT | kind as u32)
    }

    /// The rule of an ordinary frame: its CFA is `base` plus `cfa` bytes, and the caller's frame pointer is stored at
    /// the CFA less `bp` bytes, if at all. [`Rule::UNUSUAL`] where that can't be said in 29 bits.
    pub(super) fn simple(base: Kind, cfa: i64, bp: Option<i64>) -> Rule {
        let words = |bytes: i64, max: u32| {
            let whole = bytes % 8 == 0 && bytes >= 0;
            u32::try_from(bytes / 8).ok().filter(|&words| whole && words <= max)
        };
        let cfa = words(cfa, Self::CFA_MAX);
        let bp = bp.map_or(Some(Self::BP_UNCHANGED), |bp| words(bp, Self::BP_MAX).filter(|&bp| bp > 1));
        match (cfa, bp) {
            // Frames reach from the stack pointer to the CFA, so that is where what they store must lie.
            (Some(cfa), Some(bp)) if !base.is_by_sp() || cfa >= bp => Rule::new(base, cfa, bp),
            _ => Rule::UNUSUAL,
        }
    }

    /// What it says.
    #[inline(always)]
    pub(super) fn kind(self) -> Kind {
        match self.0 & 7 {
            1 => Kind::Sp,
            2 => Kind::Bp,
            3 => Kind::Stored,
            4 => Kind::FramePointer,
            5 => Kind::End,
            6 => Kind::Unusual,
            #[cfg(any(test, target_arch = "aarch64"))]
            7 => Kind::Alone,
            _ => Kind::Empty,
        }
    }

    /// The distance from the base to the CFA, in bytes ([`Kind::Stored`]: from where the CFA is stored to the base).
    #[inline(always)]
    pub(super) fn cfa_bytes(self) -> u64 {
        u64::from(self.0 >> Self::CFA_SHIFT) * 8
    }

    /// The distance from the slot of the caller's frame pointer to the CFA, in bytes; 8 where there is none.
    #[inline(always)]
    pub(super) fn bp_bytes(self) -> u64 {
        u64::from(self.0 >> Self::BP_SHIFT & Self::BP_MAX) * 8
    }

    /// Whether the CFA is a constant from the stack or frame pointer.
    pub(super) fn is_simple(self) -> bool {
        self.kind().is_by_sp() || self.kind() == Kind::Bp
    }

    /// Whether the caller's state depends on the frame pointer here, other than by passing it on.
    #[inline(always)]
    pub(super) fn uses_bp(self) -> bool {
        (Kind::Bp as u32..=Kind::Stored as u32).contains(&(self.0 & 7))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::native::step::restores_bp;

    #[test]
    fn simple_rules_keep_their_fields() {
        let rule = Rule::simple(Kind::Sp, 0x110, Some(48));
        assert_eq!((rule.kind(), rule.cfa_bytes(), rule.bp_bytes()), (Kind::Sp, 0x110, 48));
        assert!(restores_bp(rule) && !rule.uses_bp());
        let rule = Rule::simple(Kind::Bp, 16, None);
        assert_eq!((rule.kind(), rule.cfa_bytes(), rule.bp_bytes()), (Kind::Bp, 16, 8));
        assert!(rule.uses_bp() && restores_bp(rule) != cfg!(target_arch = "x86_64"));
        assert!(!Rule::END.uses_bp() && !restores_bp(Rule::END));
    }

    #[test]
    fn the_largest_frame_fits_and_a_larger_one_is_unusual() {
        let largest = (1 << 23) - 8;
        let rule = Rule::simple(Kind::Sp, largest, Some(63 * 8));
        assert_eq!((rule.cfa_bytes(), rule.bp_bytes()), (largest as u64, 63 * 8));
        assert!(rule.0 < 1 << Rule::BITS);
        assert_eq!(Rule::simple(Kind::Sp, largest + 8, None), Rule::UNUSUAL);
        assert_eq!(Rule::simple(Kind::Sp, largest, Some(64 * 8)), Rule::UNUSUAL);
    }

    #[test]
    fn rules_that_would_read_outside_the_frame_are_unusual() {
        for (cfa, bp) in [(0, None), (-8, None), (12, None), (16, Some(24)), (16, Some(8)), (16, Some(-8))] {
            assert_eq!(Rule::simple(Kind::Sp, cfa, bp), Rule::UNUSUAL, "{cfa} {bp:?}");
        }
    }
}

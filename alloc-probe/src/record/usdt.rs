//! The probes of OpenTelemetry's memory profiling, in the format of SystemTap, which a profiler in the kernel attaches to:
//! `otel_memory:alloc(address, size, weighted_bytes)` where a block was sampled, and `otel_memory:free(address)` where one of
//! these is about to be freed.
//!
//! <https://github.com/open-telemetry/opentelemetry-ebpf-profiler/tree/main/design-docs/00003-memory-profiling>

#[cfg(all(feature = "usdt", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod notes {
    use std::arch::asm;
    use std::sync::atomic::AtomicU16;

    /// How many profilers are attached to a probe: the kernel counts.
    #[unsafe(link_section = ".probes")]
    pub(super) static ALLOC: AtomicU16 = AtomicU16::new(0);
    #[unsafe(link_section = ".probes")]
    pub(super) static FREE: AtomicU16 = AtomicU16::new(0);

    /// An instruction that does nothing until a profiler puts a breakpoint in its place, and a note that says where it is,
    /// where the count is, and which registers have the arguments.
    macro_rules! probe {
        ($name:literal, $arguments:literal, $count:path, $($operand:tt)*) => {
            // SAFETY: the instruction changes nothing, and neither does the kernel in its place. All else is in sections of
            // its own, which say where it is.
            unsafe {
                asm!(
                    "990: nop",
                    // `R`: the linker keeps the base, though no code refers to it.
                    ".ifndef _.stapsdt.base",
                    ".pushsection .stapsdt.base,\"aGR\",%progbits,.stapsdt.base,comdat",
                    ".weak _.stapsdt.base",
                    ".hidden _.stapsdt.base",
                    "_.stapsdt.base: .space 1",
                    ".size _.stapsdt.base, 1",
                    ".popsection",
                    ".endif",
                    ".pushsection .note.stapsdt,\"\",%note",
                    ".balign 4",
                    ".4byte 992f-991f, 994f-993f, 3",
                    "991: .asciz \"stapsdt\"",
                    "992: .balign 4",
                    "993: .8byte 990b",
                    ".8byte _.stapsdt.base",
                    ".8byte {count}",
                    ".asciz \"otel_memory\"",
                    concat!(".asciz \"", $name, "\""),
                    concat!(".asciz \"", $arguments, "\""),
                    "994: .balign 4",
                    ".popsection",
                    count = sym $count,
                    $($operand)*,
                    options(nostack, preserves_flags),
                )
            }
        };
    }

    // An inlined function would be several probes.
    #[cfg(target_arch = "x86_64")]
    #[inline(never)]
    pub(super) fn alloc(address: u64, size: u64, weighted: u64) {
        probe!("alloc", "8@%rdi 8@%rsi 8@%rdx", ALLOC, in("rdi") address, in("rsi") size, in("rdx") weighted);
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(never)]
    pub(super) fn free(address: u64) {
        probe!("free", "8@%rdi", FREE, in("rdi") address);
    }

    #[cfg(target_arch = "aarch64")]
    #[inline(never)]
    pub(super) fn alloc(address: u64, size: u64, weighted: u64) {
        probe!("alloc", "8@x0 8@x1 8@x2", ALLOC, in("x0") address, in("x1") size, in("x2") weighted);
    }

    #[cfg(target_arch = "aarch64")]
    #[inline(never)]
    pub(super) fn free(address: u64) {
        probe!("free", "8@x0", FREE, in("x0") address);
    }
}

/// A block was sampled that stands for `weighted` bytes.
#[inline]
pub(super) fn alloc(address: u64, size: u64, weighted: u64) {
    #[cfg(all(feature = "usdt", any(target_arch = "x86_64", target_arch = "aarch64")))]
    if notes::ALLOC.load(std::sync::atomic::Ordering::Relaxed) != 0 {
        notes::alloc(address, size, weighted);
    }
    #[cfg(not(all(feature = "usdt", any(target_arch = "x86_64", target_arch = "aarch64"))))]
    let _ = (address, size, weighted);
}

/// A sampled block is about to be freed, or moved: where that fails, a profiler has been told of an end that was none.
#[inline]
pub(super) fn free(address: u64) {
    #[cfg(all(feature = "usdt", any(target_arch = "x86_64", target_arch = "aarch64")))]
    if notes::FREE.load(std::sync::atomic::Ordering::Relaxed) != 0 {
        notes::free(address);
    }
    #[cfg(not(all(feature = "usdt", any(target_arch = "x86_64", target_arch = "aarch64"))))]
    let _ = address;
}

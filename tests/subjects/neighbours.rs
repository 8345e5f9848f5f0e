//! A program that maps memory of its own, for the system to lay it right beside the probe's: the kernel may then
//! list the two as one mapping. `neighbours` keeps 64 MiB, all of it touched.

/// Bytes of one mapping.
const SIZE: usize = 8 << 20;

pub(crate) fn main() {
    drop(std::hint::black_box(Box::new(0_u8)));
    // Mappings are joined only where they are of one kind, and it's not ours to know of which the probe's are.
    for flags in [0, libc::MAP_NORESERVE].repeat(4) {
        // SAFETY: the system chooses a place where nothing is.
        let start = unsafe {
            let (access, flags) =
                (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | flags);
            libc::mmap(std::ptr::null_mut(), SIZE, access, flags, -1, 0)
        };
        assert_ne!(start, libc::MAP_FAILED);
        // SAFETY: the mapping was made with this size, for reading and writing, and is known here only.
        unsafe { start.cast::<u8>().write_bytes(1, SIZE) };
    }
}

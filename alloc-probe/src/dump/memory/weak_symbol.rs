//! Functions that the program may have or not: those of an allocator which the probe knows of, and does not depend on.

/// The address of a function by its name; 0 where the program has none of that name.
///
/// The reference is weak: the linker fills in where the function is if anything else brings it along, and 0 if nothing
/// does, rather than to fail.
macro_rules! address_of {
    ($name:literal) => {{
        let address: usize;
        #[cfg(target_arch = "x86_64")]
        // SAFETY: this loads a word that the linker, or the dynamic linker at the start, has filled in.
        unsafe {
            std::arch::asm!(
                concat!(".weak ", $name),
                concat!("mov {}, qword ptr [rip + ", $name, "@GOTPCREL]"),
                out(reg) address,
                options(nostack, preserves_flags, readonly),
            );
        }
        #[cfg(target_arch = "aarch64")]
        // SAFETY: as above.
        unsafe {
            std::arch::asm!(
                concat!(".weak ", $name),
                concat!("adrp {0}, :got:", $name),
                concat!("ldr {0}, [{0}, :got_lo12:", $name, "]"),
                out(reg) address,
                options(nostack, preserves_flags, readonly),
            );
        }
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        {
            address = 0;
        }
        address
    }};
}

/// A function of a type by its name, or the first of several names that the program has. None where it has none.
macro_rules! function {
    ($($name:literal)|+ as $type:ty) => {{
        let address = [$($crate::dump::memory::weak_symbol::address_of!($name)),+].into_iter().find(|&address| address != 0);
        // SAFETY: where there is a function of that name, it is the allocator's, whose header declares it so.
        address.map(|address| unsafe { std::mem::transmute::<usize, $type>(address) })
    }};
}

pub(super) use {address_of, function};

#[cfg(test)]
mod tests {
    #[test]
    fn a_function_is_found_if_it_is_there() {
        let getpid = function!("no_such_function" | "getpid" as extern "C" fn() -> i32).unwrap();
        assert_eq!(getpid() as u32, std::process::id());
        assert!(function!("no_such_function" as extern "C" fn()).is_none());
    }
}

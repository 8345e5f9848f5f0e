//! Allocators that the probe knows if it wraps one: a file for each, and a line in [`KNOWN`].

mod allocator;
mod glibc;
mod jemalloc;
mod mimalloc;

pub(super) use allocator::{Allocator, Report, Unknown};

/// Recognises an allocator by the name of its type, in lower case, and by the functions that the program has.
type Recognise = fn(&str) -> Option<Box<dyn Allocator>>;

/// All that are known. The first that recognises itself counts.
const KNOWN: [Recognise; 3] = [jemalloc::recognise, mimalloc::recognise, glibc::recognise];

/// The allocator whose type has a name.
pub(super) fn of_type(name: &str) -> Box<dyn Allocator> {
    let name = name.to_ascii_lowercase();
    KNOWN.iter().find_map(|recognise| recognise(&name)).unwrap_or_else(|| Box::new(Unknown))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allocator_is_known_by_its_type_and_its_functions() {
        let glibc = cfg!(all(target_env = "gnu", target_pointer_width = "64"));
        assert_eq!(of_type("std::alloc::System").is_malloc(), glibc);
        // Its type alone is not enough: this program has no function of it.
        for name in ["tikv_jemallocator::Jemalloc", "mimalloc::MiMalloc", "mine::Bump", ""] {
            let unknown = of_type(name);
            assert!(!unknown.is_malloc() && unknown.basis().is_none() && unknown.rounded(7) == 7, "{name}");
            assert!(unknown.report().facts.is_none(), "{name}");
        }
    }
}

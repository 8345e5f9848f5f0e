//! How a program of several subjects is run, and the words in which a subject says what is known of it.

use crate::reference;
use alloc_probe::Mode;
use std::hint::black_box;

/// Runs the one of a program's subjects that its first argument names.
///
/// # Panics
///
/// If none has that name.
pub fn run(subjects: &[(&str, fn())]) {
    let name = std::env::args().nth(1).unwrap_or_default();
    let found = subjects.iter().find(|(subject, _)| *subject == name).map(|(_, main)| main);
    let main = found.unwrap_or_else(|| panic!("no subject is called `{name}`"));
    drop(name);
    // What follows keeps the call from becoming a jump, which would cost a frame.
    main();
    black_box(());
}

/// A subject's own arguments: those after its name.
pub fn arguments() -> impl Iterator<Item = String> {
    std::env::args().skip(2)
}

/// Asserts that the probe and the reference agree to the byte at this instant. For one thread: with several,
/// the two may see the events of an instant in different orders.
///
/// # Panics
///
/// If they differ.
pub fn agree() {
    let (probe, reference) = (alloc_probe::stats(), reference::snapshot());
    if matches!(probe.mode, Mode::Off) {
        return;
    }
    let rows = [
        ("total_bytes", probe.total_bytes, reference.total_bytes),
        ("total_blocks", probe.total_blocks, reference.total_blocks),
        ("freed_bytes", probe.freed_bytes, reference.freed_bytes),
        ("freed_blocks", probe.freed_blocks, reference.freed_blocks),
        ("live_bytes", probe.live_bytes, reference.live_bytes),
        ("live_blocks", probe.live_blocks, reference.live_blocks),
        ("peak_bytes", probe.peak_bytes, reference.peak_bytes),
        ("peak_blocks", probe.peak_blocks, reference.peak_blocks),
        ("realloc_calls", probe.realloc_calls, reference.realloc_calls),
    ];
    for (name, probe, reference) in rows {
        assert_eq!(probe, reference, "{name}: the probe says {probe}, the reference {reference}");
    }
}

/// States figures of a function: of all blocks allocated below it. The names are those of the dump's figures.
///
/// ```text
/// known!(hundred_boxes; total_blocks = 101, end_blocks = 0);
/// ```
///
/// It prints a line, `known subjects::boxes::hundred_boxes total_blocks=101 end_blocks=0`, which the suite holds against
/// the dump. The function stands in the subject's own module; it must be marked `#[inline(never)]` and not end in a call, which could replace its frame.
#[macro_export]
macro_rules! known {
    ($function:ident; $($figure:ident = $value:expr),+ $(,)?) => {
        println!(
            concat!("known {}", $(" ", stringify!($figure), "={}"),+),
            ::std::any::type_name_of_val(&self::$function),
            $(u64::try_from($value).expect("figures are not negative")),+
        )
    };
}

//! Random programs, as Rust: they [`grow`] from a seed, are a [`program`] as a tree, and are [`print`]ed into a
//! [`package`]. Where one shows a fault, it can [`shrink`] to what the fault needs.

mod grow;
pub(crate) mod package;
mod print;
mod program;
mod shrink;

pub(crate) use grow::grow;
pub(crate) use program::Program;
pub(crate) use shrink::shrink;

#[test]
fn a_seed_always_makes_the_same_program() {
    let text = |seed| print::print(&grow(seed), "made");
    let (one, again, other) = (text(7), text(7), text(8));
    assert_eq!((&one.above, &one.below), (&again.above, &again.below));
    assert_ne!(one.above, other.above);
}

//! Runs the subjects in both build profiles and holds what the probe says of them against what is known.

// How a subject is built, run and read.
mod binaries;
mod faults;
mod run;
#[cfg(feature = "real-input")]
mod sources;
mod stacks;
mod tool;

// What every dump must satisfy.
mod consistency;
#[cfg(feature = "schema")]
mod schema;

// Against the reference and against figures derived by hand.
#[cfg(feature = "real-input")]
mod account;
mod chains;
mod endings;
mod heap_pages;
mod lifetimes;
mod memory;
mod observers;
mod random;
#[cfg(feature = "real-input")]
mod real_input;
mod subjects;
mod threads;

// What users set, and what they type.
mod command_line;
mod damaged;
mod environment;
mod explanations;
mod findings;
mod hunger;
#[cfg(feature = "real-input")]
mod orders;
mod outside;
mod why_release;

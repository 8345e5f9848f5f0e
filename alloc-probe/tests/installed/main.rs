//! Ordinary tests that measure memory, in a program that holds the probe by its one line: all of them run side by side.

mod assertions;
mod budgets;
mod scopes;
mod two_hundred;

alloc_probe::install!();

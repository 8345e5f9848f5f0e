//! The command line of `alloc-probe`, as a library so that tests need no process.
//!
//! The way of the data: [`load`] → [`symbolicate`] → [`analyse`] → [`render`], all over one [`profile`].
#![deny(unsafe_code)]

pub mod profile;

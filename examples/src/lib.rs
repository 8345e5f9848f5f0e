//! The examples share nothing.

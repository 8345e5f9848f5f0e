//! Scopes: what a piece of code allocates, exactly, whatever other threads do meanwhile.
//!
//! * [`slot`] is one scope, and [`open`] has those that are open and the tree that they make.
//! * [`blocks`] knows the live blocks that they own, [`sites`] what they did at which stack; both are a [`table`].
//! * [`record`] is what the hook calls while any scope is open. While none is, the hook doesn't know that there are any:
//!   the state of recording has a bit for it.
//! * [`inherit`] tells a new thread which scope it was started in, and [`starting`] when it is at the code of the program.

mod blocks;
pub(crate) mod inherit;
pub(crate) mod open;
pub(crate) mod record;
pub(crate) mod sites;
pub(crate) mod slot;
mod starting;
mod table;

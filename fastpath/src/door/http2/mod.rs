//! The server's side of HTTP/2 (RFC 9113) for the door, written so that a call costs little: a head that came before is known
//! again by its bytes, a message is read where it lies, and all answers of a turn leave with one write.
//!
//! `protocol` is given frames and gives events and bytes; it has no socket, no clock and no tasks. `receive` reads frames into
//! it, `send` writes answers out of it, `blocks`, `list` and `fields` are their HPACK, `strikes` counts what only keeps it busy. A
//! `conversation` is the protocol as its connection, its calls and their tasks share it, and a `handle` is one stream as a task
//! reads and writes it.

mod blocks;
mod conversation;
mod fields;
mod handle;
mod list;
mod protocol;
mod receive;
mod send;
mod stream;
mod strikes;
#[cfg(test)]
mod tests;

pub use self::conversation::Conversation;
pub use self::handle::{Gone, Handle};
pub use self::protocol::{Event, Protocol};
pub use self::send::Ending;
pub use self::stream::{Arriving, Work};

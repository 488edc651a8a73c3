//! The fast door: an HTTP/2 listener that answers the hot methods from the engine and forwards every other call.
//!
//! Each I/O thread owns its connections whole: what is here runs on one thread, waits for nothing but sockets, and hands
//! calls to the engine and takes its answers in bulk (`thread`). A connection (`connection`) speaks HTTP/2 through the h2
//! crate; a call's head (`head`) decides whether it is answered here (`unary`, `stream`) or by the servicer behind the
//! private socket (`forward`). No Python is named or entered.

mod answer;
mod body;
mod calls;
mod connection;
mod forward;
pub mod frames;
mod head;
mod heartbeat;
mod listener;
mod mailbox;
mod payload;
mod peer;
mod settings;
mod stream;
mod stream_body;
mod stream_calls;
mod thread;
pub mod tls;
mod unary;
mod unfinished;
mod upstream;
mod wire;

pub use self::listener::Door;
pub use self::settings::Settings;
pub use self::upstream::Upstream;

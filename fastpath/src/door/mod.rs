//! The fast door: an HTTP/2 listener that answers the hot methods from the engine and forwards every other call.
//!
//! Each I/O thread owns its connections whole: what is here runs on one thread, waits for nothing but sockets, and hands
//! calls to the engine and takes its answers in bulk (`thread`). A connection (`connection`) speaks HTTP/2 by `http2`; a
//! call's head (`head`) decides whether it is answered here (`unary`, `stream`) or by the servicer behind the private
//! socket (`forward`). No Python is named or entered.

mod answer;
mod body;
mod connection;
mod forward;
mod head;
mod heartbeat;
pub mod http2;
mod listener;
pub(crate) mod mailbox;
mod peer;
pub(crate) mod settings;
mod stream;
mod stream_body;
mod stream_calls;
mod thread;
pub mod tls;
mod unary;
pub(crate) mod unfinished;
mod upstream;

pub(crate) use self::connection::spread_at_random;
pub use self::listener::Door;
pub(crate) use self::listener::{ACCEPT_PAUSE, STOP_LOOK, bind};
pub use self::settings::Settings;
pub use self::upstream::Upstream;

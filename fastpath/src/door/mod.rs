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
pub(crate) mod mailbox;
mod payload;
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
mod wire;

pub(crate) use self::connection::spread_at_random;
pub use self::listener::Door;
pub(crate) use self::listener::{ACCEPT_PAUSE, STOP_LOOK, bind};
pub use self::settings::Settings;
pub use self::upstream::Upstream;

//! A client's channel: unary gRPC calls from any thread over HTTP/2, moved by one thread of its own.
//!
//! A call costs its caller one lock, and a wake where the thread sleeps; calls that are handed in together cost that once.
//! The thread writes them in one go, and gives answers back whenever it has read all that came. Like grpc's channels it
//! connects at the first call, fails calls at once while a server cannot be reached (fail-fast), and sends a call again by
//! itself only where the server surely did not see it; every other retry is the caller's to decide.

pub(crate) mod answer;
pub(crate) mod backoff;
pub(crate) mod call;
mod calls;
mod channel;
pub(crate) mod connect;
mod connection;
mod driver;
pub mod failure;
mod inbox;
pub mod keepalive;
pub mod outbox;
pub mod settings;
pub mod target;
pub mod tls;

pub use self::channel::{Channel, Prepared, Request};
pub use self::failure::Failure;
pub use self::outbox::{Outbox, Reply, Waiter};
pub use self::settings::Settings;
pub use self::target::Target;

//! gRPC over HTTP/2, apart from HTTP/2 itself: message frames, encodings, timeouts, and how a call ends.
//!
//! Pure and total over hostile bytes; no sockets and no tasks. The clauses cited are those of PROTOCOL-HTTP2.md and
//! compression.md in gRPC's documentation.

pub mod encoding;
pub mod ending;
pub mod frame;
pub mod percent;
pub mod timeout;

pub use self::encoding::Encoding;
pub use self::frame::{Deframer, Framed};

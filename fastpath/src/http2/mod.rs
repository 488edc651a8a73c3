//! What both sides of HTTP/2 have in common here: frames as they stand on the wire, and HPACK.
//!
//! The server's side is `door::http2`, that of the load generator `load::http2`. The client's, which has fewer calls to carry
//! than either, and the way to the servicer go through the h2 crate.

pub mod frame;
pub mod hpack;

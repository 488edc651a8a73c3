//! HTTP/2 and HPACK as far as a load generator needs them, written so that a call costs little: heads of calls are made
//! once and copied, those of answers are known again by their bytes, and many calls' frames go out in one write.
//!
//! Nothing here waits or has a socket: `connection` is given bytes and gives bytes.

pub mod blocks;
pub mod connection;
pub mod head;
pub mod streams;

#[cfg(test)]
mod connection_tests;

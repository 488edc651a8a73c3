//! A load generator: unary gRPC calls over many connections, on a schedule or as fast as they are answered.
//!
//! `plan` is what a run is asked for, `run` deals connections to threads of its own, and `tally` is what they have seen.
//! A thread's workers (`worker`) make one call at a time each. Calls that have a schedule (`schedule`) count their latency
//! from their scheduled start, so that a stall of the server is not hidden (no coordinated omission).

mod call;
mod link;
pub mod plan;
mod pool;
pub mod run;
pub mod schedule;
pub mod tally;
mod thread;
pub mod timer;
mod worker;
pub mod workers;

pub use self::plan::{Plan, Stop};
pub use self::run::{Ended, Running};
pub use self::tally::Tally;

#[cfg(test)]
mod test_server;
#[cfg(test)]
mod tests;

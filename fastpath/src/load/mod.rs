//! A load generator: gRPC calls over many connections, on a schedule or as fast as they are answered.
//!
//! `plan` is what a run is asked for, `run` deals connections to threads of its own, and `tally` is what they have seen.
//! A thread's workers (`crew`) make one call at a time each, and `pool` has them do it. Workers and calls are no tasks: a
//! connection's task (`wire`) settles and begins all calls that it has news of, and writes them at once. Calls that have a schedule (`schedule`) count their latency
//! from their scheduled start, so that a stall of the server is not hidden (no coordinated omission).

mod answer;
pub mod body;
mod call;
mod crew;
mod endings;
pub mod http2;
mod link;
pub mod message;
pub mod plan;
mod pool;
mod random;
pub mod run;
pub mod schedule;
mod script;
pub mod tally;
mod thread;
pub mod timer;
mod wire;
pub mod workers;

pub use self::plan::{Plan, Stop};
pub use self::run::{Ended, Running};
pub use self::tally::Tally;

#[cfg(test)]
mod test_server;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod wire_tests;

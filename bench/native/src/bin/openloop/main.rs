//! An open-loop gRPC load generator: calls start on a fixed schedule whatever the server does, and a call's latency
//! counts from its scheduled start, so that a stall is not hidden (no coordinated omission).
//!
//! One thread. A timer of the kernel's high resolution (`fastpath::load::timer`) wakes it; all calls that are due by then are sent
//! at once, so that a wake-up, which costs more than a call, is paid at most once every `--tick-us`.
//! It writes HTTP/2 itself, because it shares a machine with what it measures: a call's frames are made once and copied,
//! and an answer is read only as far as its size and status.
//! Prints a report as JSON and ends: after its duration, and at most `--drain-s` more for the last answers.

mod answer;
mod arguments;
mod call;
mod connection;
mod header_block;
mod links;
mod run;
mod tally;

use std::io::Write as _;
use std::process::ExitCode;

use arguments::Arguments;

fn main() -> ExitCode {
    match Arguments::read(std::env::args().skip(1)).and_then(|arguments| report(&arguments)) {
        Ok(report) => {
            let _ = writeln!(std::io::stdout(), "{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "openloop: {error}");
            ExitCode::FAILURE
        }
    }
}

fn report(arguments: &Arguments) -> Result<String, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    runtime.block_on(run::run(arguments)).map(|report| report.to_string())
}

//! One run: connections, the schedule's calls, the last answers, the report.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Instant;

use fastpath::load::schedule::{Rate, Schedule};
use fastpath::load::timer::Timer;
use serde_json::Value;
use tokio::task::LocalSet;

use crate::arguments::Arguments;
use crate::call::Call;
use crate::links::Links;
use crate::tally::Tally;

pub async fn run(arguments: &Arguments) -> Result<Value, String> {
    LocalSet::new().run_until(run_here(arguments)).await
}

async fn run_here(arguments: &Arguments) -> Result<Value, String> {
    let call = Call::new(&arguments.path, &arguments.address.to_string(), &arguments.message)?;
    let timer = Timer::new().map_err(|error| error.to_string())?;
    let tally = Rc::new(RefCell::new(Tally::new()?));
    let mut links = Links::open(arguments, &tally).await?;
    let duration = arguments.warm_up + arguments.duration;
    let mut schedule = Schedule::new(Rate::Constant(arguments.rate), arguments.arrivals, Some(duration));
    let start = Instant::now();
    let counted_from = start + arguments.warm_up;
    tally.borrow_mut().count_from(counted_from);
    let mut tick = start;
    while let Some(next) = schedule.peek() {
        timer.sleep_until((start + next).max(tick)).await.map_err(|error| error.to_string())?;
        let now = Instant::now();
        tick = now + arguments.tick;
        // What no connection is free for is sent at a later tick, and late.
        while let Some(due) = schedule.peek().filter(|due| start + *due <= now) {
            if !links.call(&call, start + due)? {
                break;
            }
            schedule.next();
            tally.borrow_mut().sent(start + due);
        }
        links.send();
    }
    if tokio::time::timeout(arguments.drain, links.settle_all()).await.is_err() {
        tally.borrow_mut().unanswered();
    }
    let report = tally.borrow().report(arguments.duration);
    Ok(report)
}

//! One run: connections, the schedule's calls, the last answers, the report.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bench_native::grpc;
use http::{Method, Request, Version, header};
use serde_json::Value;
use tokio::sync::Notify;

use crate::arguments::Arguments;
use crate::call;
use crate::connections::Connections;
use crate::schedule::Schedule;
use crate::tally::Tally;
use crate::timer::Timer;

pub async fn run(arguments: &Arguments) -> Result<Value, String> {
    let mut connections = Connections::open(arguments.address, arguments.connections).await?;
    let request = request(arguments)?;
    let timer = Timer::new().map_err(|error| error.to_string())?;
    let book = Arc::new(Book { tally: Mutex::new(Tally::new()?), answered: Notify::new() });
    let mut schedule =
        Schedule::new(arguments.arrivals, arguments.rate, arguments.warm_up + arguments.duration);
    let start = Instant::now();
    let counted_from = start + arguments.warm_up;
    let mut tick = start;
    while let Some(next) = schedule.peek() {
        timer.sleep_until((start + next).max(tick)).await.map_err(|error| error.to_string())?;
        let now = Instant::now();
        tick = now + arguments.tick;
        while schedule.peek().is_some_and(|due| start + due <= now) {
            let Some(due) = schedule.next() else { break };
            let response = connections.send(request.clone(), arguments.message.clone()).await?;
            let call = Call { due: start + due, counts: start + due >= counted_from };
            book.sent(call);
            tokio::spawn(call.settle(response, arguments.answer_bytes, Arc::clone(&book)));
        }
    }
    book.drain(arguments.drain).await;
    Ok(book.tally().report(counted_from, arguments.duration))
}

fn request(arguments: &Arguments) -> Result<Request<()>, String> {
    Request::builder()
        .method(Method::POST)
        .version(Version::HTTP_2)
        .uri(format!("http://{}{}", arguments.address, arguments.path))
        .header(header::CONTENT_TYPE, grpc::CONTENT_TYPE)
        .header(header::TE, "trailers")
        .body(())
        .map_err(|error| error.to_string())
}

/// The tally, and who waits for the last answer. One thread uses it: the lock is never waited for.
struct Book {
    tally: Mutex<Tally>,
    answered: Notify,
}

impl Book {
    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sent(&self, call: Call) {
        let mut tally = self.tally();
        tally.in_flight += 1;
        if call.counts {
            tally.sent(call.due.elapsed());
        }
    }

    /// Waits for the calls that are not answered yet; those that still are not then are errors.
    async fn drain(&self, most: Duration) {
        let all = async {
            while self.tally().in_flight > 0 {
                self.answered.notified().await;
            }
        };
        let in_time = tokio::time::timeout(most, all).await;
        if in_time.is_err() {
            let mut tally = self.tally();
            let late = tally.in_flight;
            tally.error("no answer".to_owned(), late);
        }
    }
}

#[derive(Clone, Copy)]
struct Call {
    due: Instant,
    /// Whether its latency does: it was scheduled after the warm-up.
    counts: bool,
}

impl Call {
    async fn settle(self, response: h2::client::ResponseFuture, answer_bytes: usize, book: Arc<Book>) {
        let checked = call::check(response, answer_bytes).await;
        let now = Instant::now();
        let mut tally = book.tally();
        tally.in_flight -= 1;
        match checked {
            Ok(()) if self.counts => tally.ok(now - self.due, now),
            Ok(()) => {}
            Err(what) => tally.error(what, 1),
        }
        if tally.in_flight == 0 {
            book.answered.notify_one();
        }
    }
}

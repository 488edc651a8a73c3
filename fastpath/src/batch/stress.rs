//! All parties at once: doors that push and cancel, model threads that reply, fail, retry and panic, the
//! reaper, and a drain at the end.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::fixtures::{Inbox, block, ms};
use super::{BatchOf, Queue, Reaper, Request, RunTimes, Settings};
use crate::metrics::ModelMetrics;
use crate::status::{Code, Status};

const DOORS: u64 = 3;
const CALLS_PER_DOOR: u64 = 20_000;

/// What one door saw itself: calls that were refused by `push`, and calls that it cancelled.
#[derive(Default)]
struct Seen {
    refused: Vec<u64>,
    cancelled: Vec<u64>,
}

fn door(queue: &Queue<()>, inbox: &Arc<Inbox>, door: u64) -> Seen {
    let mut seen = Seen::default();
    for call in 0..CALLS_PER_DOOR {
        let token = door * CALLS_PER_DOOR + call;
        let now = Instant::now();
        let timeout = if call % 5 == 0 { Duration::from_micros(300) } else { ms(60_000) };
        let ticket = queue.ticket(Arc::clone(inbox) as _, token, now, now + timeout);
        let request = Request {
            block: block(1 + usize::from(call % 7 == 0), call % 2),
            reply: (),
            ticket: Arc::clone(&ticket),
            enqueued: now,
            decode_ns: 1,
            alone: false,
        };
        if queue.push(request, now).is_err() {
            seen.refused.push(token);
            std::thread::yield_now();
        } else if call % 3 == 0 && ticket.cancel() {
            seen.cancelled.push(token);
        }
    }
    seen
}

fn run(batch: BatchOf<()>, turn: u64) {
    match turn % 11 {
        0 => batch.fail(&Status::new(Code::Internal, "told to")),
        1 | 2 => drop(batch.retry_alone("told to")),
        3 => drop(batch),
        4 => {
            std::thread::sleep(Duration::from_micros(500));
            batch.reply(RunTimes::default(), |_, _| Ok(vec![1]));
        }
        _ => batch.reply(RunTimes::default(), |_, _| Ok(vec![1])),
    }
}

#[test]
fn every_call_gets_exactly_one_outcome_whatever_happens_to_it() {
    let Ok(reaper) = Reaper::start() else { panic!("no thread") };
    let settings = Settings {
        max_batch_rows: 16,
        max_queue_delay: Duration::from_micros(50),
        queue_capacity_rows: 256,
        instances: 2,
    };
    let metrics = Arc::new(ModelMetrics::new("fraud", 1, 2));
    let queue = Queue::new(settings, Arc::clone(&metrics), &reaper);
    let inboxes = [Inbox::new(), Inbox::new()];
    let mut seen = Vec::new();
    std::thread::scope(|scope| {
        for _ in 0..settings.instances {
            scope.spawn(|| (0..).try_for_each(|turn| queue.next_batch().map(|batch| run(batch, turn))));
        }
        let doors: Vec<_> = (0..DOORS)
            .map(|n| {
                let (queue, inbox) = (&queue, &inboxes[usize::from(n % 2 == 0)]);
                scope.spawn(move || door(queue, inbox, n))
            })
            .collect();
        seen.extend(doors.into_iter().map(|door| door.join().unwrap_or_default()));
        queue.close();
        queue.fail_all("drained");
    });

    let mut outcomes: HashMap<u64, u32> = HashMap::new();
    let answered = inboxes.iter().flat_map(|inbox| inbox.tokens());
    let refused = seen.iter().flat_map(|seen| seen.refused.iter().copied());
    let cancelled = seen.iter().flat_map(|seen| seen.cancelled.iter().copied());
    answered.chain(refused).chain(cancelled).for_each(|token| *outcomes.entry(token).or_default() += 1);
    let calls = DOORS * CALLS_PER_DOOR;
    assert!(outcomes.values().all(|count| *count == 1), "a call got two outcomes");
    assert_eq!(outcomes.len() as u64, calls, "a call got none");
    assert_eq!(Code::ALL.into_iter().map(|code| metrics.requests(code)).sum::<u64>(), calls);
    assert_eq!((metrics.in_flight(), queue.len_rows(), queue.oldest_run()), (0, 0, None));
    for code in [Code::Ok, Code::Internal, Code::Unavailable, Code::DeadlineExceeded, Code::Cancelled] {
        assert!(metrics.requests(code) > 0, "{} was not put to the test", code.name());
    }
}

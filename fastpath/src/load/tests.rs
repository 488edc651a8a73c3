//! Whole runs against a server in this process.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::body::Message;
use super::message::{Form, Part, Value};
use super::plan::{self, Pace, Plan, Stop, Streams};
use super::run::{Ended, Outcome, Running, Sample};
use super::schedule::{Arrivals, Rate};
use super::test_server::{Answers, TestServer};
use super::workers::Workers;
use crate::client::Target;
use crate::client::keepalive::Keepalive;

pub(super) fn plan(address: &str) -> Plan {
    Plan {
        target: Target::parse(address).unwrap(),
        tls: None,
        keepalive: Keepalive::default(),
        connect_timeout: Duration::from_secs(5),
        uri: plan::method(address, "/a.B/C", false).unwrap(),
        server_name: None,
        messages: vec![vec![fixed(b"one")], vec![fixed(b"two")]],
        compressed: false,
        streams: Streams::default(),
        metadata: Vec::new(),
        metadata_of_calls: Vec::new(),
        name: String::new(),
        utc_offset_s: 0,
        timeout: Some(Duration::from_secs(20)),
        max_receive_bytes: 1 << 20,
        connections: 3,
        threads: 2,
        workers: Workers::Constant(7),
        pace: None,
        total: 500,
        duration: None,
        stop: Stop::Close,
        skip_first: 0,
        count_errors: false,
        most_details: 100,
        sample_every: 0,
    }
}

fn fixed(message: &[u8]) -> Message {
    Message::Fixed(plan::message(message, false))
}

fn run(server: &TestServer, change: impl FnOnce(&mut Plan)) -> Outcome {
    let mut plan = plan(&server.address.to_string());
    change(&mut plan);
    Running::start(plan).unwrap().wait().unwrap()
}

#[test]
fn as_many_calls_are_made_as_are_asked_for_and_each_answer_counts() {
    let server = TestServer::start(Answers::Message(11));
    let outcome = run(&server, |_| ());
    assert_eq!((outcome.ended, outcome.tally.count(), outcome.tally.codes[0]), (Ended::Finished, 500, 500));
    assert_eq!((outcome.tally.answer_bytes, outcome.tally.details.len()), (5_500, 100));
    assert_eq!(server.seen.load(Ordering::Relaxed), 500);
}

#[test]
fn a_stream_counts_all_that_it_is_answered_with() {
    let server = TestServer::start(Answers::Message(11));
    let outcome = run(&server, |plan| {
        (plan.streams.answers, plan.streams.requests, plan.total) = (true, true, 40);
        plan.messages = vec![vec![fixed(b"one"), fixed(b"two")]];
    });
    assert_eq!((outcome.tally.codes[0], outcome.tally.answer_bytes), (40, 440));
    let refusing = TestServer::start(Answers::Status("8"));
    assert_eq!(run(&refusing, |plan| plan.streams.answers = true).tally.codes[8], 500);
}

#[test]
fn answers_are_kept_of_one_call_in_so_many() {
    let server = TestServer::start(Answers::Message(11));
    let mut asked = plan(&server.address.to_string());
    (asked.total, asked.sample_every) = (100, 10);
    let running = Running::start(asked).unwrap();
    let samples = running.samples();
    running.wait().unwrap();
    let mut numbers: Vec<_> =
        samples.take().iter().map(|sample| (sample.number / 10, sample.messages[0].len())).collect();
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq((0..10).map(|tenth| (tenth, 11))));
    assert!(samples.take().is_empty());
}

#[test]
fn answers_are_kept_to_each_of_the_messages_however_many_there_are() {
    for every in [1, 2, 9, 99, 100, 101] {
        let kept: Vec<u64> = (0..1_000 * every).filter(|number| Sample::is_of(*number, every)).collect();
        assert!(kept.iter().enumerate().all(|(round, number)| number / every == round as u64));
        for messages in 1..=60 {
            let places: HashSet<u64> = kept.iter().map(|number| number % messages).collect();
            assert_eq!(places.len() as u64, messages, "{every} {messages}");
        }
    }
    assert!(Sample::is_of(0, 100) && !Sample::is_of(0, 0));
}

#[test]
fn metadata_that_is_grpcs_own_is_told_apart() {
    assert!(["te", "user-agent", "grpc-timeout", ":path"].into_iter().all(plan::is_reserved));
    assert!(!["x-user", "authorization", "grpc-trace-bin"].into_iter().any(plan::is_reserved));
}

#[test]
fn messages_with_holes_are_sent_and_answered() {
    let server = TestServer::start(Answers::Message(1));
    let outcome = run(&server, |plan| {
        let number = Part::Hole(Value::RequestNumber, Form::Text);
        plan.messages = vec![vec![Message::Made(vec![number.clone()])]];
        plan.metadata_of_calls = vec![vec![("number".to_owned(), vec![number])]];
    });
    assert_eq!(outcome.tally.codes[0], 500);
}

#[test]
fn calls_of_a_trace_are_due_when_it_says() {
    let server = TestServer::start(Answers::Message(1));
    let starts = [0, 0, 60, 120].map(Duration::from_millis);
    let outcome = run(&server, |plan| {
        let rate = Rate::Trace(starts.into());
        plan.pace = Some(Pace { rate, arrivals: Arrivals::Uniform, unbounded: true });
    });
    assert_eq!((outcome.ended, outcome.tally.codes[0]), (Ended::Finished, 4));
    assert!(outcome.took >= Duration::from_millis(120), "{:?}", outcome.took);
}

#[test]
fn a_status_is_counted_with_its_message() {
    let server = TestServer::start(Answers::Status("5"));
    let outcome = run(&server, |plan| plan.skip_first = 100);
    assert_eq!((outcome.tally.count(), outcome.tally.codes[5]), (400, 400));
    assert_eq!((outcome.tally.errors[0].message.as_str(), outcome.tally.latency_ns.len()), ("no", 0));
}

#[test]
fn calls_with_a_rate_are_all_made_by_schedule_with_and_without_a_bound_on_those_under_way() {
    let server = TestServer::start(Answers::Message(1));
    for unbounded in [false, true] {
        let pace = Pace { rate: Rate::Constant(1_000.0), arrivals: Arrivals::Poisson, unbounded };
        let outcome = run(&server, |plan| plan.pace = Some(pace.clone()));
        assert_eq!((outcome.ended, outcome.tally.codes[0], outcome.tally.unsent), (Ended::Finished, 500, 0));
        assert_eq!(outcome.tally.lag_ns.len(), 500);
        // 500 exponential distances of a millisecond.
        assert!(outcome.took > Duration::from_millis(300), "{:?}", outcome.took);
    }
}

#[test]
fn a_latency_counts_from_the_scheduled_start_however_late_the_call_is_sent() {
    let server = TestServer::start(Answers::Silence);
    let outcome = run(&server, |plan| {
        // One worker, whose calls take 50 ms each: the tenth is 9 × 40 ms late.
        (plan.connections, plan.workers, plan.total) = (1, Workers::Constant(1), 10);
        plan.timeout = Some(Duration::from_millis(50));
        plan.count_errors = true;
        plan.pace = Some(Pace { rate: Rate::Constant(100.0), arrivals: Arrivals::Uniform, unbounded: false });
    });
    assert_eq!(outcome.tally.codes[4], 10);
    assert!(outcome.tally.slowest_ns >= 400_000_000, "{}", outcome.tally.slowest_ns);
}

#[test]
fn calls_under_way_when_time_is_up_are_cancelled_or_forgotten_or_waited_for() {
    let silent = TestServer::start(Answers::Silence);
    for (stop, cancelled, late) in [(Stop::Close, 7, 0), (Stop::Ignore, 0, 0), (Stop::Wait, 0, 7)] {
        let outcome = run(&silent, |plan| {
            (plan.duration, plan.stop) = (Some(Duration::from_millis(100)), stop);
            plan.timeout = Some(Duration::from_millis(400));
        });
        assert_eq!(outcome.ended, Ended::TimeUp);
        assert_eq!((outcome.tally.codes[1], outcome.tally.codes[4]), (cancelled, late), "{stop:?}");
    }
}

#[test]
fn a_run_that_is_stopped_ends_with_a_report() {
    let server = TestServer::start(Answers::Message(1));
    let mut asked = plan(&server.address.to_string());
    asked.total = u64::MAX;
    let running = Running::start(asked).unwrap();
    let start = Instant::now();
    while running.counts().0 < 50 && start.elapsed() < Duration::from_secs(30) {
        std::thread::yield_now();
    }
    running.stop();
    let outcome = running.wait().unwrap();
    assert_eq!(outcome.ended, Ended::Cancelled);
    assert!(outcome.tally.codes[0] >= 50);
}

#[test]
fn workers_come_and_go_by_their_schedule() {
    let silent = TestServer::start(Answers::Silence);
    let outcome = run(&silent, |plan| {
        let every = Duration::from_millis(50);
        plan.workers = Workers::Steps { start: 3, step: 4, every, end: 11, until: None };
        (plan.duration, plan.timeout) = (Some(Duration::from_millis(500)), None);
    });
    assert_eq!(outcome.tally.codes[1], 11);
}

#[test]
fn a_server_that_cannot_be_reached_is_named() {
    let Err(sentence) = Running::start(plan("127.0.0.1:1")) else { panic!("connected") };
    assert!(sentence.contains("127.0.0.1:1"), "{sentence}");
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_sent() {
    let changes: [fn(&mut Plan); 4] = [
        |plan| plan.messages.clear(),
        |plan| plan.connections = 0,
        |plan| plan.connections = 8,
        |plan| plan.workers = Workers::Constant(usize::MAX),
    ];
    for change in changes {
        let mut asked = plan("127.0.0.1:1");
        change(&mut asked);
        assert!(asked.checked().is_err());
    }
}

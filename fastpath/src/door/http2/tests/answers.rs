//! What a client is sent: answers as its windows let them, refusals, farewells.

use super::*;
use crate::door::settings::{SETTINGS_STRIKES, UNREAD_ANSWER_BYTES, WHOLE_ANSWER_BYTES};

#[test]
fn a_call_is_answered_by_head_data_and_trailers() {
    let mut both = Both::with(&[]);
    both.call(1);
    assert_eq!(both.answer(1, 5), None);
    assert_eq!(
        both.sent(),
        [
            (frame::HEADERS, frame::END_HEADERS, 1, 19),
            (frame::DATA, 0, 1, 10),
            (frame::HEADERS, frame::END_HEADERS | frame::END_STREAM, 1, 15),
        ]
    );
    both.call(3);
    assert_eq!(both.answer(3, 5), None);
    let sizes: Vec<_> = both.sent().into_iter().map(|(.., bytes)| bytes).collect();
    assert_eq!(sizes, [2, 10, 1]);
    // Nobody is left to answer.
    assert_eq!(both.answer(3, 5), None);
    assert!(both.sent().is_empty());
}

#[test]
fn a_small_answer_waits_for_its_window_and_a_large_one_for_a_task() {
    let mut both = Both::with(&[(frame::SETTINGS_INITIAL_WINDOW_SIZE, 4)]);
    both.call(1);
    both.call(3);
    assert_eq!(both.answer(1, 5), None);
    assert_eq!(both.sent().last(), Some(&(frame::DATA, 0, 1, 4)));
    assert_eq!(both.answer(3, UNREAD_ANSWER_BYTES), Some(UNREAD_ANSWER_BYTES + 5));
    assert_eq!(both.sent(), [(frame::HEADERS, frame::END_HEADERS, 3, 2)]);
    both.told(frame::WINDOW_UPDATE, 0, 1, &window(5)).unwrap();
    assert_eq!(both.sent(), [(frame::DATA, 0, 1, 5)]);
    // New settings change the windows of streams that are open.
    both.told(frame::SETTINGS, 0, 0, &frame::settings(&[(frame::SETTINGS_INITIAL_WINDOW_SIZE, 5)])).unwrap();
    let end = (frame::HEADERS, frame::END_HEADERS | frame::END_STREAM, 1, 15);
    assert_eq!(both.sent(), [(frame::SETTINGS, frame::ACK, 0, 0), (frame::DATA, 0, 1, 1), end]);
}

#[test]
fn all_streams_share_the_connections_window() {
    let mut both = Both::with(&[(frame::SETTINGS_INITIAL_WINDOW_SIZE, 1 << 20)]);
    both.call(1);
    both.call(3);
    assert_eq!(both.answer(1, WHOLE_ANSWER_BYTES - 6), None, "all of the window");
    both.call(5);
    assert_eq!(both.answer(3, 5), None);
    both.sent();
    both.told(frame::WINDOW_UPDATE, 0, 0, &window(100)).unwrap();
    assert_eq!(both.sent().len(), 2, "DATA and trailers of the third");
    assert_eq!(both.answer(5, 1 << 20), Some((1 << 20) + 5));
}

#[test]
fn long_messages_go_in_frames_that_every_client_takes() {
    let mut both = Both::with(&[]);
    both.call(1);
    both.answer(1, 40_000);
    let data: Vec<_> = both.sent().into_iter().filter(|(kind, ..)| *kind == frame::DATA).collect();
    assert_eq!(data.iter().map(|(.., bytes)| bytes).sum::<usize>(), 40_005);
    assert!(data.iter().all(|(.., bytes)| *bytes <= frame::MIN_FRAME_BYTES));
}

#[test]
fn an_answer_before_the_requests_end_tells_its_client_to_stop() {
    let mut both = Both::with(&[]);
    both.head(1, 0, &[]).unwrap();
    both.0.put_refusal(1, &http::HeaderMap::new());
    assert_eq!(both.resets(), [(1, Reason::NoError as u32)]);
    // What was on its way is passed over; trailers too.
    assert_eq!(both.told(frame::DATA, 0, 1, MESSAGE), Ok(Saw::Nothing));
    assert_eq!(both.head(1, frame::END_STREAM, &[]), Ok(Saw::Nothing));
    assert!(both.resets().is_empty());
}

#[test]
fn windows_that_are_not_opened_hide_no_flood() {
    let mut both = Both::with(&[(frame::SETTINGS_INITIAL_WINDOW_SIZE, 0)]);
    both.call(1);
    both.answer(1, 5);
    let ended = (0..=SETTINGS_STRIKES).find_map(|_| {
        let ended = both.told(frame::SETTINGS, 0, 0, &[]).err();
        both.sent();
        ended
    });
    assert_eq!(ended, Some(Reason::EnhanceYourCalm));
}

#[test]
fn the_last_stream_that_was_named_stays_the_last() {
    let mut both = Both::with(&[]);
    both.0.retire();
    let ping = both.frames()[1].3.clone();
    both.told(frame::PING, frame::ACK, 0, &ping).unwrap();
    both.head(9, 0, &[]).unwrap();
    both.0.abort(Reason::Protocol);
    let goaways: Vec<_> = both.frames().into_iter().map(|(.., payload)| payload[..4].to_vec()).collect();
    assert_eq!(goaways, [[0; 4], [0; 4]]);
}

#[test]
fn a_head_that_is_too_long_is_answered_431() {
    let mut both = Both::with(&[]);
    let long = "x".repeat(20_000);
    let block = head(&[("x", &long)]);
    let (front, back) = block.split_at(16_384);
    both.told(frame::HEADERS, frame::END_STREAM, 1, front).unwrap();
    both.told(frame::CONTINUATION, frame::END_HEADERS, 1, back).unwrap();
    let frames = both.frames();
    assert_eq!(frames.len(), 1);
    assert!(frames[0].3.ends_with(b"431"));
}

#[test]
fn a_client_is_told_to_go_twice() {
    let mut both = Both::with(&[]);
    both.call(1);
    both.0.retire();
    let frames = both.frames();
    assert_eq!(frames[0].3[..4], LAST_STREAM.to_be_bytes());
    let ping = frames[1].3.clone();
    both.call(3);
    both.told(frame::PING, frame::ACK, 0, b"anything").unwrap();
    assert!(both.sent().is_empty());
    both.told(frame::PING, frame::ACK, 0, &ping).unwrap();
    assert_eq!(both.frames()[0].3[..4], 3_u32.to_be_bytes());
    // It could not know.
    assert_eq!(both.head(5, 0, &[]), Ok(Saw::Nothing));
    assert_eq!(both.told(frame::DATA, frame::END_STREAM, 5, MESSAGE), Ok(Saw::Nothing));
    assert!(!both.0.is_over());
    both.answer(1, 5);
    both.answer(3, 5);
    assert!(both.0.is_over());
}

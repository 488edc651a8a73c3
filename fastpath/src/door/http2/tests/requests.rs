//! What a client's frames mean, which of them are faults, and which end the connection.

use super::*;
use crate::door::head::Head;
use crate::door::settings::{
    CONNECTION_WINDOW_BYTES, EARLY_RESETS, MAX_BLOCK_FRAMES, MAX_FAULTS, STREAM_WINDOW_BYTES,
};

#[test]
fn the_servers_settings_go_first_and_the_clients_are_acknowledged() {
    let mut both = Both::silent();
    assert_eq!(both.sent(), [(frame::SETTINGS, 0, 0, 18), (frame::WINDOW_UPDATE, 0, 0, 4)]);
    assert!(!both.0.has_settings());
    assert_eq!(both.told(frame::PING, 0, 0, &[0; 8]), Err(Reason::Protocol));
    assert_eq!(both.told(frame::SETTINGS, 0, 0, &[]), Ok(Saw::Nothing));
    assert_eq!(both.sent(), [(frame::SETTINGS, frame::ACK, 0, 0)]);
    assert!(both.0.has_settings());
}

#[test]
fn what_is_read_is_given_back_half_a_window_at_a_time() {
    let mut both = Both::with(&[]);
    both.head(1, 0, &[]).unwrap();
    let piece = [0; 16_384];
    let half = STREAM_WINDOW_BYTES as usize / 2;
    let mut updates = Vec::new();
    for _ in 0..CONNECTION_WINDOW_BYTES as usize / piece.len() {
        both.told(frame::DATA, 0, 1, &piece).unwrap();
        updates.extend(both.frames());
    }
    let of =
        |stream| updates.iter().filter(move |(.., each, _)| *each == stream).map(|(.., bytes)| bytes.clone());
    assert!(of(1).all(|bytes| bytes == window(half)));
    assert_eq!(of(1).count(), CONNECTION_WINDOW_BYTES as usize / half);
    assert_eq!(of(0).count(), 2);
}

#[test]
fn a_client_that_sends_more_than_its_windows_is_stopped() {
    let mut both = Both::with(&[]);
    both.head(1, 0, &[]).unwrap();
    // A task reads it, and does not yet.
    let piece = [0; 16_384];
    both.0.streams.get_mut(&1).unwrap().inbox = Some(Box::default());
    for _ in 0..STREAM_WINDOW_BYTES as usize / piece.len() {
        assert_eq!(both.told(frame::DATA, 0, 1, &piece), Ok(Saw::Nothing));
    }
    assert_eq!(both.told(frame::DATA, 0, 1, b"x"), Ok(Saw::Gone));
    assert_eq!(both.resets(), [(1, Reason::FlowControl as u32)]);
}

#[test]
fn what_nobody_has_read_of_a_stream_is_given_back_to_the_connection_with_its_end() {
    let mut both = Both::with(&[]);
    let mut piece = [0; 16_384];
    piece[0] = 250;
    let mut windows = 0;
    for count in 0..3 * CONNECTION_WINDOW_BYTES / STREAM_WINDOW_BYTES {
        let stream = 2 * count + 1;
        both.head(stream, 0, &[]).unwrap();
        both.0.streams.get_mut(&stream).unwrap().inbox = Some(Box::default());
        for _ in 0..STREAM_WINDOW_BYTES as usize / piece.len() {
            // 251 of the bytes are padding.
            assert_eq!(both.told(frame::DATA, 8, stream, &piece), Ok(Saw::Nothing));
        }
        // Some of it was.
        both.0.release(stream, 100);
        assert_eq!(both.told(frame::RST_STREAM, 0, stream, &[0; 4]), Ok(Saw::Gone));
        both.0.release(stream, 100);
        let given = both
            .frames()
            .into_iter()
            .filter(|(kind, _, stream, _)| (*kind, *stream) == (frame::WINDOW_UPDATE, 0));
        windows += given.map(|(.., more)| u32::from_be_bytes(*more.first_chunk().unwrap())).sum::<u32>();
    }
    assert_eq!(windows, 3 * CONNECTION_WINDOW_BYTES);
}

#[test]
fn padding_counts_and_is_no_content() {
    let mut both = Both::with(&[]);
    both.head(1, 0, &[]).unwrap();
    let padded = [&[2][..], MESSAGE, &[0, 0]].concat();
    let data = both.told(frame::DATA, frame::END_STREAM | 8, 1, &padded);
    assert_eq!(data, Ok(Saw::Data(1, MESSAGE.to_vec(), true)));
    both.head(3, 0, &[]).unwrap();
    assert_eq!(both.told(frame::DATA, 8, 3, &[3, 0, 0]), Err(Reason::Protocol));
}

#[test]
fn a_body_has_the_length_that_its_head_announced() {
    let length = MESSAGE.len().to_string();
    let mut both = Both::with(&[]);
    both.head(1, 0, &[("content-length", &length)]).unwrap();
    assert!(matches!(both.told(frame::DATA, frame::END_STREAM, 1, MESSAGE), Ok(Saw::Data(..))));
    both.head(3, 0, &[("content-length", &length)]).unwrap();
    assert_eq!(both.told(frame::DATA, frame::END_STREAM, 3, &MESSAGE[1..]), Ok(Saw::Gone));
    both.head(5, 0, &[("content-length", "3")]).unwrap();
    assert_eq!(both.told(frame::DATA, 0, 5, MESSAGE), Ok(Saw::Gone));
    assert_eq!(both.head(7, frame::END_STREAM, &[("content-length", "3")]), Ok(Saw::Gone));
    let faults: Vec<_> =
        both.resets().into_iter().filter(|(_, code)| *code == Reason::Protocol as u32).collect();
    assert_eq!(faults.len(), 3);
}

#[test]
fn a_block_may_come_in_parts_and_nothing_between_them() {
    let mut both = Both::with(&[]);
    let block = head(&[]);
    let (front, back) = block.split_at(9);
    assert_eq!(both.told(frame::HEADERS, frame::END_STREAM, 1, front), Ok(Saw::Nothing));
    assert_eq!(both.told(frame::CONTINUATION, 0, 1, &[]), Ok(Saw::Nothing));
    assert_eq!(both.told(frame::CONTINUATION, frame::END_HEADERS, 1, back), Ok(Saw::Call(1, true)));
    assert_eq!(both.told(frame::CONTINUATION, frame::END_HEADERS, 1, back), Err(Reason::Protocol));
    for (kind, stream) in [(frame::DATA, 3), (frame::CONTINUATION, 5), (250, 3)] {
        let mut both = Both::with(&[]);
        both.told(frame::HEADERS, 0, 3, front).unwrap();
        assert_eq!(both.told(kind, 0, stream, &[]), Err(Reason::Protocol));
    }
}

#[test]
fn a_block_without_an_end_is_given_up() {
    let mut both = Both::with(&[]);
    both.told(frame::HEADERS, 0, 1, &[]).unwrap();
    let ended = (0..MAX_BLOCK_FRAMES).find_map(|_| both.told(frame::CONTINUATION, 0, 1, &[]).err());
    assert_eq!(ended, Some(Reason::EnhanceYourCalm));
    let mut both = Both::with(&[]);
    both.told(frame::HEADERS, 0, 1, &[0; 16_384]).unwrap();
    both.told(frame::CONTINUATION, 0, 1, &[0; 16_384]).unwrap();
    assert_eq!(both.told(frame::CONTINUATION, 0, 1, &[0; 1]), Err(Reason::EnhanceYourCalm));
}

#[test]
fn frames_on_streams_that_cannot_have_them_end_the_connection() {
    let cases: [(u8, u8, u32, &[u8], Reason); 16] = [
        (frame::DATA, 0, 0, b"x", Reason::Protocol),
        (frame::DATA, 0, 1, b"x", Reason::Protocol),
        (frame::HEADERS, frame::END_HEADERS, 0, b"", Reason::Protocol),
        (frame::HEADERS, frame::END_HEADERS, 2, b"", Reason::Protocol),
        (frame::HEADERS, frame::END_HEADERS, 1, &[0xff], Reason::Compression),
        (frame::PRIORITY, 0, 0, &[0; 5], Reason::Protocol),
        (frame::RST_STREAM, 0, 1, &[0; 4], Reason::Protocol),
        (frame::RST_STREAM, 0, 1, &[0; 3], Reason::FrameSize),
        (frame::SETTINGS, 0, 1, &[], Reason::Protocol),
        (frame::SETTINGS, 0, 0, &[0; 5], Reason::FrameSize),
        (frame::SETTINGS, frame::ACK, 0, &[0; 6], Reason::FrameSize),
        (frame::PUSH_PROMISE, 0, 1, &[], Reason::Protocol),
        (frame::PING, 0, 1, &[0; 8], Reason::Protocol),
        (frame::PING, 0, 0, &[0; 7], Reason::FrameSize),
        (frame::WINDOW_UPDATE, 0, 0, &[0; 4], Reason::Protocol),
        (frame::WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1], Reason::Protocol),
    ];
    for (kind, flags, stream, payload, reason) in cases {
        assert_eq!(Both::with(&[]).told(kind, flags, stream, payload), Err(reason), "{kind} on {stream}");
    }
    for (name, value, reason) in [
        (frame::SETTINGS_ENABLE_PUSH, 2, Reason::Protocol),
        (frame::SETTINGS_INITIAL_WINDOW_SIZE, 1 << 31, Reason::FlowControl),
        (frame::SETTINGS_MAX_FRAME_SIZE, 16_383, Reason::Protocol),
    ] {
        let settings = frame::settings(&[(name, value)]);
        assert_eq!(Both::with(&[]).told(frame::SETTINGS, 0, 0, &settings), Err(reason));
    }
}

#[test]
fn frames_on_a_stream_that_has_ended_are_faults() {
    let mut both = Both::with(&[]);
    both.call(1);
    assert_eq!(both.told(frame::DATA, 0, 1, b"x"), Ok(Saw::Gone));
    assert_eq!(both.resets(), [(1, Reason::StreamClosed as u32)]);
    both.call(3);
    both.answer(3, 5);
    both.sent();
    assert_eq!(both.told(frame::DATA, 0, 3, b"x"), Ok(Saw::Gone));
    assert_eq!(both.resets(), [(3, Reason::StreamClosed as u32)]);
    both.call(5);
    both.answer(5, 5);
    assert_eq!(both.head(5, frame::END_STREAM, &[]), Err(Reason::StreamClosed));
}

#[test]
fn a_second_head_ends_the_request_or_is_a_fault() {
    let trailers = |both: &mut Both, stream, flags| {
        let mut block = Vec::new();
        put_field(&mut block, b"x", b"1");
        both.told(frame::HEADERS, frame::END_HEADERS | flags, stream, &block)
    };
    let mut both = Both::with(&[]);
    both.head(1, 0, &[]).unwrap();
    assert_eq!(trailers(&mut both, 1, frame::END_STREAM), Ok(Saw::Data(1, Vec::new(), true)));
    both.head(3, 0, &[]).unwrap();
    assert_eq!(trailers(&mut both, 3, 0), Ok(Saw::Gone));
    both.head(5, 0, &[]).unwrap();
    assert_eq!(both.head(5, frame::END_STREAM, &[]), Ok(Saw::Gone), "pseudo-headers in trailers");
}

#[test]
fn a_call_beyond_the_limit_is_refused_and_a_place_is_given_back() {
    let mut both = Both::with(&[]);
    (0..STREAMS).for_each(|count| both.call(2 * count + 1));
    both.sent();
    let more = 2 * STREAMS + 1;
    assert_eq!(both.head(more, 0, &[]), Ok(Saw::Gone));
    assert_eq!(both.resets(), [(more, Reason::RefusedStream as u32)]);
    assert_eq!(both.told(frame::RST_STREAM, 0, 1, &[0; 4]), Ok(Saw::Gone));
    both.call(more + 2);
}

#[test]
fn faults_without_end_end_the_connection() {
    let mut both = Both::with(&[]);
    let mut ended = None;
    for count in 0..=u32::try_from(MAX_FAULTS).unwrap() {
        ended = both.head(2 * count + 1, 0, &[("connection", "close")]).err();
    }
    assert_eq!(ended, Some(Reason::EnhanceYourCalm));
}

#[test]
fn work_on_a_stream_that_ends_its_connection_is_not_lost() {
    let token = 7;
    let mut both = Both::with(&[]);
    both.call(1);
    both.0.set_work(1, Work::Waits(token));
    for count in 1..=EARLY_RESETS {
        both.head(2 * count + 1, 0, &[]).unwrap();
        assert_eq!(both.told(frame::RST_STREAM, 0, 2 * count + 1, &[0; 4]), Ok(Saw::Gone));
    }
    assert_eq!(both.told(frame::RST_STREAM, 0, 1, &[0; 4]), Err(Reason::EnhanceYourCalm));
    assert!(both.0.take_all().iter().any(|work| matches!(work, Work::Waits(7))));

    let mut both = Both::with(&[]);
    both.call(1);
    both.0.set_work(1, Work::Waits(token));
    for count in 1..=u32::try_from(MAX_FAULTS).unwrap() {
        both.head(2 * count + 1, 0, &[("connection", "close")]).unwrap();
    }
    assert_eq!(both.told(frame::DATA, 0, 1, b"x"), Err(Reason::EnhanceYourCalm));
    assert!(both.0.take_all().iter().any(|work| matches!(work, Work::Waits(7))));
}

#[test]
fn windows_that_overflow_are_faults() {
    let most = LAST_STREAM as usize;
    let mut both = Both::with(&[]);
    both.call(1);
    assert_eq!(both.told(frame::WINDOW_UPDATE, 0, 1, &window(most)), Ok(Saw::Gone));
    assert_eq!(both.resets(), [(1, Reason::FlowControl as u32)]);
    both.call(3);
    assert_eq!(both.told(frame::WINDOW_UPDATE, 0, 3, &window(0)), Ok(Saw::Gone));
    assert_eq!(both.told(frame::WINDOW_UPDATE, 0, 3, &window(9)), Ok(Saw::Nothing), "it is gone");
    assert_eq!(both.told(frame::WINDOW_UPDATE, 0, 0, &window(most)), Err(Reason::FlowControl));
}

#[test]
fn calls_that_arrive_are_counted_whatever_becomes_of_them() {
    let mut both = Both::with(&[]);
    let arrives = |both: &mut Both, stream| {
        let payload = &head(&[]);
        let frame = Frame { kind: frame::HEADERS, flags: frame::END_HEADERS, stream, payload };
        let event = both.0.frame(&frame, Instant::now());
        assert!(matches!(event, Ok(Event::Call(..))));
        let body = UnaryBody::new(1 << 20, &std::rc::Rc::default());
        let (encoding, answer_encoding) = (Encoding::Identity, Encoding::Identity);
        let head = Head { timeout: None, encoding, answer_encoding };
        let arriving = Arriving { method: Method::Predict, head, body, since: Instant::now() };
        both.0.set_work(stream, Work::Arrives(arriving));
    };
    (0..STREAMS).for_each(|count| arrives(&mut both, 2 * count + 1));
    assert_eq!(both.0.all_arriving().count(), STREAMS as usize);
    both.0.set_work(1, Work::Waits(7));
    both.told(frame::RST_STREAM, 0, 3, &[0; 4]).unwrap();
    both.0.put_refusal(5, &http::HeaderMap::new());
    assert!(both.0.has_arriving());
    both.0.reset(7, Reason::Cancel);
    assert!(!both.0.has_arriving());
    assert_eq!(both.0.take_all().len(), 1);
}

//! What a call sends where it differs from call to call: literal bytes, and holes that are filled as the call goes out.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::random::SplitMix;

/// What stands in a hole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    RequestNumber,
    WorkerId,
    /// RFC 3339 with seconds, in the local time of the run's start.
    Timestamp,
    UnixSeconds,
    UnixMillis,
    UnixNanos,
    /// The same wherever the call has it.
    CallUuid,
    NewUuid,
    /// Letters and digits; 0: from 2 to 16 of them.
    RandomText(usize),
    /// From the first to below the second.
    RandomNumber(u64, u64),
}

/// How it stands there: protobuf's encodings of numbers, or text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Text,
    Varint,
    ZigZag,
    Fixed32,
    Fixed64,
    Float,
    Double,
}

/// A part of a serialized message, or of a header's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    Literal(Vec<u8>),
    Hole(Value, Form),
    /// Behind its length, as a varint.
    Nested(Vec<Part>),
    /// What base64 says: the field `bytes` of a message that was written as JSON.
    FromBase64(Vec<Part>),
    /// As base64: binary metadata.
    AsBase64(Vec<Part>),
}

/// Who makes a call, and when.
#[derive(Debug)]
pub struct Filling<'a> {
    pub number: u64,
    pub worker: usize,
    pub connection: usize,
    /// Before the worker's name.
    pub name: &'a str,
    pub utc_offset_s: i64,
    pub random: &'a mut SplitMix,
    now_ns: Option<u128>,
    uuid: Option<[u8; 36]>,
}

/// All digits of a number.
type Digits = itoa::Buffer;

const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const FEWEST_LETTERS: usize = 2;
const MOST_LETTERS: usize = 16;

impl<'a> Filling<'a> {
    #[must_use]
    pub fn new(
        number: u64,
        (worker, connection): (usize, usize),
        name: &'a str,
        utc_offset_s: i64,
        random: &'a mut SplitMix,
    ) -> Self {
        Self { number, worker, connection, name, utc_offset_s, random, now_ns: None, uuid: None }
    }

    /// Another time and another UUID, for the next message of a stream.
    pub fn renew(&mut self) {
        (self.now_ns, self.uuid) = (None, None);
    }

    /// Appends the parts.
    pub fn put(&mut self, out: &mut Vec<u8>, parts: &[Part]) {
        for part in parts {
            match part {
                Part::Literal(bytes) => out.extend_from_slice(bytes),
                Part::Hole(value, Form::Text) => self.put_text(out, *value),
                Part::Hole(value, form) => put_number(out, *form, self.number_of(*value)),
                Part::Nested(parts) => self.put_nested(out, parts),
                Part::FromBase64(parts) => {
                    let text = self.put_apart(parts);
                    // Unpadded or wrong at its end, it says what its whole groups say.
                    let whole = text.get(..text.len() / 4 * 4).unwrap_or_default();
                    out.extend(STANDARD.decode(whole).unwrap_or_default());
                }
                Part::AsBase64(parts) => {
                    let text = STANDARD.encode(self.put_apart(parts));
                    out.extend_from_slice(text.as_bytes());
                }
            }
        }
    }

    fn put_apart(&mut self, parts: &[Part]) -> Vec<u8> {
        let mut apart = Vec::new();
        self.put(&mut apart, parts);
        apart
    }

    fn put_nested(&mut self, out: &mut Vec<u8>, parts: &[Part]) {
        let start = out.len();
        self.put(out, parts);
        let length = (out.len() - start) as u64;
        let end = out.len();
        put_varint(out, length);
        // The length, which is known last, goes first.
        if let Some(both) = out.get_mut(start..) {
            both.rotate_right(both.len() - (end - start));
        }
    }

    fn put_text(&mut self, out: &mut Vec<u8>, value: Value) {
        match value {
            Value::WorkerId => {
                let (mut worker, mut connection) = (Digits::new(), Digits::new());
                if !self.name.is_empty() {
                    out.extend_from_slice(self.name.as_bytes());
                    out.push(b':');
                }
                out.push(b'g');
                out.extend_from_slice(worker.format(self.worker).as_bytes());
                out.push(b'c');
                out.extend_from_slice(connection.format(self.connection).as_bytes());
            }
            Value::Timestamp => put_timestamp(out, self.number_of(Value::UnixSeconds), self.utc_offset_s),
            Value::CallUuid => {
                let uuid = self.uuid.unwrap_or_else(|| new_uuid(self.random));
                self.uuid = Some(uuid);
                out.extend_from_slice(&uuid);
            }
            Value::NewUuid => out.extend_from_slice(&new_uuid(self.random)),
            Value::RandomText(length) => {
                let length = match length {
                    0 => FEWEST_LETTERS + self.random.below_usize(MOST_LETTERS - FEWEST_LETTERS + 1),
                    length => length,
                };
                out.extend((0..length).filter_map(|_| LETTERS.get(self.random.below_usize(LETTERS.len()))));
            }
            number => out.extend_from_slice(Digits::new().format(self.number_of(number)).as_bytes()),
        }
    }

    /// 0 for what is no number.
    fn number_of(&mut self, value: Value) -> i64 {
        let number = match value {
            Value::RequestNumber => self.number.into(),
            Value::UnixSeconds => self.now_ns() / 1_000_000_000,
            Value::UnixMillis => self.now_ns() / 1_000_000,
            Value::UnixNanos => self.now_ns(),
            Value::RandomNumber(least, most) => {
                (least + self.random.below(most.saturating_sub(least))).into()
            }
            _ => 0,
        };
        i64::try_from(number).unwrap_or(i64::MAX)
    }

    fn now_ns(&mut self) -> u128 {
        *self.now_ns.get_or_insert_with(|| {
            SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos())
        })
    }
}

fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(0x80 | (number & 0x7f) as u8);
        number >>= 7;
    }
    out.push((number & 0x7f) as u8);
}

/// Fields of 32 bits have the lower ones; the number was checked to fit as far as it is known before.
fn put_number(out: &mut Vec<u8>, form: Form, number: i64) {
    match form {
        Form::Text | Form::Varint => put_varint(out, number.cast_unsigned()),
        Form::ZigZag => put_varint(out, ((number << 1) ^ (number >> 63)).cast_unsigned()),
        Form::Fixed32 => out.extend(number.to_le_bytes().iter().take(4)),
        Form::Fixed64 => out.extend_from_slice(&number.to_le_bytes()),
        Form::Float => out.extend_from_slice(&(number as f32).to_le_bytes()),
        Form::Double => out.extend_from_slice(&(number as f64).to_le_bytes()),
    }
}

/// Version 4 (RFC 9562, section 5.4).
fn new_uuid(random: &mut SplitMix) -> [u8; 36] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let bits = u128::from(random.next()) << 64 | u128::from(random.next());
    let bits = bits & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let mut text = [b'-'; 36];
    let places = (0..36).filter(|place| !matches!(place, 8 | 13 | 18 | 23));
    for (digit, place) in places.enumerate() {
        let value = (bits >> (124 - 4 * digit) & 0xf) as usize;
        if let (Some(text), Some(digit)) = (text.get_mut(place), DIGITS.get(value)) {
            *text = *digit;
        }
    }
    text
}

/// RFC 3339.
fn put_timestamp(out: &mut Vec<u8>, unix_s: i64, utc_offset_s: i64) {
    use std::io::Write as _;
    let local_s = unix_s + utc_offset_s;
    let (year, month, day) = date(local_s.div_euclid(86_400));
    let second = local_s.rem_euclid(86_400);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    // Nothing that is written to a Vec fails.
    let _ = write!(out, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    if utc_offset_s == 0 {
        out.push(b'Z');
    } else {
        let sign = if utc_offset_s < 0 { '-' } else { '+' };
        let minutes = utc_offset_s.abs() / 60;
        let _ = write!(out, "{sign}{:02}:{:02}", minutes / 60, minutes % 60);
    }
}

/// Year, month and day of a day since 1970 (Howard Hinnant, chrono-Compatible Low-Level Date Algorithms, `civil_from_days`).
fn date(day: i64) -> (i64, i64, i64) {
    let day = day + 719_468;
    let era = day.div_euclid(146_097);
    let of_era = day.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    // Years begin in March here.
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(parts: &[Part]) -> Vec<u8> {
        let mut random = SplitMix::new(7);
        let mut out = Vec::new();
        Filling::new(300, (5, 1), "run", 0, &mut random).put(&mut out, parts);
        out
    }

    fn hole(value: Value) -> Part {
        Part::Hole(value, Form::Text)
    }

    #[test]
    fn lengths_of_nested_messages_follow_what_is_in_them() {
        let inner = vec![Part::Literal(b"\x0a".to_vec()), Part::Nested(vec![hole(Value::RequestNumber)])];
        assert_eq!(filled(&[Part::Literal(b"\x12".to_vec()), Part::Nested(inner)]), b"\x12\x05\x0a\x03300");
        let long = filled(&[Part::Nested(vec![hole(Value::RandomText(200))])]);
        assert_eq!((long.len(), &long[..2]), (202, &[0xc8, 0x01][..]));
    }

    #[test]
    fn numbers_are_written_as_protobuf_has_them() {
        let number = |form| filled(&[Part::Hole(Value::RequestNumber, form)]);
        assert_eq!((number(Form::Varint), number(Form::ZigZag)), (vec![0xac, 2], vec![0xd8, 4]));
        assert_eq!(number(Form::Fixed32), 300_u32.to_le_bytes());
        assert_eq!(number(Form::Fixed64), 300_u64.to_le_bytes());
        assert_eq!(number(Form::Float), 300_f32.to_le_bytes());
        assert_eq!(number(Form::Double), 300_f64.to_le_bytes());
    }

    #[test]
    fn a_call_has_one_uuid_and_as_many_new_ones_as_it_asks_for() {
        let text = |value| vec![hole(value), Part::Literal(b" ".to_vec()), hole(value)];
        for (value, same) in [(Value::CallUuid, true), (Value::NewUuid, false)] {
            let text = String::from_utf8(filled(&text(value))).unwrap();
            let (one, other) = text.split_once(' ').unwrap();
            assert_eq!(one == other, same);
            assert_eq!((one.len(), &one[14..15]), (36, "4"));
            assert!("89ab".contains(&one[19..20]), "{one}");
        }
    }

    #[test]
    fn workers_are_named_as_ghz_names_them() {
        assert_eq!(filled(&[hole(Value::WorkerId)]), b"run:g5c1");
    }

    #[test]
    fn timestamps_are_those_of_the_calendar() {
        let text = |unix_s, offset_s| {
            let mut out = Vec::new();
            put_timestamp(&mut out, unix_s, offset_s);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(text(0, 0), "1970-01-01T00:00:00Z");
        assert_eq!(text(951_782_400, 0), "2000-02-29T00:00:00Z");
        assert_eq!(text(1_709_251_199, 3_600), "2024-03-01T00:59:59+01:00");
        assert_eq!(text(1_735_689_600, -12_600), "2024-12-31T20:30:00-03:30");
    }

    #[test]
    fn random_numbers_stay_within_their_bounds_and_base64_goes_both_ways() {
        for _ in 0..100 {
            let number: u64 =
                String::from_utf8(filled(&[hole(Value::RandomNumber(3, 5))])).unwrap().parse().unwrap();
            assert!((3..5).contains(&number));
        }
        let bytes = Part::FromBase64(vec![Part::Literal(b"YWJj".to_vec())]);
        assert_eq!(filled(std::slice::from_ref(&bytes)), b"abc");
        assert_eq!(filled(&[Part::AsBase64(vec![bytes])]), b"YWJj");
    }
}

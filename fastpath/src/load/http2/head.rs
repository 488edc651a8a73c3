//! The head of a call as HPACK (RFC 7541): made once for all calls, so that only what differs is written for each.
//!
//! The first call of a connection puts the fields into the server's table, the others refer to them there. Nothing is
//! ever evicted: what does not fit into the table is written out in every call.

use std::time::Duration;

use crate::client::call::rounded_up;
use crate::grpc::timeout;
use crate::http2::frame::TABLE_BYTES;

/// What the table counts for a field besides its name and value.
const FIELD_BYTES: usize = 32;

/// Whole fields of the static table (RFC 7541, appendix A).
const METHOD_POST: u8 = 0x83;
const SCHEME_HTTP: u8 = 0x86;
const SCHEME_HTTPS: u8 = 0x87;
/// The first place of the table that fields are put into.
const FIRST_PLACE: usize = 62;
/// Names of the static table.
const NAMES: [(&str, usize); 5] =
    [(":authority", 1), (":path", 4), ("authorization", 23), ("content-type", 31), ("user-agent", 58)];

/// How a field is written (RFC 7541, section 6), with the bits of its number.
const INDEXED: (u8, u32) = (0x80, 7);
const INCREMENTAL: (u8, u32) = (0x40, 6);
const PLAIN: (u8, u32) = (0x00, 4);
const TABLE_SIZE: (u8, u32) = (0x20, 5);

const TIMEOUT: &str = "grpc-timeout";

/// Whether a connection's fields are in its server's table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Table {
    #[default]
    Empty,
    Filled,
    /// The server has made it too small for them.
    Unused,
}

/// What the heads of all calls have in common.
#[derive(Debug)]
pub struct Head {
    /// Of the first call of a connection, of those after it, and of all where there is no table.
    first: Vec<u8>,
    further: Vec<u8>,
    plain: Vec<u8>,
    /// The timeout whose field is in the table.
    timeout: Option<Duration>,
    /// Its field in the three forms.
    timeout_forms: [Vec<u8>; 3],
    /// What the fields take of a table.
    pub table_bytes: usize,
}

impl Head {
    /// `fields` are those behind `:method` and `:scheme`; `timeout` is that of a call that is sent at once.
    #[must_use]
    pub fn new(secure: bool, fields: &[(String, Vec<u8>)], timeout: Option<Duration>) -> Self {
        let timeout = timeout.map(rounded_up);
        let timeout_value = timeout.map(|timeout| timeout::format(timeout).into_bytes());
        let timeout_field = timeout_value.map(|value| (TIMEOUT.to_owned(), value));
        let bytes = |(name, value): &(String, Vec<u8>)| name.len() + value.len() + FIELD_BYTES;
        let mut table_bytes = timeout_field.as_ref().map_or(0, bytes);
        let is_held: Vec<bool> = fields
            .iter()
            .map(|field| {
                let fits = table_bytes + bytes(field) <= TABLE_BYTES;
                table_bytes += if fits { bytes(field) } else { 0 };
                fits
            })
            .collect();
        let held = is_held.iter().filter(|held| **held).count() + usize::from(timeout_field.is_some());
        let start = vec![METHOD_POST, if secure { SCHEME_HTTPS } else { SCHEME_HTTP }];
        let [mut first, mut further, mut plain] = [start.clone(), start.clone(), start];
        // The place of a field counts from the one that was put into the table last.
        let mut place = FIRST_PLACE + held;
        for ((name, value), held) in fields.iter().zip(is_held) {
            put_field(&mut plain, PLAIN, name, value);
            if held {
                place -= 1;
                put_field(&mut first, INCREMENTAL, name, value);
                put_number(&mut further, INDEXED, place);
            } else {
                put_field(&mut first, PLAIN, name, value);
                put_field(&mut further, PLAIN, name, value);
            }
        }
        let mut timeout_forms = [Vec::new(), Vec::new(), Vec::new()];
        if let Some((name, value)) = &timeout_field {
            let [first, further, plain] = &mut timeout_forms;
            put_field(first, INCREMENTAL, name, value);
            put_number(further, INDEXED, FIRST_PLACE);
            put_field(plain, PLAIN, name, value);
        }
        Self { first, further, plain, timeout, timeout_forms, table_bytes }
    }

    /// Appends the head of a call with so much time left.
    pub fn put(&self, out: &mut Vec<u8>, table: &mut Table, remaining: Option<Duration>) {
        let remaining = remaining.map(rounded_up);
        let is_usual = remaining == self.timeout;
        let [first, further, plain] = &self.timeout_forms;
        let (head, usual) = match table {
            Table::Filled => (&self.further, further),
            Table::Empty if is_usual => {
                *table = Table::Filled;
                (&self.first, first)
            }
            Table::Empty | Table::Unused => (&self.plain, plain),
        };
        out.extend_from_slice(head);
        if is_usual {
            out.extend_from_slice(usual);
        } else if let Some(remaining) = remaining {
            put_field(out, PLAIN, TIMEOUT, timeout::format(remaining).as_bytes());
        }
    }
}

/// Appends a field that is written out, and kept by nobody.
pub fn put_plain(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    put_field(out, PLAIN, name, value);
}

/// Appends what must be said where the server has made its table smaller.
pub fn put_table_size(out: &mut Vec<u8>, bytes: usize) {
    put_number(out, TABLE_SIZE, bytes);
}

fn put_field(out: &mut Vec<u8>, form: (u8, u32), name: &str, value: &[u8]) {
    let known = NAMES.iter().find(|(known, _)| *known == name);
    put_number(out, form, known.map_or(0, |(_, place)| *place));
    if known.is_none() {
        put_text(out, name.as_bytes());
    }
    put_text(out, value);
}

/// A text that is not Huffman coded (RFC 7541, section 5.2).
fn put_text(out: &mut Vec<u8>, text: &[u8]) {
    put_number(out, (0, 7), text.len());
    out.extend_from_slice(text);
}

/// RFC 7541, section 5.1.
#[expect(clippy::cast_possible_truncation, reason = "each is below 256")]
fn put_number(out: &mut Vec<u8>, (pattern, bits): (u8, u32), number: usize) {
    let most = (1 << bits) - 1;
    if number < most {
        out.push(pattern | number as u8);
        return;
    }
    out.push(pattern | most as u8);
    let mut rest = number - most;
    while rest >= 0x80 {
        out.push(0x80 | (rest & 0x7f) as u8);
        rest >>= 7;
    }
    out.push(rest as u8);
}

#[cfg(test)]
mod tests {
    use loona_hpack::Decoder;

    use super::*;

    type Fields = Vec<(String, Vec<u8>)>;

    fn fields(long: usize) -> Fields {
        [(":path", "/a.B/C".to_owned()), ("te", "trailers".to_owned()), ("long", "x".repeat(long))]
            .map(|(name, value)| (name.to_owned(), value.into_bytes()))
            .to_vec()
    }

    fn decoded(decoder: &mut Decoder<'_>, block: &[u8]) -> Vec<(String, String)> {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        decoder.decode(block).unwrap().into_iter().map(|(name, value)| (text(name), text(value))).collect()
    }

    /// The blocks of calls with so much time left, read by one decoder.
    fn heads(head: &Head, table: Table, remaining: &[u64]) -> Vec<Vec<(String, String)>> {
        let (mut decoder, mut table) = (Decoder::new(), table);
        let read = |ms: &u64| {
            let mut block = Vec::new();
            head.put(&mut block, &mut table, Some(Duration::from_millis(*ms)));
            decoded(&mut decoder, &block)
        };
        remaining.iter().map(read).collect()
    }

    #[test]
    fn every_call_of_a_connection_says_the_same_whatever_table_there_is() {
        for long in [10, 200, TABLE_BYTES] {
            let head = Head::new(false, &fields(long), Some(Duration::from_secs(2)));
            assert!(head.table_bytes <= TABLE_BYTES);
            for table in [Table::Empty, Table::Unused] {
                let read = heads(&head, table, &[2_000, 2_000, 1_500, 2_000]);
                let mut usual = vec![
                    (":method".to_owned(), "POST".to_owned()),
                    (":scheme".to_owned(), "http".to_owned()),
                    (":path".to_owned(), "/a.B/C".to_owned()),
                    ("te".to_owned(), "trailers".to_owned()),
                    ("long".to_owned(), "x".repeat(long)),
                    (TIMEOUT.to_owned(), "2000000u".to_owned()),
                ];
                assert_eq!((&read[0], &read[1], &read[3]), (&usual, &usual, &usual));
                usual[5].1 = "1500000u".to_owned();
                assert_eq!(read[2], usual);
            }
        }
    }

    #[test]
    fn a_first_call_that_has_waited_leaves_the_table_to_the_next() {
        let head = Head::new(true, &fields(1), Some(Duration::from_secs(2)));
        let read = heads(&head, Table::Empty, &[900, 2_000, 2_000]);
        assert_eq!((read[0][5].1.as_str(), read[1][5].1.as_str()), ("900000u", "2000000u"));
        assert_eq!((read[0][1].1.as_str(), &read[1]), ("https", &read[2]));
    }

    #[test]
    fn numbers_are_those_of_the_specifications_examples() {
        let written = |bits, number| {
            let mut out = Vec::new();
            put_number(&mut out, (0, bits), number);
            out
        };
        assert_eq!(
            (written(5, 10), written(5, 1337), written(8, 42)),
            (vec![10], vec![31, 154, 10], vec![42])
        );
    }
}

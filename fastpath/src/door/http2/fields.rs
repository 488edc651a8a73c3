//! The header blocks of answers (RFC 7541): the two fields that every answer has are put into the client's table once, and
//! are a byte each from then on; anything else is written out.

use http::{HeaderMap, StatusCode};

use crate::http2::frame::TABLE_BYTES;

const STATUS_OK: u8 = 0x88;
/// Names of the static table.
const STATUS: u8 = 8;
const CONTENT_TYPE: u8 = 31;
const GRPC: &[u8] = b"application/grpc";
const GRPC_STATUS: &[u8] = b"grpc-status";
/// How a field is written (section 6), with the bits of its number.
const INDEXED: (u8, u32) = (0x80, 7);
const INCREMENTAL: u8 = 0x40;
const PLAIN: (u8, u32) = (0x00, 4);
const TABLE_SIZE: (u8, u32) = (0x20, 5);
/// The first place of the table that fields are put into; the newest has it.
const FIRST_PLACE: usize = 62;
/// What the two fields take of a table: names, values, and 32 for each.
const NEEDED_BYTES: usize = 12 + GRPC.len() + GRPC_STATUS.len() + 1 + 2 * 32;

/// The table of one client, as far as it is used.
#[derive(Debug, Default)]
pub struct Fields {
    /// Fields that were put there, and which one was the nth.
    count: usize,
    grpc: Option<usize>,
    ok: Option<usize>,
    /// The client's table is too small for them.
    is_unused: bool,
    /// A smaller table, which the next block must say is known of.
    resize: Option<usize>,
}

impl Fields {
    /// The client has said how large its table may be. One that is too small is not used at all (section 4.2).
    pub fn table_may_have(&mut self, bytes: usize) {
        if bytes < NEEDED_BYTES {
            self.is_unused = true;
            self.resize = Some(0);
        } else if bytes < TABLE_BYTES && !self.is_unused {
            self.resize = Some(self.resize.map_or(bytes, |before| before.min(bytes)));
        }
    }

    /// The head of a gRPC answer, up to fields that it alone has.
    pub fn put_grpc_head(&mut self, out: &mut Vec<u8>) {
        self.put_size(out);
        out.push(STATUS_OK);
        if let Some(place) = self.place(self.grpc) {
            put_number(out, INDEXED, place);
        } else if self.is_unused {
            put_number(out, PLAIN, CONTENT_TYPE.into());
            put_text(out, GRPC);
        } else {
            out.push(INCREMENTAL | CONTENT_TYPE);
            put_text(out, GRPC);
            self.grpc = Some(self.count);
            self.count += 1;
        }
    }

    /// `grpc-status: 0`.
    pub fn put_ok(&mut self, out: &mut Vec<u8>) {
        self.put_size(out);
        if let Some(place) = self.place(self.ok) {
            put_number(out, INDEXED, place);
        } else if self.is_unused {
            put_field(out, GRPC_STATUS, b"0");
        } else {
            out.push(INCREMENTAL);
            put_text(out, GRPC_STATUS);
            put_text(out, b"0");
            self.ok = Some(self.count);
            self.count += 1;
        }
    }

    /// Any other head, up to its fields.
    pub fn put_status(&mut self, out: &mut Vec<u8>, status: StatusCode) {
        self.put_size(out);
        if status == StatusCode::OK {
            return out.push(STATUS_OK);
        }
        put_number(out, PLAIN, STATUS.into());
        put_text(out, status.as_str().as_bytes());
    }

    /// Any fields.
    pub fn put_all(&mut self, out: &mut Vec<u8>, headers: &HeaderMap) {
        self.put_size(out);
        for (name, value) in headers {
            put_field(out, name.as_str().as_bytes(), value.as_bytes());
        }
    }

    fn put_size(&mut self, out: &mut Vec<u8>) {
        if let Some(bytes) = self.resize.take() {
            put_number(out, TABLE_SIZE, bytes);
        }
    }

    /// Where the nth field that was put into the table stands now.
    fn place(&self, nth: Option<usize>) -> Option<usize> {
        nth.filter(|_| !self.is_unused).map(|nth| FIRST_PLACE + self.count - 1 - nth)
    }
}

/// A field that leaves the table as it is.
pub fn put_field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    put_number(out, PLAIN, 0);
    put_text(out, name);
    put_text(out, value);
}

fn put_text(out: &mut Vec<u8>, text: &[u8]) {
    put_number(out, (0, 7), text.len());
    out.extend_from_slice(text);
}

/// A number behind some bits of its first byte (section 5.1).
fn put_number(out: &mut Vec<u8>, (pattern, bits): (u8, u32), number: usize) {
    let most = (1_u8 << bits) - 1;
    match u8::try_from(number) {
        Ok(small) if small < most => return out.push(pattern | small),
        _ => out.push(pattern | most),
    }
    let mut rest = number - usize::from(most);
    loop {
        let [seven, ..] = (rest & 0x7f).to_le_bytes();
        rest >>= 7;
        if rest == 0 {
            return out.push(seven);
        }
        // More follow.
        out.push(seven | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::http2::hpack::Decoder;

    struct Client {
        fields: Fields,
        decoder: Decoder,
    }

    impl Client {
        fn with_table(bytes: usize) -> Self {
            let mut fields = Fields::default();
            if bytes != TABLE_BYTES {
                fields.table_may_have(bytes);
            }
            Self { fields, decoder: Decoder::new(bytes) }
        }

        /// What a block says, and its bytes.
        fn read(&mut self, put: impl FnOnce(&mut Fields, &mut Vec<u8>)) -> (String, usize) {
            let (mut block, mut text) = (Vec::new(), String::new());
            put(&mut self.fields, &mut block);
            let field = |name: &[u8], value: &[u8]| {
                for part in [name, b"=", value, b" "] {
                    text.push_str(&String::from_utf8_lossy(part));
                }
            };
            self.decoder.decode(&block, field).unwrap();
            (text, block.len())
        }
    }

    const HEAD: &str = ":status=200 content-type=application/grpc ";

    #[test]
    fn the_second_answer_is_told_in_a_byte_a_field() {
        let mut client = Client::with_table(TABLE_BYTES);
        for bytes in [19, 2, 2] {
            assert_eq!(client.read(Fields::put_grpc_head), (HEAD.to_owned(), bytes));
            assert_eq!(client.read(Fields::put_ok).0, "grpc-status=0 ");
        }
        assert_eq!(client.read(Fields::put_ok).1, 1);
    }

    #[test]
    fn trailers_may_come_before_any_head() {
        let mut client = Client::with_table(TABLE_BYTES);
        for _ in 0..2 {
            assert_eq!(client.read(Fields::put_ok).0, "grpc-status=0 ");
            assert_eq!(client.read(Fields::put_grpc_head).0, HEAD);
        }
    }

    #[test]
    fn a_client_with_a_small_table_is_told_what_it_can_keep() {
        for bytes in [0, 64, NEEDED_BYTES, 200] {
            let mut client = Client::with_table(bytes);
            for _ in 0..3 {
                assert_eq!(client.read(Fields::put_grpc_head).0, HEAD);
                assert_eq!(client.read(Fields::put_ok).0, "grpc-status=0 ");
            }
        }
    }

    #[test]
    fn any_other_field_is_written_out() {
        let mut client = Client::with_table(TABLE_BYTES);
        let long = "x".repeat(300);
        let mut headers = HeaderMap::new();
        headers.insert("grpc-message", HeaderValue::from_str(&long).unwrap());
        let (text, _) = client.read(|fields, out| {
            fields.put_status(out, StatusCode::METHOD_NOT_ALLOWED);
            fields.put_all(out, &headers);
        });
        assert_eq!(text, format!(":status=405 grpc-message={long} "));
        assert_eq!(client.read(|fields, out| fields.put_status(out, StatusCode::OK)).0, ":status=200 ");
    }
}

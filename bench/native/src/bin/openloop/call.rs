//! The bytes of a call, written once: only the stream's number differs from call to call.

use fastpath::http2::frame;

/// What every HTTP/2 server takes in one frame.
const MAX_FRAME_BYTES: usize = 16_384;
/// What the four fields below take of a header table, at most, beside the path and the address.
const TABLE_BYTES: usize = 4 * 32 + 128;
/// The size that a header table has where nothing else is said.
pub const HEADER_TABLE_BYTES: u32 = 4_096;

/// Fields of HPACK's static table (RFC 7541, appendix A).
const METHOD_POST: u8 = 0x83;
const SCHEME_HTTP: u8 = 0x86;
const AUTHORITY: u8 = 1;
const PATH: u8 = 4;
const CONTENT_TYPE: u8 = 31;
/// A field of a table, by its index.
const REFERENCE: u8 = 0x80;
/// A field that is put into the header table; its name is in the static table, or follows where this stands alone.
const INCREMENTAL: u8 = 0x40;
/// The last four fields of the header table, by when they were put there, the first first.
const FIRST_FOUR: [u8; 4] = [REFERENCE + 65, REFERENCE + 64, REFERENCE + 63, REFERENCE + 62];

/// A call's frames. As a client would, the first of a connection puts its headers into the header table, and the others
/// refer to it.
#[derive(Debug)]
pub struct Call {
    first: Vec<u8>,
    further: Vec<u8>,
    /// Where the stream's number stands, in those that follow as well.
    first_places: Vec<usize>,
    further_places: Vec<usize>,
    /// Bytes that count for flow control.
    pub body_bytes: usize,
}

impl Call {
    /// `message` has gRPC's prefix. Refuses a path that the header table may not hold.
    pub fn new(path: &str, authority: &str, message: &[u8]) -> Result<Self, String> {
        if path.len() + authority.len() + TABLE_BYTES > HEADER_TABLE_BYTES as usize
            || path.len().max(authority.len()) > LONGEST_TEXT
        {
            return Err(format!("the path {path:?} is too long"));
        }
        let mut block = vec![METHOD_POST, SCHEME_HTTP, INCREMENTAL | PATH];
        put_text(&mut block, path);
        block.push(INCREMENTAL | AUTHORITY);
        put_text(&mut block, authority);
        block.push(INCREMENTAL | CONTENT_TYPE);
        put_text(&mut block, bench_native::grpc::CONTENT_TYPE);
        block.push(INCREMENTAL);
        put_text(&mut block, "te");
        put_text(&mut block, "trailers");
        let (first, first_places) = frames(&block, message);
        let further = [&[METHOD_POST, SCHEME_HTTP][..], &FIRST_FOUR[..]].concat();
        let (further, further_places) = frames(&further, message);
        Ok(Self { first, further, first_places, further_places, body_bytes: message.len() })
    }

    /// Appends the call's frames on a stream.
    pub fn put(&self, out: &mut Vec<u8>, stream: u32) {
        let (frames, places) = if stream == 1 {
            (&self.first, &self.first_places)
        } else {
            (&self.further, &self.further_places)
        };
        let start = out.len();
        out.extend_from_slice(frames);
        for place in places {
            if let Some(number) = out.get_mut(start + place..start + place + 4) {
                number.copy_from_slice(&stream.to_be_bytes());
            }
        }
    }
}

/// HPACK writes a length up to here in one byte.
const LONGEST_TEXT: usize = 126;

/// A string literal that is not Huffman coded.
fn put_text(block: &mut Vec<u8>, text: &str) {
    block.push(u8::try_from(text.len()).unwrap_or(0));
    block.extend_from_slice(text.as_bytes());
}

/// HEADERS and DATA, and where the stream's number stands in them.
fn frames(block: &[u8], message: &[u8]) -> (Vec<u8>, Vec<usize>) {
    const STREAM_PLACE: usize = frame::HEADER_BYTES - 4;
    let mut out = Vec::new();
    frame::put(&mut out, frame::HEADERS, frame::END_HEADERS, 0, block);
    let mut places = vec![STREAM_PLACE];
    let mut parts = message.chunks(MAX_FRAME_BYTES).peekable();
    while let Some(part) = parts.next() {
        places.push(out.len() + STREAM_PLACE);
        let flags = if parts.peek().is_none() { frame::END_STREAM } else { 0 };
        frame::put(&mut out, frame::DATA, flags, 0, part);
    }
    (out, places)
}

#[cfg(test)]
mod tests {
    use super::*;
    use fastpath::http2::frame::{Frame, TABLE_BYTES};
    use fastpath::http2::hpack::Decoder;

    #[test]
    fn the_first_call_of_a_connection_and_those_that_follow_have_the_same_headers() {
        let call = Call::new("/a.B/C", "127.0.0.1:1", &vec![7; MAX_FRAME_BYTES + 1]).unwrap();
        let mut decoder = Decoder::new(TABLE_BYTES);
        let mut heads = Vec::new();
        for stream in [1, 3, 5] {
            let mut bytes = Vec::new();
            call.put(&mut bytes, stream);
            let (head, rest) = Frame::split(&bytes).unwrap();
            assert_eq!((head.kind, head.stream), (frame::HEADERS, stream));
            let mut fields = Vec::new();
            decoder.decode(head.payload, |name, value| fields.push((name.to_vec(), value.to_vec()))).unwrap();
            heads.push(fields);
            let (part, rest) = Frame::split(rest).unwrap();
            assert_eq!(
                (part.stream, part.payload.len(), part.has(frame::END_STREAM)),
                (stream, MAX_FRAME_BYTES, false)
            );
            let (last, rest) = Frame::split(rest).unwrap();
            assert_eq!((last.stream, last.payload.len(), last.has(frame::END_STREAM)), (stream, 1, true));
            assert!(rest.is_empty());
        }
        let field = |name: &str, value: &str| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
        let expected = [
            field(":method", "POST"),
            field(":scheme", "http"),
            field(":path", "/a.B/C"),
            field(":authority", "127.0.0.1:1"),
            field("content-type", "application/grpc"),
            field("te", "trailers"),
        ];
        for head in heads {
            assert_eq!(head, expected);
        }
    }
}

//! HTTP/2 frames (RFC 9113, section 4): what is written and read of them.

/// The length in three bytes, the type, the flags, the stream.
pub const HEADER_BYTES: usize = 9;
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PUSH_PROMISE: u8 = 5;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

/// Of SETTINGS and PING; of DATA and HEADERS the same bit means the end of the stream.
pub const ACK: u8 = 1;
pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;
pub const PRIORITIZED: u8 = 0x20;
const PRIORITY_BYTES: usize = 5;

pub const SETTINGS_HEADER_TABLE_SIZE: u16 = 1;
pub const SETTINGS_ENABLE_PUSH: u16 = 2;
pub const SETTINGS_MAX_CONCURRENT_STREAMS: u16 = 3;
pub const SETTINGS_INITIAL_WINDOW_SIZE: u16 = 4;
pub const SETTINGS_MAX_FRAME_SIZE: u16 = 5;
pub const SETTINGS_MAX_HEADER_LIST_SIZE: u16 = 6;

/// What every peer takes in one frame, and what one may send that was told nothing else (section 6.5.2).
pub const MIN_FRAME_BYTES: usize = 16_384;
/// The window of a connection and of a stream of which nothing else is said (section 6.9.2), and the largest there is.
pub const DEFAULT_WINDOW_BYTES: u32 = 65_535;
pub const MOST_WINDOW_BYTES: u32 = (1 << 31) - 1;
/// The size of a header table of which nothing else is said (section 6.5.2).
pub const TABLE_BYTES: usize = 4_096;
/// A stream's number has 31 bits.
pub const LAST_STREAM: u32 = (1 << 31) - 1;

/// Why a stream or a connection ends (section 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Reason {
    NoError = 0,
    Protocol = 1,
    FlowControl = 3,
    StreamClosed = 5,
    FrameSize = 6,
    RefusedStream = 7,
    Cancel = 8,
    Compression = 9,
    EnhanceYourCalm = 11,
}

/// One frame as it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// The frame at the front of `bytes` and what is behind it; none while it is not complete.
    #[must_use]
    pub fn split(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (header, rest) = bytes.split_at_checked(HEADER_BYTES)?;
        let [l0, l1, l2, kind, flags, s0, s1, s2, s3] = *header else { return None };
        let length = u32::from_be_bytes([0, l0, l1, l2]) as usize;
        let (payload, behind) = rest.split_at_checked(length)?;
        let stream = u32::from_be_bytes([s0 & 0x7f, s1, s2, s3]);
        Some((Self { kind, flags, stream, payload }, behind))
    }

    /// The length of the payload of the frame at the front of `bytes`, as soon as it is told.
    #[must_use]
    pub fn length(bytes: &[u8]) -> Option<usize> {
        let [l0, l1, l2] = *bytes.first_chunk()?;
        Some(u32::from_be_bytes([0, l0, l1, l2]) as usize)
    }

    #[must_use]
    pub fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// The payload of DATA or HEADERS without padding and priority.
    #[must_use]
    pub fn content(&self) -> Option<&'a [u8]> {
        let mut content = self.payload;
        if self.has(PADDED) {
            let (padding, rest) = content.split_first()?;
            content = rest.get(..rest.len().checked_sub(usize::from(*padding))?)?;
        }
        if self.kind == HEADERS && self.has(PRIORITIZED) {
            content = content.get(PRIORITY_BYTES..)?;
        }
        Some(content)
    }

    /// The stream that HEADERS with a priority, or PRIORITY, names as the one before it.
    #[must_use]
    pub fn dependency(&self) -> Option<u32> {
        let padding = usize::from(self.kind == HEADERS && self.has(PADDED));
        let bytes = self.payload.get(padding..)?.first_chunk()?;
        Some(u32::from_be_bytes(*bytes) & LAST_STREAM)
    }

    /// The big-endian number at the front of the payload.
    #[must_use]
    pub fn number(&self) -> Option<u32> {
        self.payload.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
    }
}

/// Appends the head of a frame, whose payload of so many bytes follows.
pub fn put_head(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload_bytes: usize) {
    let [_, l0, l1, l2] = u32::try_from(payload_bytes).unwrap_or(u32::MAX).to_be_bytes();
    let [s0, s1, s2, s3] = stream.to_be_bytes();
    out.extend_from_slice(&[l0, l1, l2, kind, flags, s0, s1, s2, s3]);
}

/// Appends a frame. Payloads here are far below 2^24 bytes.
pub fn put(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    put_head(out, kind, flags, stream, payload.len());
    out.extend_from_slice(payload);
}

/// Closes the frame whose head was put at `start` with no length: its block of headers reaches to the end of `out`. What is
/// longer than a frame may be goes on in CONTINUATION.
pub fn close_block(out: &mut Vec<u8>, start: usize, stream: u32) {
    let bytes = out.len().saturating_sub(start + HEADER_BYTES);
    if bytes <= MIN_FRAME_BYTES {
        let [_, length @ ..] = u32::try_from(bytes).unwrap_or(0).to_be_bytes();
        if let Some(place) = out.get_mut(start..start + length.len()) {
            place.copy_from_slice(&length);
        }
        return;
    }
    let block = out.split_off(start + HEADER_BYTES);
    let flags = out.get(start + 4).copied().unwrap_or_default() & !END_HEADERS;
    out.truncate(start);
    let mut parts = block.chunks(MIN_FRAME_BYTES).peekable();
    let (mut kind, mut flags) = (HEADERS, flags);
    while let Some(part) = parts.next() {
        let last = if parts.peek().is_none() { END_HEADERS } else { 0 };
        put(out, kind, flags | last, stream, part);
        (kind, flags) = (CONTINUATION, 0);
    }
}

/// The payload of SETTINGS.
#[must_use]
pub fn settings(pairs: &[(u16, u32)]) -> Vec<u8> {
    let pair = |(name, value): &(u16, u32)| [&name.to_be_bytes()[..], &value.to_be_bytes()[..]].concat();
    pairs.iter().flat_map(pair).collect()
}

/// The pairs in a payload of SETTINGS.
pub fn read_settings(payload: &[u8]) -> impl Iterator<Item = (u16, u32)> {
    payload.as_chunks::<6>().0.iter().map(|[n0, n1, v0, v1, v2, v3]| {
        (u16::from_be_bytes([*n0, *n1]), u32::from_be_bytes([*v0, *v1, *v2, *v3]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_read_as_it_was_written_and_not_before_it_is_complete() {
        let mut bytes = Vec::new();
        put(&mut bytes, DATA, END_STREAM, 7, b"abc");
        assert_eq!(Frame::split(&bytes[..bytes.len() - 1]), None);
        bytes.push(9);
        let (frame, behind) = Frame::split(&bytes).unwrap();
        assert_eq!((frame.kind, frame.stream, frame.content()), (DATA, 7, Some(&b"abc"[..])));
        assert!(frame.has(END_STREAM));
        assert_eq!(behind, [9]);
    }

    #[test]
    fn padding_and_priority_are_no_content() {
        let frame = |kind, flags, payload| Frame { kind, flags, stream: 1, payload };
        assert_eq!(frame(DATA, PADDED, b"\x02abc\0\0".as_slice()).content(), Some(&b"abc"[..]));
        assert_eq!(frame(HEADERS, PRIORITIZED, b"12345abc".as_slice()).content(), Some(&b"abc"[..]));
        assert_eq!(frame(DATA, PADDED, b"\x09abc".as_slice()).content(), None);
    }

    #[test]
    fn settings_are_read_as_they_were_written() {
        let pairs = [(SETTINGS_HEADER_TABLE_SIZE, 4096), (SETTINGS_MAX_CONCURRENT_STREAMS, 100)];
        assert!(read_settings(&settings(&pairs)).eq(pairs));
    }
}

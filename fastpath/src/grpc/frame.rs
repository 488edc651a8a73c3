//! Length-prefixed messages: one byte that says whether the message is compressed, four for its length, then the message.

use bytes::{Buf, Bytes, BytesMut};

use crate::status::{Code, Status};

pub const PREFIX_BYTES: usize = 5;

/// A message as it came, perhaps compressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub compressed: bool,
    pub message: Bytes,
}

/// Finds the messages in the DATA of one call, which comes in pieces of any size.
///
/// A message that lies in one piece is given without a copy.
#[derive(Debug)]
pub struct Deframer {
    max_message_bytes: usize,
    pieces: Pieces,
}

#[derive(Debug)]
enum Pieces {
    One(Bytes),
    Joined(BytesMut),
}

impl Deframer {
    #[must_use]
    pub fn new(max_message_bytes: usize) -> Self {
        Self { max_message_bytes, pieces: Pieces::One(Bytes::new()) }
    }

    /// Takes what came next.
    pub fn push(&mut self, piece: Bytes) {
        match &mut self.pieces {
            Pieces::One(held) if held.is_empty() => *held = piece,
            Pieces::One(held) => {
                let mut joined = BytesMut::with_capacity(held.len() + piece.len());
                joined.extend_from_slice(held);
                joined.extend_from_slice(&piece);
                self.pieces = Pieces::Joined(joined);
            }
            Pieces::Joined(held) => held.extend_from_slice(&piece),
        }
    }

    /// The next message; none until more has come.
    ///
    /// # Errors
    /// `Internal`: a prefix that is none. `ResourceExhausted`: a message that is too long, before any room is made for it.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, Status> {
        let held: &[u8] = match &self.pieces {
            Pieces::One(held) => held,
            Pieces::Joined(held) => held,
        };
        let Some((compressed, length)) = read_prefix(held, self.max_message_bytes)? else { return Ok(None) };
        if held.len() < PREFIX_BYTES + length {
            return Ok(None);
        }
        let message = match &mut self.pieces {
            Pieces::One(held) => {
                held.advance(PREFIX_BYTES);
                if held.len() == length { std::mem::take(held) } else { held.split_to(length) }
            }
            Pieces::Joined(held) => {
                held.advance(PREFIX_BYTES);
                held.split_to(length).freeze()
            }
        };
        Ok(Some(Frame { compressed, message }))
    }

    /// Bytes that are held.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.pieces {
            Pieces::One(held) => held.len(),
            Pieces::Joined(held) => held.len(),
        }
    }

    /// Whether nothing is left of what came: a call that ends with this false was cut off inside a message.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Whether the message at the front is compressed, and its length; none until the prefix has come.
///
/// # Errors
/// `Internal`: a prefix that is none. `ResourceExhausted`: a message that is too long, before any room is made for it.
pub fn read_prefix(bytes: &[u8], max_message_bytes: usize) -> Result<Option<(bool, usize)>, Status> {
    let Some([flag, length @ ..]) = bytes.first_chunk::<PREFIX_BYTES>() else { return Ok(None) };
    if *flag > 1 {
        let sentence = format!("The first byte of a gRPC message is {flag}; 0 is plain and 1 is compressed.");
        return Err(Status::new(Code::Internal, sentence));
    }
    let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
    if length > max_message_bytes {
        return Err(too_long(length, max_message_bytes));
    }
    Ok(Some((*flag == 1, length)))
}

/// A message over the limit; a retry cannot help, and the pushback says so.
#[must_use]
pub fn too_long(length: usize, max: usize) -> Status {
    let sentence = format!(
        "The message has {length} bytes; at most {max} are taken. Send fewer rows, or raise max_receive_bytes."
    );
    Status { pushback_ms: Some(-1), ..Status::new(Code::ResourceExhausted, sentence) }
}

/// A message behind its prefix, to be sent as DATA without being copied.
#[derive(Debug)]
pub struct Framed {
    prefix: [u8; PREFIX_BYTES],
    message: Vec<u8>,
    /// How many bytes of both have gone.
    gone: usize,
}

impl Framed {
    /// `message` has less than 2^32 bytes; a longer one would be cut off by its own prefix.
    #[must_use]
    pub fn new(message: Vec<u8>, compressed: bool) -> Self {
        let [a, b, c, d] = u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes();
        Self { prefix: [u8::from(compressed), a, b, c, d], message, gone: 0 }
    }
}

impl Buf for Framed {
    fn remaining(&self) -> usize {
        PREFIX_BYTES + self.message.len() - self.gone
    }

    fn chunk(&self) -> &[u8] {
        match self.prefix.get(self.gone..) {
            Some(prefix) if !prefix.is_empty() => prefix,
            _ => self.message.get(self.gone - PREFIX_BYTES..).unwrap_or_default(),
        }
    }

    fn advance(&mut self, count: usize) {
        self.gone = (self.gone + count).min(PREFIX_BYTES + self.message.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(message: &[u8]) -> Vec<u8> {
        let mut framed = Framed::new(message.to_vec(), false);
        framed.copy_to_bytes(framed.remaining()).to_vec()
    }

    fn message(deframer: &mut Deframer) -> Option<Vec<u8>> {
        deframer.next_frame().unwrap().map(|frame| frame.message.to_vec())
    }

    #[test]
    fn messages_are_found_however_the_bytes_are_cut() {
        let wire = [framed(b"fraud"), framed(b""), framed(&[7; 300])].concat();
        for size in [1, 2, 5, 7, 299, wire.len()] {
            let mut deframer = Deframer::new(1024);
            let mut found = Vec::new();
            for piece in wire.chunks(size) {
                deframer.push(Bytes::copy_from_slice(piece));
                while let Some(message) = message(&mut deframer) {
                    found.push(message);
                }
            }
            assert_eq!(found, [b"fraud".to_vec(), vec![], vec![7; 300]], "pieces of {size}");
            assert!(deframer.is_empty());
        }
    }

    #[test]
    fn a_message_in_one_piece_is_not_copied() {
        let piece = Bytes::from(framed(b"fraud"));
        let mut deframer = Deframer::new(1024);
        deframer.push(piece.clone());
        let frame = deframer.next_frame().unwrap().unwrap();
        assert_eq!(frame.message.as_ptr(), piece.slice(PREFIX_BYTES..).as_ptr());
    }

    #[test]
    fn a_call_that_ends_inside_a_message_is_seen() {
        let mut deframer = Deframer::new(1024);
        deframer.push(Bytes::from_static(&[0, 0, 0]));
        assert_eq!(deframer.next_frame(), Ok(None));
        assert!(!deframer.is_empty());
    }

    #[test]
    fn a_reserved_flag_and_a_length_over_the_limit_are_refused_before_the_message_comes() {
        for (prefix, code) in
            [([2, 0, 0, 0, 1], Code::Internal), ([0, 255, 255, 255, 255], Code::ResourceExhausted)]
        {
            let mut deframer = Deframer::new(1024);
            deframer.push(Bytes::copy_from_slice(&prefix));
            assert_eq!(deframer.next_frame().unwrap_err().code, code);
        }
    }

    #[test]
    fn a_framed_message_reads_the_same_in_any_steps() {
        let whole = framed(b"fraud");
        for step in 1..=whole.len() {
            let mut framed = Framed::new(b"fraud".to_vec(), false);
            let mut read = Vec::new();
            while framed.has_remaining() {
                let take = framed.chunk().len().min(step);
                read.extend_from_slice(&framed.chunk()[..take]);
                framed.advance(take);
            }
            assert_eq!(read, whole);
        }
    }
}

//! One answer, as far as it has come; and what it comes to.

use std::rc::Rc;

use bytes::Bytes;

use super::http2::blocks::Block;
use crate::client::Failure;
use crate::client::answer::{cut_short, no_message, no_status, too_many_messages, unreadable};
use crate::client::failure::Code;
use crate::grpc::Encoding;
use crate::grpc::frame::{Frame, PREFIX_BYTES};

/// Room that is made for a message before its bytes are there.
const MOST_RESERVED_BYTES: usize = 1 << 20;

/// As grpc-go, and so ghz, words it.
const CANCELLED: &str = "context canceled";

/// What is asked of an answer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Expected {
    /// Any number of messages, else one.
    pub streams: bool,
    pub max_message_bytes: usize,
    /// Its messages are looked at, and not only counted.
    pub kept: bool,
}

#[derive(Debug, Default)]
pub struct Answer {
    expected: Expected,
    first: Option<Rc<Block>>,
    last: Option<Rc<Block>>,
    prefix: [u8; PREFIX_BYTES],
    /// Of the prefix of the message that is coming; all of it while the message is.
    prefix_bytes: usize,
    /// Of the message that is coming.
    missing_bytes: usize,
    messages: usize,
    bytes: usize,
    kept: Vec<(bool, Vec<u8>)>,
    /// The message with which it is cancelled, counted from 1; 0: none.
    last_message: usize,
    broken: Option<Failure>,
}

impl Answer {
    #[must_use]
    pub fn new(expected: Expected) -> Self {
        Self { expected, ..Self::default() }
    }

    /// Its messages are kept.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.expected.kept
    }

    /// It is cancelled with its message of this number, counted from 1; 0: with none.
    pub fn expect_at_most(&mut self, messages: usize) {
        self.last_message = messages;
    }

    /// It is cancelled with the message that comes next.
    pub fn end_with_next(&mut self) {
        self.last_message = self.messages + 1;
    }

    pub fn head(&mut self, block: Rc<Block>) {
        if block.is_informational {
            return;
        }
        if self.first.is_none() {
            self.first = Some(Rc::clone(&block));
        }
        self.last = Some(block);
    }

    /// False: nothing that comes can make it right.
    pub fn data(&mut self, mut content: &[u8]) -> bool {
        if self.refused().is_some() {
            // A page for people, for example.
            return true;
        }
        while !content.is_empty() {
            if self.prefix_bytes < PREFIX_BYTES {
                let part = content.len().min(PREFIX_BYTES - self.prefix_bytes);
                let (prefix, rest) = content.split_at(part);
                if let Some(place) = self.prefix.get_mut(self.prefix_bytes..self.prefix_bytes + part) {
                    place.copy_from_slice(prefix);
                }
                (self.prefix_bytes, content) = (self.prefix_bytes + part, rest);
                if self.prefix_bytes < PREFIX_BYTES {
                    return true;
                }
                if let Err(failure) = self.begin() {
                    self.broken = Some(failure);
                    return false;
                }
            }
            let (part, rest) = content.split_at(content.len().min(self.missing_bytes));
            if self.keeps()
                && let Some((_, message)) = self.kept.last_mut()
            {
                message.extend_from_slice(part);
            }
            self.missing_bytes -= part.len();
            content = rest;
            if self.missing_bytes == 0 {
                self.messages += 1;
                self.prefix_bytes = 0;
                if self.messages == self.last_message {
                    self.broken = Some(Failure::new(Code::Cancelled, CANCELLED));
                    return false;
                }
            }
        }
        true
    }

    /// Why its head is none of a gRPC answer.
    fn refused(&self) -> Option<&Failure> {
        self.first.as_ref()?.refused.as_ref()
    }

    /// A message's prefix is there.
    fn begin(&mut self) -> Result<(), Failure> {
        let [flag, length @ ..] = self.prefix;
        if flag > 1 {
            let sentence =
                format!("The first byte of a gRPC message is {flag}; 0 is plain and 1 is compressed.");
            return Err(Failure::new(Code::Internal, sentence));
        }
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if length > self.expected.max_message_bytes {
            let sentence = format!(
                "The answer is longer than {} bytes; ask for fewer rows.",
                self.expected.max_message_bytes
            );
            return Err(Failure::new(Code::ResourceExhausted, sentence));
        }
        self.missing_bytes = length;
        self.bytes += length;
        if self.keeps() {
            self.kept.push((flag == 1, Vec::with_capacity(length.min(MOST_RESERVED_BYTES))));
        }
        Ok(())
    }

    /// How long a message is that is compressed is known once it is expanded; those of streams count as they were sent.
    fn keeps(&self) -> bool {
        self.expected.kept || (self.prefix.first() == Some(&1) && !self.expected.streams)
    }

    /// The bytes of its messages, or why there are none. Also gives the messages, where they were kept.
    ///
    /// # Errors
    /// What the server says, or what is wrong with what it says.
    pub fn result(&mut self) -> Result<(usize, Vec<Bytes>), Failure> {
        let broken = self.broken.take().filter(|_| self.refused().is_none());
        if let Some(failure) = broken {
            return Err(failure);
        }
        let first = self.first.as_ref().ok_or_else(no_status)?;
        if let Some(ending) = &first.ending {
            // Trailers without a head before them.
            ending.clone()?;
            return if self.expected.streams { Ok((0, Vec::new())) } else { Err(no_message()) };
        }
        if let Some(refused) = &first.refused {
            return Err(refused.clone());
        }
        if self.prefix_bytes > 0 {
            return Err(cut_short());
        }
        if !self.expected.streams && self.messages > 1 {
            return Err(too_many_messages());
        }
        self.last.as_ref().and_then(|last| last.ending.clone()).ok_or_else(no_status)??;
        if !self.expected.streams && self.messages == 0 {
            return Err(no_message());
        }
        if self.kept.is_empty() {
            return Ok((self.bytes, Vec::new()));
        }
        let encoding = Rc::clone(first);
        let opened: Result<Vec<Bytes>, Failure> =
            std::mem::take(&mut self.kept).into_iter().map(|frame| self.opened(&encoding, frame)).collect();
        let opened = opened?;
        let bytes = if self.expected.streams { self.bytes } else { opened.iter().map(Bytes::len).sum() };
        Ok((bytes, opened))
    }

    fn opened(&self, head: &Block, (compressed, message): (bool, Vec<u8>)) -> Result<Bytes, Failure> {
        let most = self.expected.max_message_bytes;
        let frame = Frame { compressed, message: message.into() };
        if !compressed {
            return Ok(frame.message);
        }
        let opened = Encoding::parse(&head.encoding).and_then(|encoding| encoding.open(frame, most));
        opened.map_err(|status| unreadable(status, most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::http2::blocks::Blocks;

    const UNARY: Expected = Expected { streams: false, max_message_bytes: 100, kept: false };

    fn block(fields: &[(&str, &str)]) -> Rc<Block> {
        let mut out = Vec::new();
        for (name, value) in fields {
            crate::load::http2::head::put_plain(&mut out, name, value.as_bytes());
        }
        Blocks::default().read(&out).unwrap()
    }

    fn head() -> Rc<Block> {
        block(&[(":status", "200"), ("content-type", "application/grpc")])
    }

    fn answered(expected: Expected, pieces: &[&[u8]], status: &str) -> Result<(usize, Vec<Bytes>), Failure> {
        let mut answer = Answer::new(expected);
        answer.head(head());
        for piece in pieces {
            if !answer.data(piece) {
                return answer.result();
            }
        }
        answer.head(block(&[("grpc-status", status)]));
        answer.result()
    }

    fn code(result: Result<(usize, Vec<Bytes>), Failure>) -> Code {
        result.unwrap_err().code
    }

    #[test]
    fn a_message_in_any_pieces_is_the_same() {
        let whole = b"\0\0\0\0\x03abc";
        let bytes: Vec<&[u8]> = whole.chunks(1).collect();
        for pieces in [vec![&whole[..]], bytes, vec![&whole[..4], &whole[4..]]] {
            assert_eq!(answered(UNARY, &pieces, "0").unwrap().0, 3);
            let kept = answered(Expected { kept: true, ..UNARY }, &pieces, "0").unwrap();
            assert_eq!(kept, (3, vec![Bytes::from_static(b"abc")]));
        }
    }

    #[test]
    fn a_unary_answer_has_one_message_and_a_stream_any_number() {
        let empty = b"\0\0\0\0\0";
        assert_eq!(answered(UNARY, &[empty], "0").unwrap().0, 0);
        assert_eq!(code(answered(UNARY, &[], "0")), Code::Internal);
        assert_eq!(code(answered(UNARY, &[empty, empty], "0")), Code::Internal);
        let stream = Expected { streams: true, ..UNARY };
        assert_eq!(answered(stream, &[], "0").unwrap().0, 0);
        assert_eq!(answered(stream, &[b"\0\0\0\0\x01a\0\0\0\0\x02bc"], "0").unwrap().0, 3);
    }

    #[test]
    fn what_is_wrong_is_told_by_its_code() {
        assert_eq!(code(answered(UNARY, &[b"\0\0\0\0\x03ab"], "0")), Code::Internal);
        assert_eq!(code(answered(UNARY, &[b"\x07\0\0\0\0"], "0")), Code::Internal);
        assert_eq!(code(answered(UNARY, &[b"\0\0\0\0\x65"], "0")), Code::ResourceExhausted);
        assert_eq!(code(answered(UNARY, &[b"\0\0\0\0\x01a"], "5")), Code::NotFound);
        let mut silent = Answer::new(UNARY);
        assert_eq!(code(silent.result()), Code::Unknown);
        silent.head(block(&[(":status", "200"), ("grpc-status", "8")]));
        assert_eq!(code(silent.result()), Code::ResourceExhausted);
    }

    #[test]
    fn the_content_of_an_answer_that_is_not_grpcs_is_not_looked_at() {
        let mut answer = Answer::new(UNARY);
        answer.head(block(&[(":status", "503"), ("content-type", "text/html")]));
        assert!(answer.data(b"<html>busy</html>"));
        let failure = answer.result().unwrap_err();
        assert_eq!(failure.code, Code::Unavailable);
        assert!(failure.message.contains("HTTP 503"), "{}", failure.message);
    }

    #[test]
    fn a_compressed_answer_counts_as_it_is_expanded() {
        let packed = Encoding::Gzip.compress(&[7; 90]).unwrap();
        let length = u32::try_from(packed.len()).unwrap().to_be_bytes();
        let mut answer = Answer::new(UNARY);
        answer.head(block(&[
            (":status", "200"),
            ("content-type", "application/grpc"),
            ("grpc-encoding", "gzip"),
        ]));
        assert!(answer.data(&[&[1][..], &length, &packed].concat()));
        answer.head(block(&[("grpc-status", "0")]));
        assert_eq!(answer.result().unwrap().0, 90);
    }
}

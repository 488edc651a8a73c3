//! The body of a unary call: one message, and no more.

use std::ops::Deref;
use std::rc::Rc;

use bytes::{Bytes, BytesMut};

use super::unfinished::{Held, Unfinished};
use crate::grpc::Encoding;
use crate::grpc::frame::{Frame, PREFIX_BYTES, read_prefix};
use crate::status::{Code, Status};

/// Gathers a body that comes in several pieces; one that comes whole is read where it lies.
#[derive(Debug)]
pub struct UnaryBody {
    max_message_bytes: usize,
    gathered: BytesMut,
    held: Held,
}

/// A message, where it lies or of its own.
#[derive(Debug)]
pub enum Message<'a> {
    Here(&'a [u8]),
    Owned(Bytes),
}

impl Deref for Message<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Here(message) => message,
            Self::Owned(message) => message,
        }
    }
}

impl UnaryBody {
    pub fn new(max_message_bytes: usize, unfinished: &Rc<Unfinished>) -> Self {
        Self { max_message_bytes, gathered: BytesMut::new(), held: Held::nothing(unfinished) }
    }

    /// Takes a piece that is not the last.
    ///
    /// # Errors
    /// It cannot become one message of a size that is taken, or too much is held already.
    pub fn push(&mut self, piece: &[u8]) -> Result<(), Status> {
        self.gathered.extend_from_slice(piece);
        self.held.set(self.gathered.len())?;
        match read_prefix(&self.gathered, self.max_message_bytes)? {
            Some((_, length)) if self.gathered.len() > PREFIX_BYTES + length => Err(not_one("more than one")),
            _ => Ok(()),
        }
    }

    /// The message, with the last piece.
    ///
    /// # Errors
    /// The body is not one message, or that cannot be expanded.
    pub fn finish<'a>(&mut self, last: &'a [u8], encoding: Encoding) -> Result<Message<'a>, Status> {
        if self.gathered.is_empty() {
            let compressed = self.whole(last)?;
            let message = last.get(PREFIX_BYTES..).unwrap_or_default();
            if !compressed {
                return Ok(Message::Here(message));
            }
            return self.open(Bytes::copy_from_slice(message), encoding);
        }
        self.push(last)?;
        let compressed = self.whole(&self.gathered)?;
        let message = self.gathered.split_off(PREFIX_BYTES).freeze();
        if compressed { self.open(message, encoding) } else { Ok(Message::Owned(message)) }
    }

    fn open(&self, message: Bytes, encoding: Encoding) -> Result<Message<'static>, Status> {
        encoding.open(Frame { compressed: true, message }, self.max_message_bytes).map(Message::Owned)
    }

    /// Whether the message is compressed, if it is exactly one.
    fn whole(&self, body: &[u8]) -> Result<bool, Status> {
        if body.is_empty() {
            return Err(not_one("none"));
        }
        match read_prefix(body, self.max_message_bytes)? {
            Some((compressed, length)) if body.len() == PREFIX_BYTES + length => Ok(compressed),
            Some((_, length)) if body.len() > PREFIX_BYTES + length => Err(not_one("more than one")),
            _ => Err(cut_off()),
        }
    }
}

/// A body that ends inside a message.
pub fn cut_off() -> Status {
    Status::new(Code::Internal, "The request ended inside a message; the rest of it never came.")
}

fn not_one(count: &str) -> Status {
    Status::new(Code::Unimplemented, format!("A unary call has one message; this one has {count}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &[u8] = b"\0\0\0\0\x05fraud";

    fn read(pieces: &[&[u8]]) -> Result<Vec<u8>, Code> {
        let mut body = UnaryBody::new(8, &Rc::default());
        let (last, before) = pieces.split_last().unwrap();
        let pushed = before.iter().try_for_each(|piece| body.push(piece));
        pushed
            .and_then(|()| body.finish(last, Encoding::Identity))
            .map(|message| message.to_vec())
            .map_err(|status| status.code)
    }

    #[test]
    fn a_message_reads_the_same_however_it_is_cut() {
        assert_eq!(read(&[WHOLE]).unwrap(), b"fraud");
        for cut in 0..=WHOLE.len() {
            let (front, back) = WHOLE.split_at(cut);
            assert_eq!(read(&[front, back]).unwrap(), b"fraud");
            assert_eq!(read(&[front, b"", back, b""]).unwrap(), b"fraud");
        }
    }

    #[test]
    fn what_is_not_one_message_is_refused() {
        let two = [WHOLE, WHOLE].concat();
        assert_eq!(read(&[b""]), Err(Code::Unimplemented));
        assert_eq!(read(&[&two]), Err(Code::Unimplemented));
        assert_eq!(read(&[WHOLE, WHOLE]), Err(Code::Unimplemented));
        assert_eq!(read(&[&two, b""]), Err(Code::Unimplemented));
        for cut in 1..WHOLE.len() {
            assert_eq!(read(&[&WHOLE[..cut]]), Err(Code::Internal));
            assert_eq!(read(&[&WHOLE[..cut], b""]), Err(Code::Internal));
        }
    }

    #[test]
    fn a_message_that_is_too_long_is_refused_by_its_prefix() {
        assert_eq!(read(&[b"\0\0\0\0\x09"]), Err(Code::ResourceExhausted));
        assert_eq!(read(&[b"\0\0\0\0\x09", b"x"]), Err(Code::ResourceExhausted));
    }
}

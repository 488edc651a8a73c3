//! What an answer's header blocks (RFC 7541) say of a gRPC call: its head, its end, or both.

use std::rc::Rc;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{StatusCode, header::InvalidHeaderValue};

use crate::client::Failure;
use crate::client::answer::{check_head, encoding_of};
use crate::http2::frame::TABLE_BYTES;
use crate::http2::hpack::Decoder;

/// Blocks of one connection that are known by their bytes; servers send two or three kinds.
const MOST_KNOWN: usize = 16;
/// Of one block, as it is decoded.
const MOST_BYTES: usize = 64 << 10;

/// One block.
#[derive(Debug)]
pub struct Block {
    pub is_informational: bool,
    /// How it says that the call ended; none where it does not say.
    pub ending: Option<Result<(), Failure>>,
    /// Why it is no head of a gRPC answer, if it is none.
    pub refused: Option<Failure>,
    /// Of the messages.
    pub encoding: Vec<u8>,
}

/// The blocks of one connection, in the order in which they come.
pub struct Blocks {
    decoder: Decoder,
    /// Blocks that leave the table as it is, which mean the same until another one changes it.
    known: Vec<(Box<[u8]>, Rc<Block>)>,
}

impl Default for Blocks {
    fn default() -> Self {
        Self { decoder: Decoder::new(TABLE_BYTES), known: Vec::new() }
    }
}

impl Blocks {
    /// # Errors
    /// A sentence: the bytes are no block, or one that is too long, and the connection cannot go on.
    pub fn read(&mut self, bytes: &[u8]) -> Result<Rc<Block>, String> {
        if let Some((_, known)) = self.known.iter().find(|(known, _)| **known == *bytes) {
            return Ok(Rc::clone(known));
        }
        let (block, is_lasting) = self.decoded(bytes)?;
        let block = Rc::new(block);
        if !is_lasting {
            self.known.clear();
        } else if self.known.len() < MOST_KNOWN {
            self.known.push((bytes.into(), Rc::clone(&block)));
        }
        Ok(block)
    }

    /// And whether the table is as it was.
    fn decoded(&mut self, bytes: &[u8]) -> Result<(Block, bool), String> {
        let mut headers = HeaderMap::new();
        let mut status = None;
        let mut size = 0;
        let decoded = self.decoder.decode(bytes, |name, value| {
            size += name.len() + value.len();
            if name == b":status" {
                status = StatusCode::from_bytes(value).ok();
            } else if size <= MOST_BYTES
                && let Ok(name) = HeaderName::from_bytes(name)
                && let Ok::<_, InvalidHeaderValue>(value) = HeaderValue::from_bytes(value)
            {
                headers.append(name, value);
            }
        });
        let is_lasting = decoded.map_err(|error| format!("a header block cannot be read: {error}"))?;
        if size > MOST_BYTES {
            return Err(format!("a header block has more than {MOST_BYTES} bytes"));
        }
        let block = Block {
            is_informational: status.is_some_and(|status| status.is_informational()),
            ending: Failure::of_trailers(&headers),
            refused: check_head(status.unwrap_or(StatusCode::OK), &headers).err(),
            encoding: encoding_of(&headers).to_vec(),
        };
        Ok((block, is_lasting))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::failure::Code;

    /// `grpc-status`, put into the table.
    fn status(value: u8) -> Vec<u8> {
        [&[0x40, 11][..], b"grpc-status", &[1, value]].concat()
    }

    fn code(block: &Block) -> Option<Code> {
        block.ending.as_ref().map(|end| end.as_ref().err().map_or(Code::Ok, |failure| failure.code))
    }

    #[test]
    fn a_block_that_refers_to_the_table_changes_its_meaning_with_it() {
        let mut blocks = Blocks::default();
        assert_eq!(code(&blocks.read(&[0x88]).unwrap()), None);
        assert_eq!(code(&blocks.read(&status(b'0')).unwrap()), Some(Code::Ok));
        let latest = [0xbe];
        for _ in 0..2 {
            assert_eq!(code(&blocks.read(&latest).unwrap()), Some(Code::Ok));
        }
        assert_eq!(code(&blocks.read(&status(b'9')).unwrap()), Some(Code::FailedPrecondition));
        assert_eq!(code(&blocks.read(&latest).unwrap()), Some(Code::FailedPrecondition));
    }

    #[test]
    fn a_head_that_is_not_grpcs_says_so() {
        let not_found = Blocks::default().read(&[0x8d]).unwrap();
        assert_eq!(not_found.refused.as_ref().map(|failure| failure.code), Some(Code::Unimplemented));
    }

    #[test]
    fn a_table_that_is_larger_than_allowed_is_an_error() {
        assert!(Blocks::default().read(&[0x3f, 0xe1, 0x1f, 0x88]).is_ok());
        assert!(Blocks::default().read(&[0x3f, 0xe2, 0x1f, 0x88]).is_err());
    }

    #[test]
    fn a_block_that_is_broken_or_too_long_is_an_error() {
        assert!(Blocks::default().read(&[0xe4]).is_err());
        // A field of 40,000 bytes, twice.
        let field = [&[0, 1, b'a', 0x7f][..], &[0xc1, 0xb7, 0x02], &vec![b'x'; 40_000]].concat();
        assert!(Blocks::default().read(&field).is_ok());
        assert!(Blocks::default().read(&[field.clone(), field].concat()).is_err());
    }
}

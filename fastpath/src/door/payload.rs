//! What the door sends as DATA: a message of its own, or a piece of somebody else's.

use bytes::{Buf, Bytes};

use crate::grpc::Framed;

/// DATA on its way out.
#[derive(Debug)]
pub enum Payload {
    Message(Framed),
    Piece(Bytes),
}

impl Buf for Payload {
    fn remaining(&self) -> usize {
        match self {
            Self::Message(message) => message.remaining(),
            Self::Piece(piece) => piece.remaining(),
        }
    }

    fn chunk(&self) -> &[u8] {
        match self {
            Self::Message(message) => message.chunk(),
            Self::Piece(piece) => piece.chunk(),
        }
    }

    fn advance(&mut self, count: usize) {
        match self {
            Self::Message(message) => message.advance(count),
            Self::Piece(piece) => piece.advance(count),
        }
    }
}

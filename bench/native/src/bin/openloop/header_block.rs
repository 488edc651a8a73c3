//! What an answer's header blocks (RFC 7541) say of `:status` and `grpc-status`.

use std::collections::HashMap;

use bench_native::grpc;
use fastpath::http2::frame::TABLE_BYTES;
use fastpath::http2::hpack::Decoder;

/// What one block says. A status that is no number counts as one that nobody uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statuses {
    pub http: Option<u16>,
    pub grpc: Option<u16>,
}

/// The blocks of one connection, in the order in which they come.
pub struct Blocks {
    decoder: Decoder,
    /// Blocks that leave the header table as it is, which mean the same until another one changes it.
    known: HashMap<Box<[u8]>, Statuses>,
}

impl Blocks {
    pub fn new() -> Self {
        Self { decoder: Decoder::new(TABLE_BYTES), known: HashMap::new() }
    }

    pub fn read(&mut self, block: &[u8]) -> Result<Statuses, String> {
        if let Some(known) = self.known.get(block) {
            return Ok(*known);
        }
        let mut statuses = Statuses::default();
        let number = |value: &[u8]| {
            Some(std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()).unwrap_or(u16::MAX))
        };
        let decoded = self.decoder.decode(block, |name, value| match name {
            b":status" => statuses.http = number(value),
            name if name == grpc::STATUS.as_bytes() => statuses.grpc = number(value),
            _ => {}
        });
        if decoded.map_err(|error| format!("header block: {error}"))? {
            self.known.insert(block.into(), statuses);
        } else {
            self.known.clear();
        }
        Ok(statuses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_that_refers_to_the_table_changes_its_meaning_with_it() {
        let status = |value: u8| [&[0x40, 11][..], b"grpc-status", &[1, value]].concat();
        let mut blocks = Blocks::new();
        assert_eq!(blocks.read(&[0x88]), Ok(Statuses { http: Some(200), grpc: None }));
        assert_eq!(blocks.read(&status(b'0')), Ok(Statuses { http: None, grpc: Some(0) }));
        let latest = [0xbe];
        for _ in 0..2 {
            assert_eq!(blocks.read(&latest), Ok(Statuses { http: None, grpc: Some(0) }));
        }
        assert_eq!(blocks.read(&status(b'9')), Ok(Statuses { http: None, grpc: Some(9) }));
        assert_eq!(blocks.read(&latest), Ok(Statuses { http: None, grpc: Some(9) }));
    }

    #[test]
    fn a_broken_block_is_an_error() {
        assert!(Blocks::new().read(&[0xe4]).is_err());
    }
}

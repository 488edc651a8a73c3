//! The decoder against the one of loona-hpack, with blocks that are made at random and then broken.
//!
//! Both must give the same, except for the place of table sizes. loona takes them anywhere but at the end of a block;
//! RFC 7541, section 4.2, wants them at its front, and nothing behind them.

use loona_hpack::decoder::DecoderError;
use loona_hpack::encoder::encode_integer_into;

use super::decoder::{Decoder, Error};
use super::huffman_tests::encode;

type Fields = Vec<(Vec<u8>, Vec<u8>)>;

const TABLE_BYTES: usize = 4_096;

struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap() % end
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.below(256)).unwrap()
    }

    fn text(&mut self) -> Vec<u8> {
        let length = if self.below(50) == 0 { self.below(1_500) } else { self.below(24) };
        let is_ascii = self.below(4) > 0;
        (0..length).map(|_| if is_ascii { 32 + self.byte() % 95 } else { self.byte() }).collect()
    }

    fn put_text(&mut self, block: &mut Vec<u8>) {
        let text = self.text();
        if self.below(2) == 0 {
            let code = encode(&text.iter().copied().map(u16::from).collect::<Vec<_>>());
            encode_integer_into(code.len(), 7, 0x80, block).unwrap();
            block.extend(code);
        } else {
            encode_integer_into(text.len(), 7, 0, block).unwrap();
            block.extend(text);
        }
    }

    /// A block of all that there is. Its indices are most often ones that the table has after some blocks.
    fn block(&mut self) -> Vec<u8> {
        let mut block = Vec::new();
        while self.below(12) == 0 {
            let size = [0, 64, 300, 1_000, TABLE_BYTES][self.below(5)];
            encode_integer_into(size, 5, 0x20, &mut block).unwrap();
        }
        for _ in 0..self.below(12) {
            let (kind, prefix) = [(0x80, 7), (0x40, 6), (0, 4), (0x10, 4)][self.below(4)];
            let index = 1 + if self.below(300) == 0 { self.below(400) } else { self.below(63) };
            let is_new = kind != 0x80 && self.below(2) == 0;
            encode_integer_into(if is_new { 0 } else { index }, prefix, kind, &mut block).unwrap();
            if is_new {
                self.put_text(&mut block);
            }
            if kind != 0x80 {
                self.put_text(&mut block);
            }
        }
        block
    }

    fn broken(&mut self, mut block: Vec<u8>) -> Vec<u8> {
        for _ in 0..=self.below(3) {
            if block.is_empty() {
                break;
            }
            let place = self.below(block.len());
            match self.below(4) {
                0 => block[place] = self.byte(),
                1 => block[place] ^= 1 << self.below(8),
                2 => block.insert(place, self.byte()),
                _ => drop(block.remove(place)),
            }
        }
        block
    }
}

/// The two, of the same connection.
struct Both {
    ours: Decoder,
    loonas: loona_hpack::Decoder<'static>,
}

impl Both {
    fn new() -> Self {
        let mut loonas = loona_hpack::Decoder::new();
        loonas.set_max_allowed_table_size(TABLE_BYTES);
        Self { ours: Decoder::new(TABLE_BYTES), loonas }
    }

    /// Says whether the connection goes on.
    fn agree(&mut self, block: &[u8]) -> bool {
        let mut fields = Fields::new();
        let ours = self.ours.decode(block, |name, value| fields.push((name.to_vec(), value.to_vec())));
        match (ours, self.loonas.decode(block)) {
            (Ok(_), Ok(expected)) => assert_eq!(fields, expected, "{block:x?}"),
            // A block of nothing else; that of a message without trailers, say.
            (Ok(_), Err(DecoderError::SizeUpdateAtEnd)) => assert!(fields.is_empty(), "{block:x?}"),
            (Err(Error::TableSizeBehindField), _) => {}
            (ours, loonas) => assert!(ours.is_err() && loonas.is_err(), "{ours:?} {loonas:?} {block:x?}"),
        }
        ours.is_ok()
    }
}

#[test]
fn random_blocks_are_read_as_loona_reads_them() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut both = Both::new();
    let mut read = 0;
    for _ in 0..500 {
        if both.agree(&random.block()) {
            read += 1;
        } else {
            both = Both::new();
        }
    }
    // Else it would be errors that are compared.
    assert!(read > 400, "{read}");
}

#[test]
fn broken_blocks_are_refused_as_loona_refuses_them() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    for _ in 0..500 {
        let mut both = Both::new();
        for _ in 0..random.below(3) {
            both.agree(&random.block());
        }
        let block = random.block();
        both.agree(&random.broken(block));
    }
}

#[test]
fn random_bytes_are_read_or_refused_as_by_loona() {
    let mut random = Random(0x1234_5678_9abc_def1);
    for _ in 0..1_000 {
        let block: Vec<u8> = (0..random.below(40)).map(|_| random.byte()).collect();
        Both::new().agree(&block);
    }
}

#[test]
fn a_block_may_be_cut_off_anywhere() {
    let mut random = Random(0x0bad_cafe_dead_beef);
    for _ in 0..20 {
        let block = random.block();
        for length in 0..=block.len().min(200) {
            Both::new().agree(&block[..length]);
        }
    }
}

#[test]
fn what_loona_encodes_is_read() {
    let mut random = Random(0x0102_0304_0506_0708);
    let mut encoder = loona_hpack::Encoder::new();
    let mut decoder = Decoder::new(TABLE_BYTES);
    let known: Fields = (0..200).map(|_| (random.text(), random.text())).collect();
    for _ in 0..2_000 {
        let expected: Fields =
            (0..random.below(12)).map(|_| known[random.below(known.len())].clone()).collect();
        let block = encoder.encode(expected.iter().map(|(name, value)| (&name[..], &value[..])));
        let mut fields = Fields::new();
        decoder.decode(&block, |name, value| fields.push((name.to_vec(), value.to_vec()))).unwrap();
        assert_eq!(fields, expected);
    }
}

//! Huffman codes of all symbols, and what is none; the encoder of the tests stands here, too.

use std::sync::LazyLock;

use super::Error;
use super::huffman::{BITS, EOS, MIN_BITS, decode};

/// The code of each symbol, its bits at the end of the number, and how many they are.
static CODES: LazyLock<Vec<(u32, u8)>> = LazyLock::new(|| {
    let mut symbols: Vec<usize> = (0..BITS.len()).collect();
    symbols.sort_by_key(|symbol| BITS[*symbol]);
    let mut codes = vec![(0, 0); BITS.len()];
    let (mut code, mut before) = (0, MIN_BITS);
    for symbol in symbols {
        let bits = BITS[symbol];
        code <<= bits - std::mem::replace(&mut before, bits);
        codes[symbol] = (code, bits);
        code += 1;
    }
    codes
});

/// The code of symbols, padded.
pub fn encode(symbols: &[u16]) -> Vec<u8> {
    let mut code = Vec::new();
    let (mut window, mut held) = (0_u64, 0);
    for symbol in symbols {
        let (bits, length) = CODES[usize::from(*symbol)];
        window = window << length | u64::from(bits);
        held += length;
        while held >= 8 {
            held -= 8;
            code.push((window >> held).to_le_bytes()[0]);
        }
    }
    if held > 0 {
        code.push((window << (8 - held) | 0xff >> held).to_le_bytes()[0]);
    }
    code
}

fn encode_bytes(string: &[u8]) -> Vec<u8> {
    encode(&string.iter().copied().map(u16::from).collect::<Vec<_>>())
}

fn decoded(code: &[u8]) -> Result<Vec<u8>, Error> {
    let mut string = b"before ".to_vec();
    decode(code, &mut string)?;
    Ok(string.strip_prefix(b"before ").unwrap().to_vec())
}

#[test]
fn codes_are_those_of_appendix_b() {
    let expected = [
        (usize::from(b'0'), 0x0, 5),
        (usize::from(b' '), 0x14, 6),
        (usize::from(b'z'), 0x7b, 7),
        (usize::from(b';'), 0xfb, 8),
        (usize::from(b'?'), 0x3fc, 10),
        (usize::from(b'#'), 0xffa, 12),
        (0, 0x1ff8, 13),
        (127, 0x0fff_fffc, 28),
        (255, 0x03ff_ffee, 26),
        (22, 0x3fff_fffe, 30),
        (EOS.into(), 0x3fff_ffff, 30),
    ];
    for (symbol, code, bits) in expected {
        assert_eq!(CODES[symbol], (code, bits), "{symbol}");
    }
}

#[test]
fn every_pair_of_symbols_is_read_at_every_offset() {
    for first in 0..=u8::MAX {
        for second in 0..=u8::MAX {
            let before = vec![b'0'; usize::from(second % 8)];
            let string = [&before[..], &[first, second], &b"x".repeat(usize::from(first % 12))].concat();
            assert_eq!(decoded(&encode_bytes(&string)), Ok(string));
        }
    }
}

#[test]
fn padding_is_shorter_than_an_octet_and_all_ones() {
    assert_eq!(decoded(&[]), Ok(vec![]));
    assert_eq!(decoded(&[0x1f]), Ok(b"a".to_vec()));
    // Those of Go's decoder, then paddings with a zero in them.
    let broken: [&[u8]; 9] = [
        &[0xff],
        &[0x1f, 0xff],
        &[0x1f, 0xff, 0xff],
        &[0x1f, 0xff, 0xff, 0xff],
        &[0xff, 0x9f, 0xff, 0xff, 0xff],
        &[b'R', 0xbc, b'0', 0xff, 0xff, 0xff, 0xff],
        &[0x1e],
        &[0x18],
        &[0x1b],
    ];
    for code in broken {
        assert_eq!(decoded(code), Err(Error::Huffman), "{code:x?}");
        assert_eq!(decoded(&[&[0; 10], code].concat()), Err(Error::Huffman), "{code:x?}");
    }
}

#[test]
fn eos_is_in_no_string() {
    for symbols in [&[EOS][..], &[97, EOS], &[EOS, 97], &[97, 98, 99, EOS, 97, 98, 99, 97, 98, 99, 97, 98]] {
        assert_eq!(decoded(&encode(symbols)), Err(Error::Huffman), "{symbols:?}");
    }
}

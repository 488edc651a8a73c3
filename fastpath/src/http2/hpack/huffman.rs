//! Huffman codes of strings (RFC 7541, section 5.2 and Appendix B).

use super::Error;

/// How many bits of a code are looked at in one step: many steps then give two of the symbols that headers are made of,
/// and the steps are 16 kB.
const STEP_BITS: u8 = 12;
/// Of the shortest code, and of the longest.
pub const MIN_BITS: u8 = 5;
const MAX_BITS: u8 = 30;
/// The symbol that stands for the end, and is in no string.
pub const EOS: u16 = 256;

type Steps = [Step; 1 << STEP_BITS];

/// What the next bits stand for.
#[derive(Clone, Copy)]
struct Step {
    symbols: [u8; 2],
    /// Of the symbols; 0 where `STEP_BITS` bits do not hold a code.
    count: u8,
    /// How many bits their codes have.
    bits: u8,
}

/// The codes of one length: Appendix B is canonical, so that they are consecutive numbers. Bits are counted from the top
/// of a `u64`.
#[derive(Clone, Copy)]
struct Length {
    bits: u32,
    first: u64,
    /// The last code, and whatever can follow it.
    last: u64,
    /// Where the symbol of the first code is in `Codes::symbols`.
    place: usize,
}

struct Codes {
    steps: Steps,
    lengths: [Length; MAX_BITS as usize + 1],
    /// In the order of their codes.
    symbols: [u16; BITS.len()],
}

static CODES: Codes = Codes::new();

/// Appends the string that is coded in `code` to `string`.
pub fn decode(code: &[u8], string: &mut Vec<u8>) -> Result<(), Error> {
    string.reserve(code.len() * 8 / usize::from(MIN_BITS) + size_of::<u64>());
    let mut rest = code;
    // The next bits, from the top; `held` of them count. What stands below them are bits that will come, or none.
    let mut window = 0_u64;
    let mut held = 0_u32;
    while let Some(next) = rest.first_chunk() {
        window |= u64::from_be_bytes(*next) >> held;
        let octets = (63 - held) / 8;
        held += octets * 8;
        rest = rest.get(octets as usize..).unwrap_or_default();
        // At least 56 bits: four steps without a look at what is left. A step that finds no code stays where it is.
        let mut symbols = 0;
        let mut count = 0;
        let mut is_long = false;
        for _ in 0..4 {
            let step = step(window);
            symbols |= u64::from(u16::from_le_bytes(step.symbols)) << (count * 8);
            count += u32::from(step.count);
            window <<= step.bits;
            held -= u32::from(step.bits);
            is_long = step.count == 0;
        }
        append(string, symbols, count as usize);
        if is_long && held >= u32::from(MAX_BITS) {
            let (symbol, bits) = long(window)?;
            string.push(symbol);
            window <<= bits;
            held -= bits;
        }
    }
    decode_end(rest, window, held, string)
}

/// The same for what is less than eight octets, where each step has to look whether its bits are there.
fn decode_end(code: &[u8], mut window: u64, mut held: u32, string: &mut Vec<u8>) -> Result<(), Error> {
    let mut rest = code;
    loop {
        while held <= 56
            && let Some((octet, behind)) = rest.split_first()
        {
            window |= u64::from(*octet) << (56 - held);
            held += 8;
            rest = behind;
        }
        if rest.is_empty() {
            window |= u64::MAX.checked_shr(held).unwrap_or(0);
            // No code but that of EOS has ones alone, so that this is the padding, if there is any.
            if window == u64::MAX && held < 8 {
                return Ok(());
            }
        }
        let step = step(window);
        let bits = if step.count > 0 {
            append(string, u16::from_le_bytes(step.symbols).into(), step.count.into());
            step.bits.into()
        } else {
            let (symbol, bits) = long(window)?;
            string.push(symbol);
            bits
        };
        window <<= bits;
        // A code that takes in ones from behind the end is none, and no padding.
        held = held.checked_sub(bits).ok_or(Error::Huffman)?;
    }
}

#[inline]
fn step(window: u64) -> Step {
    let [.., low, high] = window.to_le_bytes();
    let place = u16::from_le_bytes([low, high]) >> (u16::BITS - u32::from(STEP_BITS));
    let none = Step { symbols: [0; 2], count: 0, bits: 0 };
    CODES.steps.get(usize::from(place)).copied().unwrap_or(none)
}

/// Appends the first `count` bytes of `symbols`. To write all eight and take some back is faster than to copy so many.
#[inline]
fn append(string: &mut Vec<u8>, symbols: u64, count: usize) {
    let length = string.len() + count;
    string.extend_from_slice(&symbols.to_le_bytes());
    string.truncate(length);
}

/// The symbol whose code, longer than `STEP_BITS`, the window starts with, and the bits of the code.
fn long(window: u64) -> Result<(u8, u32), Error> {
    let (_, lengths) = CODES.lengths.split_at(STEP_BITS as usize + 1);
    let length = lengths.iter().find(|length| window <= length.last).ok_or(Error::Huffman)?;
    let further = usize::try_from((window - length.first) >> (u64::BITS - length.bits));
    let place = further.map_err(|_| Error::Huffman)? + length.place;
    // What is no byte is EOS.
    let symbol = CODES.symbols.get(place).and_then(|symbol| u8::try_from(*symbol).ok());
    Ok((symbol.ok_or(Error::Huffman)?, length.bits))
}

impl Codes {
    #[expect(clippy::indexing_slicing, reason = "an index that is out of bounds does not compile")]
    const fn new() -> Self {
        let mut steps = [Step { symbols: [0; 2], count: 0, bits: 0 }; 1 << STEP_BITS];
        let mut lengths = [Length { bits: 0, first: 0, last: 0, place: 0 }; MAX_BITS as usize + 1];
        let mut symbols = [0; BITS.len()];
        let mut place = 0;
        let mut next_step = 0;
        let mut code = 0_u64;
        let mut bits = MIN_BITS;
        while bits <= MAX_BITS {
            lengths[bits as usize] = Length { bits: bits as u32, first: code, last: 0, place };
            let mut symbol = 0_u16;
            while symbol <= EOS {
                if BITS[symbol as usize] == bits {
                    symbols[place] = symbol;
                    place += 1;
                    let end =
                        if bits <= STEP_BITS { next_step + (1 << (STEP_BITS - bits)) } else { next_step };
                    while next_step < end {
                        let [byte, _] = symbol.to_le_bytes();
                        steps[next_step] = Step { symbols: [byte, 0], count: 1, bits };
                        next_step += 1;
                    }
                    // Behind the last code this is 0 again.
                    code = code.wrapping_add(1 << (u64::BITS - bits as u32));
                }
                symbol += 1;
            }
            lengths[bits as usize].last = code.wrapping_sub(1);
            bits += 1;
        }
        Self { steps: pairs(&steps), lengths, symbols }
    }
}

/// Puts a second symbol into the steps that have room for its code.
#[expect(clippy::indexing_slicing, reason = "an index that is out of bounds does not compile")]
const fn pairs(steps: &Steps) -> Steps {
    let mut pairs = *steps;
    let mut place = 0;
    while place < steps.len() {
        let first = steps[place];
        let second = steps[(place << first.bits) % steps.len()];
        // A second code that needs more bits than are left is only guessed at.
        if first.count > 0 && second.count > 0 && first.bits + second.bits <= STEP_BITS {
            let symbols = [first.symbols[0], second.symbols[0]];
            pairs[place] = Step { symbols, count: 2, bits: first.bits + second.bits };
        }
        place += 1;
    }
    pairs
}

/// How many bits the code of each symbol has.
#[rustfmt::skip]
pub const BITS: [u8; EOS as usize + 1] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
    28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
    6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
    21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
    30,
];

//! FarmHash Fingerprint64: `farmhashna::Hash64` of github.com/google/farmhash, which TensorFlow
//! calls Fingerprint64 and uses in `to_hash_bucket_fast`.
//!
//! Each length class reads words from both ends of the input; in the shorter inputs of a class the
//! two ends overlap.

const K0: u64 = 0xc3a5_c85c_97cb_3127;
const K1: u64 = 0xb492_b66f_be98_f273;
const K2: u64 = 0x9ae1_6a3b_2f90_404f;

/// Where the state of inputs beyond 64 bytes begins.
const SEED: u64 = 81;

/// Fingerprint64 of any bytes.
#[inline]
#[must_use]
pub fn farmhash64(bytes: &[u8]) -> u64 {
    beyond_16(bytes).unwrap_or_else(|| up_to_16(bytes))
}

/// Fingerprint64 of the 8 little-endian bytes of `value`.
#[inline]
#[must_use]
pub fn farmhash64_u64(value: u64) -> u64 {
    from_8_to_16(value, value, 8)
}

/// Fingerprint64 of the `length` low bytes of `word`, of which there are at most 8; the others are 0.
#[inline]
#[must_use]
pub fn farmhash64_word(word: u64, length: u64) -> u64 {
    match length {
        8.. => from_8_to_16(word, word, 8),
        4..8 => farmhash64_ends(word & 0xffff_ffff, word >> (8 * (length - 4)), length),
        _ => match word.to_le_bytes() {
            _ if length == 0 => K2,
            [only, ..] if length == 1 => from_1_to_3(only, only, only, 1),
            [first, last, ..] if length == 2 => from_1_to_3(first, last, last, 2),
            [first, middle, last, ..] => from_1_to_3(first, middle, last, 3),
        },
    }
}

/// Fingerprint64 of 4 to 7 bytes, by the first four and the last four.
#[inline]
#[must_use]
pub fn farmhash64_ends(first: u64, last: u64, length: u64) -> u64 {
    mix(length + (first << 3), last, multiplier(length))
}

#[inline]
fn beyond_16(bytes: &[u8]) -> Option<u64> {
    let len = bytes.len() as u64;
    match len {
        ..=16 => None,
        17..=32 => Some(from_17_to_32(first_words(bytes)?, last_words(bytes)?, len)),
        33..=64 => Some(from_33_to_64(first_words(bytes)?, last_words(bytes)?, len)),
        65.. => beyond_64(bytes),
    }
}

#[inline]
fn up_to_16(bytes: &[u8]) -> u64 {
    let len = bytes.len() as u64;
    if let (Some([first]), Some([last])) = (first_words(bytes), last_words(bytes)) {
        return from_8_to_16(first, last, len);
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        let [first, last] = [*first, *last].map(|bytes| u64::from(u32::from_le_bytes(bytes)));
        return farmhash64_ends(first, last, len);
    }
    match *bytes {
        [] => K2,
        [only] => from_1_to_3(only, only, only, len),
        [first, last] => from_1_to_3(first, last, last, len),
        [first, middle, last, ..] => from_1_to_3(first, middle, last, len),
    }
}

#[inline]
fn from_1_to_3(first: u8, middle: u8, last: u8, len: u64) -> u64 {
    let start = u64::from(first) + (u64::from(middle) << 8);
    let end = len + (u64::from(last) << 2);
    shift_mix(start.wrapping_mul(K2) ^ end.wrapping_mul(K0)).wrapping_mul(K2)
}

#[inline]
fn from_8_to_16(first: u64, last: u64, len: u64) -> u64 {
    let mul = multiplier(len);
    let a = first.wrapping_add(K2);
    let u = last.rotate_right(37).wrapping_mul(mul).wrapping_add(a);
    let v = a.rotate_right(25).wrapping_add(last).wrapping_mul(mul);
    mix(u, v, mul)
}

#[inline]
fn from_17_to_32(first: [u64; 2], last: [u64; 2], len: u64) -> u64 {
    let mul = multiplier(len);
    let words = [first[0].wrapping_mul(K1), first[1], last[1].wrapping_mul(mul), last[0].wrapping_mul(K2)];
    let [u, v] = spread(words, K2);
    mix(u, v, mul)
}

#[inline]
fn from_33_to_64(first: [u64; 4], last: [u64; 4], len: u64) -> u64 {
    let mul = multiplier(len);
    let start = first[0].wrapping_mul(K2);
    let [u, v] = spread([start, first[1], last[3].wrapping_mul(mul), last[2].wrapping_mul(K2)], K2);
    let y = u.wrapping_add(last[0]).wrapping_mul(mul);
    let z = mix(u, v, mul).wrapping_add(last[1]).wrapping_mul(mul);
    let [u, v] = spread([first[2].wrapping_mul(mul), first[3], y, z], start);
    mix(u, v, mul)
}

/// The last 64 bytes count once more, on their own. The blocks before them end at the last multiple
/// of 64 below the length: an input of whole blocks leaves its last block to the end.
fn beyond_64(bytes: &[u8]) -> Option<u64> {
    let before_end = bytes.len().checked_sub(1)?;
    let [first] = first_words(bytes)?;
    let mut state = State::new(first);
    for block in bytes.chunks_exact(64).take(before_end / 64).filter_map(first_words) {
        state.absorb(block, K1, 1);
    }
    Some(state.finish(last_words(bytes)?, (before_end % 64) as u64))
}

struct State {
    x: u64,
    y: u64,
    z: u64,
    v: [u64; 2],
    w: [u64; 2],
}

impl State {
    fn new(first: u64) -> Self {
        let y = SEED.wrapping_mul(K1).wrapping_add(113);
        Self {
            x: SEED.wrapping_mul(K2).wrapping_add(first),
            y,
            z: shift_mix(y.wrapping_mul(K2).wrapping_add(113)).wrapping_mul(K2),
            v: [0; 2],
            w: [0; 2],
        }
    }

    /// `mul` and `weight` differ between the blocks (`K1`, 1) and the last 64 bytes.
    #[inline]
    fn absorb(&mut self, block: [u64; 8], mul: u64, weight: u64) {
        let Self { v, w, .. } = *self;
        let [b0, b1, b2, b3, b4, b5, b6, b7] = block;
        let x = self.x.wrapping_add(self.y).wrapping_add(v[0]).wrapping_add(b1).rotate_right(37);
        let x = x.wrapping_mul(mul) ^ w[1].wrapping_mul(weight);
        let y = self.y.wrapping_add(v[1]).wrapping_add(b6).rotate_right(42).wrapping_mul(mul);
        let y = y.wrapping_add(v[0].wrapping_mul(weight)).wrapping_add(b5);
        let z = self.z.wrapping_add(w[0]).rotate_right(33).wrapping_mul(mul);
        *self = Self {
            x: z,
            y,
            z: x,
            v: weak_mix([b0, b1, b2, b3], v[1].wrapping_mul(mul), x.wrapping_add(w[0])),
            w: weak_mix([b4, b5, b6, b7], z.wrapping_add(w[1]), y.wrapping_add(b2)),
        };
    }

    /// `rest`: how many bytes, less one, follow the last absorbed block.
    fn finish(mut self, last: [u64; 8], rest: u64) -> u64 {
        let mul = K1.wrapping_add((self.z & 0xff) << 1);
        self.w[0] = self.w[0].wrapping_add(rest);
        self.v[0] = self.v[0].wrapping_add(self.w[0]);
        self.w[0] = self.w[0].wrapping_add(self.v[0]);
        self.absorb(last, mul, 9);
        let Self { v, w, .. } = self;
        let u = mix(v[0], w[0], mul).wrapping_add(shift_mix(self.y).wrapping_mul(K0)).wrapping_add(self.z);
        mix(u, mix(v[1], w[1], mul).wrapping_add(self.x), mul)
    }
}

/// The first little-endian words of an input that has so many.
#[inline]
fn first_words<const WORDS: usize>(bytes: &[u8]) -> Option<[u64; WORDS]> {
    let words = bytes.get(..WORDS * 8)?.as_chunks::<8>().0.first_chunk::<WORDS>()?;
    Some(words.map(u64::from_le_bytes))
}

/// The last little-endian words of an input that has so many.
#[inline]
fn last_words<const WORDS: usize>(bytes: &[u8]) -> Option<[u64; WORDS]> {
    first_words(bytes.get(bytes.len().checked_sub(WORDS * 8)?..)?)
}

#[inline]
fn multiplier(len: u64) -> u64 {
    K2.wrapping_add(len << 1)
}

#[inline]
pub(super) fn shift_mix(value: u64) -> u64 {
    value ^ (value >> 47)
}

/// Two words to one: the original's `HashLen16`.
#[inline]
fn mix(u: u64, v: u64, mul: u64) -> u64 {
    let a = shift_mix((u ^ v).wrapping_mul(mul));
    let b = shift_mix((v ^ a).wrapping_mul(mul));
    b.wrapping_mul(mul)
}

/// Four words to the two that `mix` makes one.
#[inline]
fn spread(words: [u64; 4], key: u64) -> [u64; 2] {
    let [w, x, y, z] = words;
    [
        w.wrapping_add(x).rotate_right(43).wrapping_add(y.rotate_right(30)).wrapping_add(z),
        w.wrapping_add(x.wrapping_add(key).rotate_right(18)).wrapping_add(y),
    ]
}

/// Four words to two: the original's `WeakHashLen32WithSeeds`.
#[inline]
fn weak_mix(words: [u64; 4], low: u64, high: u64) -> [u64; 2] {
    let [w, x, y, z] = words;
    let low = low.wrapping_add(w);
    let sum = low.wrapping_add(x).wrapping_add(y);
    let high = high.wrapping_add(low).wrapping_add(z).rotate_right(21).wrapping_add(sum.rotate_right(44));
    [sum.wrapping_add(z), high.wrapping_add(low)]
}

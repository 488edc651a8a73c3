//! Writes protobuf fields to a growing buffer. Proto3 rules: a field with its default value is left out.

/// A message being written.
#[derive(Clone, Debug, Default)]
pub struct Writer {
    out: Vec<u8>,
}

const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const LENGTH: u32 = 2;

/// Bytes that `value` takes as a varint.
#[must_use]
#[inline]
pub fn varint_len(value: u64) -> usize {
    // 7 bits a byte; 0 takes one. At most 10, so the cast cannot lose.
    (64 - (value | 1).leading_zeros()).div_ceil(7) as usize
}

impl Writer {
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        Self { out: Vec::with_capacity(bytes) }
    }

    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.out
    }

    #[must_use]
    pub fn into_vec(self) -> Vec<u8> {
        self.out
    }

    #[inline]
    pub fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            let [low, ..] = value.to_le_bytes();
            self.out.push(low | 0x80);
            value >>= 7;
        }
        let [last, ..] = value.to_le_bytes();
        self.out.push(last);
    }

    #[inline]
    fn tag(&mut self, number: u32, wire_type: u32) {
        self.varint(u64::from(number << 3 | wire_type));
    }

    /// Bytes as they are: a part of a message that was written before.
    #[inline]
    pub fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// Elements of a fixed size, one after the other; nothing for none.
    pub fn extend<const N: usize>(&mut self, elements: impl ExactSizeIterator<Item = [u8; N]>) {
        let start = self.out.len();
        self.out.resize(start + elements.len() * N, 0);
        let (places, _) = self.out.get_mut(start..).unwrap_or_default().as_chunks_mut::<N>();
        for (place, element) in places.iter_mut().zip(elements) {
            *place = element;
        }
    }

    /// Begins a length-delimited field whose content of `length` bytes the caller writes next.
    #[inline]
    pub fn length(&mut self, number: u32, length: usize) {
        self.tag(number, LENGTH);
        self.varint(length as u64);
    }

    #[inline]
    pub fn uint64(&mut self, number: u32, value: u64) {
        if value != 0 {
            self.tag(number, VARINT);
            self.varint(value);
        }
    }

    /// Also when it is 0: a field that is optional, or of which another value is the usual one.
    #[inline]
    pub fn double(&mut self, number: u32, value: f64) {
        self.tag(number, FIXED64);
        self.raw(&value.to_le_bytes());
    }

    #[inline]
    pub fn bool(&mut self, number: u32, value: bool) {
        self.uint64(number, u64::from(value));
    }

    #[inline]
    pub fn string(&mut self, number: u32, value: &str) {
        if !value.is_empty() {
            self.bytes(number, value.as_bytes());
        }
    }

    /// A length-delimited field, also when it is empty (an element of a repeated field, a message).
    #[inline]
    pub fn bytes(&mut self, number: u32, value: &[u8]) {
        self.length(number, value.len());
        self.raw(value);
    }

    /// A packed repeated int64.
    pub fn packed_int64(&mut self, number: u32, values: impl Iterator<Item = i64> + Clone) {
        let length: usize = values.clone().map(|value| varint_len(value.cast_unsigned())).sum();
        if length > 0 {
            self.length(number, length);
            for value in values {
                self.varint(value.cast_unsigned());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varint_len_agrees_with_varint() {
        for shift in 0..64 {
            for value in [1u64 << shift, (1 << shift) - 1, !0 >> shift] {
                let mut writer = Writer::default();
                writer.varint(value);
                assert_eq!(writer.as_slice().len(), varint_len(value), "{value}");
            }
        }
    }

    #[test]
    fn default_values_are_left_out() {
        let mut writer = Writer::default();
        writer.uint64(1, 0);
        writer.string(2, "");
        writer.packed_int64(3, [].into_iter());
        assert!(writer.as_slice().is_empty());
    }
}

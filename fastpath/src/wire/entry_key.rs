//! What stands before the values of a feature that is expected, compared as a whole.

/// The bytes of a map entry of an Example up to the length of its Feature, as serializers write them: tag and length of the
/// key, the feature's name, and the tag of the value.
#[derive(Clone, Debug)]
pub struct EntryKey {
    words: [u64; WORDS],
    /// The bits of `words` that count.
    mask: [u64; WORDS],
    length: usize,
}

/// Names up to 29 bytes fit; longer ones are compared another way.
const WORDS: usize = 4;
const SIZE: usize = WORDS * 8;

impl EntryKey {
    /// Of a name that is too long, a key that nothing begins with.
    #[must_use]
    pub fn of(name: &[u8]) -> Self {
        let mut bytes = [0; SIZE];
        let mut mask = [0; SIZE];
        let length = name.len() + 3;
        let (Ok(name_length), Some(bytes_front), Some(mask_front)) =
            (u8::try_from(name.len()), bytes.get_mut(..length), mask.get_mut(..length))
        else {
            return Self { words: [u64::MAX; WORDS], mask: [0; WORDS], length };
        };
        bytes_front.copy_from_slice(&[&[0x0a, name_length], name, &[0x12]].concat());
        mask_front.fill(0xff);
        Self { words: words(&bytes), mask: words(&mask), length }
    }

    /// What stands behind the key in an entry of `length` bytes at the front of `rest`; none where it has another key, and
    /// where less than 32 bytes are left.
    #[inline(always)]
    #[must_use]
    pub fn behind<'a>(&self, rest: &'a [u8], length: usize) -> Option<&'a [u8]> {
        let front = words(rest.first_chunk()?);
        let differ = front.iter().zip(&self.words).zip(&self.mask);
        let differ = differ.fold(0, |all, ((front, word), mask)| all | (front & mask) ^ word);
        if differ != 0 {
            return None;
        }
        rest.get(self.length..length)
    }
}

#[inline(always)]
fn words(bytes: &[u8; SIZE]) -> [u64; WORDS] {
    let mut words = [0; WORDS];
    for (word, bytes) in words.iter_mut().zip(bytes.as_chunks::<8>().0) {
        *word = u64::from_le_bytes(*bytes);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An entry without its own tag and length, and bytes of the next one.
    fn entry(name: &[u8], feature: &[u8]) -> (Vec<u8>, usize) {
        let entry = [&[0x0a, u8::try_from(name.len()).unwrap()], name, &[0x12], feature].concat();
        let length = entry.len();
        ([entry, vec![0xee; 40]].concat(), length)
    }

    #[test]
    fn a_key_is_found_in_front_of_its_own_entry_alone() {
        let names: Vec<Vec<u8>> = (0..30).map(|length| vec![b'a'; length]).collect();
        for name in &names {
            let key = EntryKey::of(name);
            for other in names.iter().chain([&name.iter().map(|byte| byte + 1).collect()]) {
                let (bytes, length) = entry(other, &[2, 0x0a, 0]);
                let found = key.behind(&bytes, length);
                assert_eq!(found, (other == name).then_some(&[2, 0x0a, 0][..]), "{name:?} {other:?}");
            }
        }
    }

    #[test]
    fn an_entry_shorter_than_its_key_has_nothing_behind_it() {
        let (bytes, length) = entry(b"feature", &[]);
        assert_eq!(EntryKey::of(b"feature").behind(&bytes, length), Some(&[][..]));
        assert_eq!(EntryKey::of(b"feature").behind(&bytes, length - 1), None);
    }

    #[test]
    fn nothing_begins_with_the_key_of_a_name_that_is_too_long() {
        for length in [30, 31, 255, 256, 300] {
            let key = EntryKey::of(&vec![b'a'; length]);
            for byte in [0, b'a', 0xff] {
                assert_eq!(key.behind(&[byte; 400], 400), None);
            }
        }
    }
}

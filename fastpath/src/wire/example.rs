//! `tf.train.Example` (our `penstock.v1.Example`): a row as a map from feature names to lists of values.
//!
//! Serializers write one shape nearly always — key, then value, one packed list — so each function
//! takes that shape first and falls back to the general walk, which merges parts as protobuf does.

use std::borrow::Cow;

use super::entry_key::EntryKey;
use super::error::{WireError, WireErrorKind};
use super::reader::{Reader, WireType};
use super::writer::Writer;

/// The values of one feature.
#[derive(Clone, Copy, Debug)]
pub enum FeatureValues<'a> {
    /// The feature is named but has no list.
    None,
    /// Little-endian f32.
    Floats(&'a [u8]),
    /// Varints, one after the other.
    Ints(&'a [u8]),
    /// A `BytesList` message.
    Bytes(&'a [u8]),
    /// The only element of a `BytesList`.
    Element(&'a [u8]),
}

/// What is done with the features of an Example.
pub trait Visitor {
    type Error: From<WireError>;

    /// The feature that probably comes next, by a number of the visitor's own, and its key.
    fn expected(&self) -> Option<(usize, &EntryKey)>;

    /// The feature that was expected, by its number.
    fn visit_expected(&mut self, index: usize, values: FeatureValues<'_>) -> Result<(), Self::Error>;

    /// Any other one; also the expected one, where its entry has an unusual shape.
    fn visit(&mut self, name: &[u8], values: FeatureValues<'_>) -> Result<(), Self::Error>;
}

/// Visits each feature of an Example, in the order on the wire.
#[inline]
pub fn visit_features<V: Visitor>(mut example: Reader<'_>, visitor: &mut V) -> Result<(), V::Error> {
    while let Some((number, wire_type)) = example.field()? {
        if (number, wire_type) != (1, WireType::Length) {
            example.skip(number, wire_type)?;
            continue;
        }
        let mut features = example.message()?;
        while !features.is_empty() {
            if features.take_byte(0x0a) {
                if let Some((index, values, behind)) = expected_values(features, visitor) {
                    features = behind;
                    visitor.visit_expected(index, values)?;
                    continue;
                }
                visit_entry(features.message()?, visitor)?;
            } else if let Some((number, wire_type)) = features.field()? {
                features.skip(number, wire_type)?;
            }
        }
    }
    Ok(())
}

/// The values of the expected feature, and what is behind its entry; none where another feature comes, or one with an
/// unusual or long list.
#[inline(always)]
fn expected_values<'a>(
    mut features: Reader<'a>,
    visitor: &impl Visitor,
) -> Option<(usize, FeatureValues<'a>, Reader<'a>)> {
    let (index, key) = visitor.expected()?;
    let length = usize::try_from(features.varint().ok()?).ok()?;
    let values = short_values(key.behind(features.rest(), length)?)?;
    features.pass(length);
    Some((index, values, features))
}

/// The values of a Feature of one list, which is one packed field or one element of at most 123 bytes: then all lengths
/// are one byte and follow from the last. `feature` begins with the first of them, and nothing may follow the values.
#[inline(always)]
fn short_values(feature: &[u8]) -> Option<FeatureValues<'_>> {
    let (lengths, values) = feature.split_first_chunk::<5>()?;
    let [_, kind, .., last] = *lengths;
    let size = u8::try_from(values.len()).ok().filter(|size| *size < 0x7c)?;
    let (lengths, _) = lengths.split_first_chunk::<4>()?;
    // The Feature's length, its tag, the list's length, and the tag of what it holds.
    let expected = u32::from(size) * 0x0001_0001 + u32::from_le_bytes([4, 0, 2, 0x0a]);
    if last != size || u32::from_le_bytes(*lengths) & 0xffff_00ff != expected {
        return None;
    }
    match kind {
        0x0a => Some(FeatureValues::Element(values)),
        0x12 if size % 4 == 0 => Some(FeatureValues::Floats(values)),
        0x1a => Some(FeatureValues::Ints(values)),
        _ => None,
    }
}

#[inline(never)]
fn visit_entry<V: Visitor>(entry: Reader<'_>, visitor: &mut V) -> Result<(), V::Error> {
    if let Some((name, values)) = usual_entry(entry) {
        return visitor.visit(name, values);
    }
    let (name, values) = any_entry(entry)?;
    visitor.visit(name, values.as_ref())
}

/// An entry of the shape that serializers write; none for any other, also where it is broken.
#[inline(always)]
fn usual_entry(mut entry: Reader<'_>) -> Option<(&[u8], FeatureValues<'_>)> {
    if !entry.take_byte(0x0a) {
        return None;
    }
    let name = entry.bytes().ok()?;
    if !entry.take_byte(0x12) {
        return None;
    }
    match entry.rest() {
        // One float: a Feature of 8 bytes with a FloatList of 6 with 4 packed ones.
        [8, 0x12, 6, 0x0a, 4, value @ ..] if value.len() == 4 => {
            return Some((name, FeatureValues::Floats(value)));
        }
        // One short text: a Feature with a BytesList with one element, each two bytes longer than what it holds.
        [feature, 0x0a, list, element @ ..]
            if *feature < 0x80
                && usize::from(*feature) == element.len() + 2
                && usize::from(*list) == element.len() =>
        {
            return Some((name, FeatureValues::Bytes(element)));
        }
        _ => {}
    }
    let mut feature = entry.message().ok()?;
    let kind = *feature.rest().first()?;
    if !entry.is_empty() || !feature.take_byte(kind) {
        return None;
    }
    let mut list = feature.message().ok()?;
    if !feature.is_empty() {
        return None;
    }
    if kind == 0x0a {
        return Some((name, FeatureValues::Bytes(list.rest())));
    }
    if !list.take_byte(0x0a) {
        return None;
    }
    let packed = list.bytes().ok()?;
    if !list.is_empty() {
        return None;
    }
    match kind {
        0x12 if packed.len() % 4 == 0 => Some((name, FeatureValues::Floats(packed))),
        0x1a => Some((name, FeatureValues::Ints(packed))),
        _ => None,
    }
}

/// Values that had to be put together.
enum JoinedValues {
    None,
    Floats(Vec<u8>),
    Ints(Vec<u8>),
    Bytes(Vec<u8>),
}

impl JoinedValues {
    fn as_ref(&self) -> FeatureValues<'_> {
        match self {
            Self::None => FeatureValues::None,
            Self::Floats(values) => FeatureValues::Floats(values),
            Self::Ints(values) => FeatureValues::Ints(values),
            Self::Bytes(values) => FeatureValues::Bytes(values),
        }
    }

    /// What two occurrences of a oneof make: lists of the same kind are joined, else the last counts.
    fn then(self, after: Self) -> Self {
        match (self, after) {
            (Self::Floats(before), Self::Floats(after)) => Self::Floats(joined(before, &after)),
            (Self::Ints(before), Self::Ints(after)) => Self::Ints(joined(before, &after)),
            (Self::Bytes(before), Self::Bytes(after)) => Self::Bytes(joined(before, &after)),
            (before, Self::None) => before,
            (_, after) => after,
        }
    }
}

/// In place: a list may come in as many parts as a message has bytes.
fn joined(mut before: Vec<u8>, after: &[u8]) -> Vec<u8> {
    before.extend_from_slice(after);
    before
}

#[cold]
fn any_entry(mut entry: Reader<'_>) -> Result<(&[u8], JoinedValues), WireError> {
    let mut name: &[u8] = b"";
    let mut found = JoinedValues::None;
    while let Some((number, wire_type)) = entry.field()? {
        match (number, wire_type) {
            (1, WireType::Length) => name = entry.bytes()?,
            (2, WireType::Length) => found = any_values(entry.message()?, found)?,
            _ => entry.skip(number, wire_type)?,
        }
    }
    Ok((name, found))
}

/// The values of a Feature message behind those of an earlier part of it.
fn any_values(mut feature: Reader<'_>, before: JoinedValues) -> Result<JoinedValues, WireError> {
    let mut found = before;
    while let Some((number, wire_type)) = feature.field()? {
        let list = match (number, wire_type) {
            (1, WireType::Length) => JoinedValues::Bytes(feature.bytes()?.to_vec()),
            (2, WireType::Length) => JoinedValues::Floats(fixed_width::<4>(feature.message()?)?.into_owned()),
            (3, WireType::Length) => JoinedValues::Ints(ints(feature.message()?)?.into_owned()),
            _ => {
                feature.skip(number, wire_type)?;
                continue;
            }
        };
        found = found.then(list);
    }
    Ok(found)
}

/// The elements of a message whose field 1 is a repeated fixed-width number.
#[inline(always)]
pub fn fixed_width<const SIZE: usize>(list: Reader<'_>) -> Result<Cow<'_, [u8]>, WireError> {
    // One packed field, as serializers write it.
    let mut usual = list;
    if usual.take_byte(0x0a)
        && let Some(length) = usual.varint().ok().and_then(|length| usize::try_from(length).ok())
        && length == usual.rest().len()
        && length % SIZE == 0
    {
        return Ok(Cow::Borrowed(usual.rest()));
    }
    other_fixed_width::<SIZE>(list)
}

#[inline(never)]
fn other_fixed_width<const SIZE: usize>(list: Reader<'_>) -> Result<Cow<'_, [u8]>, WireError> {
    if let Some(packed) = one_packed(list)? {
        if packed.len() % SIZE != 0 {
            return Err(list.error(WireErrorKind::Packed));
        }
        return Ok(Cow::Borrowed(packed));
    }
    any_fixed_width::<SIZE>(list)
}

#[cold]
fn any_fixed_width<const SIZE: usize>(mut list: Reader<'_>) -> Result<Cow<'_, [u8]>, WireError> {
    let mut out = Vec::new();
    while let Some((number, wire_type)) = list.field()? {
        match (number, wire_type) {
            (1, WireType::Length) => {
                let packed = list.bytes()?;
                if packed.len() % SIZE != 0 {
                    return Err(list.error(WireErrorKind::Packed));
                }
                out.extend_from_slice(packed);
            }
            (1, WireType::Fixed32) if SIZE == 4 => out.extend_from_slice(&list.fixed32()?),
            (1, WireType::Fixed64) if SIZE == 8 => out.extend_from_slice(&list.fixed64()?),
            _ => list.skip(number, wire_type)?,
        }
    }
    Ok(Cow::Owned(out))
}

/// The elements of a message whose field 1 is a repeated int64, as varints end to end.
#[inline]
pub fn ints(list: Reader<'_>) -> Result<Cow<'_, [u8]>, WireError> {
    if let Some(packed) = one_packed(list)? {
        return Ok(Cow::Borrowed(packed));
    }
    any_ints(list)
}

#[cold]
fn any_ints(mut list: Reader<'_>) -> Result<Cow<'_, [u8]>, WireError> {
    let mut out = Writer::default();
    while let Some((number, wire_type)) = list.field()? {
        match (number, wire_type) {
            (1, WireType::Length) => out.raw(list.bytes()?),
            (1, WireType::Varint) => out.varint(list.varint()?),
            _ => list.skip(number, wire_type)?,
        }
    }
    Ok(Cow::Owned(out.into_vec()))
}

/// The content of field 1 where the message is nothing but that field, packed; also an empty message.
#[inline]
fn one_packed(mut list: Reader<'_>) -> Result<Option<&[u8]>, WireError> {
    if list.is_empty() {
        return Ok(Some(&[]));
    }
    if !list.take_byte(0x0a) {
        return Ok(None);
    }
    let packed = list.bytes()?;
    Ok(list.is_empty().then_some(packed))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Name, kind and bytes.
    type Feature = (Vec<u8>, char, Vec<u8>);

    /// Expects always the same feature, or none.
    struct Collector {
        expected: Option<(Vec<u8>, EntryKey)>,
        hits: usize,
        out: Vec<Feature>,
    }

    impl Visitor for Collector {
        type Error = WireError;

        fn expected(&self) -> Option<(usize, &EntryKey)> {
            self.expected.as_ref().map(|(_, key)| (7, key))
        }

        fn visit_expected(&mut self, index: usize, values: FeatureValues<'_>) -> Result<(), WireError> {
            assert_eq!(index, 7);
            self.hits += 1;
            let name = self.expected.clone().unwrap().0;
            self.visit(&name, values)
        }

        fn visit(&mut self, name: &[u8], values: FeatureValues<'_>) -> Result<(), WireError> {
            let (kind, bytes) = match values {
                FeatureValues::None => ('-', vec![]),
                FeatureValues::Floats(bytes) => ('f', bytes.to_vec()),
                FeatureValues::Ints(bytes) => ('i', bytes.to_vec()),
                FeatureValues::Bytes(bytes) => ('b', bytes.to_vec()),
                FeatureValues::Element(element) => ('b', message(1, element)),
            };
            self.out.push((name.to_vec(), kind, bytes));
            Ok(())
        }
    }

    fn collect_expecting(name: Option<&[u8]>, message: &[u8]) -> (Result<Vec<Feature>, WireError>, usize) {
        let expected = name.map(|name| (name.to_vec(), EntryKey::of(name)));
        let mut collector = Collector { expected, hits: 0, out: Vec::new() };
        let visited = visit_features(Reader::new(message), &mut collector);
        (visited.map(|()| collector.out), collector.hits)
    }

    /// The same whatever is expected.
    fn collect(message: &[u8]) -> Result<Vec<Feature>, WireError> {
        let (found, _) = collect_expecting(None, message);
        for name in [&b"a"[..], b"b", b"late"] {
            assert_eq!(collect_expecting(Some(name), message).0, found, "{name:?} expected");
        }
        found
    }

    fn message(number: u32, content: &[u8]) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.bytes(number, content);
        writer.into_vec()
    }

    fn example(feature: &[u8]) -> Vec<u8> {
        let entry = [message(1, b"a"), message(2, feature)].concat();
        message(1, &message(1, &entry))
    }

    #[test]
    fn packed_and_unpacked_lists_give_the_same_values() {
        let packed = message(3, &message(1, &[1, 0x80, 0x01]));
        let unpacked = message(3, &[0x08, 1, 0x08, 0x80, 0x01]);
        for feature in [packed, unpacked] {
            let example = example(&feature);
            assert_eq!(collect(&example), Ok(vec![(b"a".to_vec(), 'i', vec![1, 0x80, 0x01])]));
        }
    }

    #[test]
    fn parts_of_one_list_are_joined_and_of_two_kinds_the_last_counts() {
        let floats = message(2, &message(1, &1f32.to_le_bytes()));
        let both = example(&[floats.clone(), floats.clone()].concat());
        assert_eq!(collect(&both), Ok(vec![(b"a".to_vec(), 'f', 1f32.to_le_bytes().repeat(2))]));
        let ints = message(3, &message(1, &[5]));
        let last = example(&[floats, ints].concat());
        assert_eq!(collect(&last), Ok(vec![(b"a".to_vec(), 'i', vec![5])]));
    }

    #[test]
    fn a_value_before_its_key_is_found() {
        let feature = message(3, &message(1, &[7]));
        let entry = [message(2, &feature), message(1, b"late")].concat();
        let example = message(1, &message(1, &entry));
        assert_eq!(collect(&example), Ok(vec![(b"late".to_vec(), 'i', vec![7])]));
    }

    #[test]
    fn floats_of_a_broken_length_are_refused() {
        let example = example(&message(2, &message(1, &[0, 0, 0])));
        assert_eq!(collect(&example).map_err(|error| error.kind).unwrap_err(), WireErrorKind::Packed);
    }

    /// Entries of one feature behind one of another, and one more behind it, so that no end of the message is near.
    fn between(feature: &[u8]) -> Vec<u8> {
        let entry =
            |name: &[u8], feature: &[u8]| message(1, &[message(1, name), message(2, feature)].concat());
        let other = message(3, &message(1, &[1; 40]));
        message(1, &[entry(b"b", &other), entry(b"a", feature), entry(b"c", &other)].concat())
    }

    #[test]
    fn what_is_expected_is_found_in_one_step_where_its_list_is_short() {
        for size in (0..300).step_by(4) {
            for (kind, list) in [
                (1, message(1, &vec![b'x'; size])),
                (2, message(1, &vec![1; size])),
                (3, message(1, &vec![1; size])),
            ] {
                let example = between(&message(kind, &list));
                let (found, hits) = collect_expecting(Some(b"a"), &example);
                assert_eq!(hits, usize::from(size <= 120), "{size}");
                assert_eq!(found, collect_expecting(None, &example).0);
            }
        }
    }

    #[test]
    fn a_byte_changed_anywhere_means_the_same_whatever_is_expected() {
        let lists = [
            message(1, &message(1, b"text")),
            message(2, &message(1, &[0; 4])),
            message(3, &message(1, &[1, 0x80, 1])),
        ];
        for feature in lists {
            let example = between(&feature);
            for index in 0..example.len() {
                for byte in 0..=255 {
                    let mut changed = example.clone();
                    changed[index] = byte;
                    let _ = collect(&changed);
                }
            }
        }
    }
}

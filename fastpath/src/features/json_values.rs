//! The values of one feature in a JSON row: a number, a boolean, a text, bytes as `{"b64": "…"}`, null, or an array of them.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use smallvec::SmallVec;

use super::cell::Cell;
use super::fault::{Fault, FaultKind};
use super::place::expected;
use crate::spec::text::FeatureType;

/// The key of an object that stands for bytes, as TensorFlow Serving's REST has it.
const BASE64_KEY: &str = "b64";
/// What writes base64 may leave the padding out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
/// The first integer that 64 bits with a sign cannot hold.
const TWO_63: f64 = 9_223_372_036_854_775_808.0;

/// What came for one feature, in the form that its type has. Used again for the next.
pub(super) struct Values<'de> {
    kind: FeatureType,
    /// Little-endian f64 where the feature is a float, else i64.
    numbers: SmallVec<[[u8; 8]; 8]>,
    texts: SmallVec<[Cow<'de, [u8]>; 4]>,
    null: bool,
    in_list: bool,
    fault: Option<Fault>,
}

impl Default for Values<'_> {
    fn default() -> Self {
        Self {
            kind: FeatureType::Float,
            numbers: SmallVec::new(),
            texts: SmallVec::new(),
            null: false,
            in_list: false,
            fault: None,
        }
    }
}

impl Values<'_> {
    /// Begins another feature.
    pub fn reset(&mut self, kind: FeatureType) {
        self.kind = kind;
        self.numbers.clear();
        self.texts.clear();
        self.null = false;
        self.in_list = false;
    }

    /// Whether null stands for the whole feature, so that it is missing.
    pub fn is_null(&self) -> bool {
        self.null
    }

    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty() && self.texts.is_empty()
    }

    pub fn with_cell<T>(&self, put: impl FnOnce(Cell<'_>) -> T) -> T {
        match self.kind {
            FeatureType::Float => put(Cell::Doubles(&self.numbers)),
            FeatureType::Int | FeatureType::Bool | FeatureType::Timestamp => put(Cell::Ints(&self.numbers)),
            FeatureType::String | FeatureType::Bytes => {
                let texts: SmallVec<[&[u8]; 4]> = self.texts.iter().map(AsRef::as_ref).collect();
                put(Cell::Texts(&texts))
            }
        }
    }

    /// Why reading failed, where the text itself is not to blame.
    pub fn take_fault(&mut self) -> Option<Fault> {
        self.fault.take()
    }

    fn give_up<E: Error>(&mut self, kind: FaultKind) -> E {
        self.fault = Some(kind.into());
        E::custom("")
    }

    fn wrong<E: Error>(&mut self, came: &'static str) -> E {
        let expected = expected(self.kind);
        self.give_up(FaultKind::WrongKind { expected, came })
    }
}

impl<'de> DeserializeSeed<'de> for &mut Values<'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &mut Values<'de> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(expected(self.kind))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        if self.kind != FeatureType::Bool {
            return Err(self.wrong("a boolean"));
        }
        self.numbers.push(i64::from(value).to_le_bytes());
        Ok(())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        match self.kind {
            FeatureType::Float => self.numbers.push((value as f64).to_le_bytes()),
            FeatureType::Int | FeatureType::Bool | FeatureType::Timestamp => {
                self.numbers.push(value.to_le_bytes());
            }
            FeatureType::String | FeatureType::Bytes => return Err(self.wrong("an integer")),
        }
        Ok(())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        match (i64::try_from(value), self.kind) {
            (Ok(value), _) => self.visit_i64(value),
            (Err(_), _) => self.visit_f64(value as f64),
        }
    }

    /// Also integers that 64 bits do not hold.
    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        if self.kind == FeatureType::Float {
            self.numbers.push(value.to_le_bytes());
            return Ok(());
        }
        let too_large = value.fract() == 0.0 && !(-TWO_63..TWO_63).contains(&value);
        Err(self.wrong(if too_large { "an integer of more than 64 bits" } else { "a float" }))
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<(), E> {
        if matches!(self.kind, FeatureType::String | FeatureType::Bytes) {
            self.texts.push(Cow::Borrowed(value.as_bytes()));
            return Ok(());
        }
        self.visit_str(value)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        match self.kind {
            FeatureType::String | FeatureType::Bytes => {
                self.texts.push(Cow::Owned(value.as_bytes().to_vec()));
                Ok(())
            }
            FeatureType::Float => match non_finite(value) {
                Some(value) => self.visit_f64(value),
                None => Err(self.wrong("text")),
            },
            _ => Err(self.wrong("text")),
        }
    }

    /// Null.
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        if self.in_list {
            return Err(self.wrong("null in a list"));
        }
        self.null = true;
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        if self.in_list {
            return Err(self.wrong("a list in a list"));
        }
        self.in_list = true;
        while seq.next_element_seed(&mut *self)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        if !matches!(self.kind, FeatureType::String | FeatureType::Bytes) {
            return Err(self.wrong("an object"));
        }
        let entry: Option<(Cow<'_, str>, Cow<'_, str>)> = map.next_entry()?;
        let (Some((key, text)), None) = (entry, map.next_key::<Cow<'_, str>>()?) else {
            return Err(self.wrong("an object"));
        };
        match BASE64.decode(text.as_bytes()) {
            Ok(bytes) if key == BASE64_KEY => self.texts.push(Cow::Owned(bytes)),
            Err(error) if key == BASE64_KEY => {
                return Err(self.give_up(FaultKind::Json { reason: format!("it is no base64: {error}") }));
            }
            _ => return Err(self.wrong("an object without \"b64\"")),
        }
        Ok(())
    }
}

/// The texts that stand for floats that JSON has no numbers for, as in protobuf's JSON form.
#[must_use]
pub fn non_finite(text: &str) -> Option<f64> {
    Some(match text {
        "NaN" => f64::NAN,
        "Infinity" => f64::INFINITY,
        "-Infinity" => f64::NEG_INFINITY,
        _ => return None,
    })
}

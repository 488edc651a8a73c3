//! The `data` of an input in JSON, flat or nested, written out as the raw form would be.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::features::json_rows::reason;
use crate::features::non_finite;
use crate::wire::Datatype;

/// Appends the elements, little-endian and row-major, BYTES with 4-byte lengths. The number of elements of flat data is the
/// engine's to check.
///
/// # Errors
/// What is wrong, to follow the input's name.
pub fn append_raw(text: &str, datatype: Datatype, shape: &[i64], out: &mut Vec<u8>) -> Result<(), String> {
    if matches!(datatype, Datatype::Fp16 | Datatype::Bf16) {
        let name = datatype.name();
        return Err(format!("has {name} data in JSON, which has no form for it; send it as binary data"));
    }
    let mut data = Data { datatype, shape, out, index: 0, depth: None, fault: None };
    let read = serde_json::Deserializer::from_str(text).deserialize_any(Node { data: &mut data, depth: 0 });
    read.map_err(|error| data.fault.take().unwrap_or_else(|| format!("cannot be read: {}", reason(&error))))
}

struct Data<'a> {
    datatype: Datatype,
    shape: &'a [i64],
    out: &'a mut Vec<u8>,
    /// Of the next element.
    index: usize,
    /// How many arrays are around each element, once there was one.
    depth: Option<usize>,
    fault: Option<String>,
}

impl Data<'_> {
    /// An element is about to be written: are as many arrays around it as there should be?
    fn enter<E: Error>(&mut self, depth: usize) -> Result<(), E> {
        let expected = self.depth.get_or_insert(depth);
        if *expected == depth && (depth == 1 || depth == self.shape.len()) {
            return Ok(());
        }
        let fault = if depth == 0 {
            "must be an array".to_owned()
        } else {
            format!("has data that is neither flat nor nested as its shape {:?} says", self.shape)
        };
        Err(self.give_up(fault))
    }

    /// An array with so many elements ends, inside `depth` others.
    fn leave<E: Error>(&mut self, depth: usize, count: usize) -> Result<(), E> {
        let flat = depth == 0 && self.depth.is_none_or(|depth| depth == 1);
        let size = self.shape.get(depth).copied();
        if flat || size.is_some_and(|size| usize::try_from(size) == Ok(count)) {
            return Ok(());
        }
        let fault = match size {
            Some(size) => format!(
                "has an array of {count} where its shape {:?} has {size}, before element {}",
                self.shape, self.index
            ),
            None => format!("has data that is nested deeper than its shape {:?}", self.shape),
        };
        Err(self.give_up(fault))
    }

    fn give_up<E: Error>(&mut self, fault: String) -> E {
        self.fault = Some(fault);
        E::custom("")
    }

    fn wrong<E: Error>(&mut self, what: &str) -> E {
        let fault =
            format!("has {what} as element {}, which {} cannot hold", self.index, self.datatype.name());
        self.give_up(fault)
    }

    fn push(&mut self, element: &[u8]) {
        self.out.extend_from_slice(element);
        self.index += 1;
    }

    /// False: it does not fit.
    fn push_integer(&mut self, value: i128) -> bool {
        macro_rules! fits {
            ($kind:ty) => {
                <$kind>::try_from(value).map(|value| self.push(&value.to_le_bytes())).is_ok()
            };
        }
        match self.datatype {
            Datatype::Bool if value > 1 => false,
            Datatype::Bool | Datatype::Uint8 => fits!(u8),
            Datatype::Uint16 => fits!(u16),
            Datatype::Uint32 => fits!(u32),
            Datatype::Uint64 => fits!(u64),
            Datatype::Int8 => fits!(i8),
            Datatype::Int16 => fits!(i16),
            Datatype::Int32 => fits!(i32),
            Datatype::Int64 => fits!(i64),
            // As every other number of JSON, it is read as a double.
            _ => self.push_float(value as f64),
        }
    }

    /// False: it does not fit.
    fn push_float(&mut self, value: f64) -> bool {
        match self.datatype {
            Datatype::Fp64 => self.push(&value.to_le_bytes()),
            Datatype::Fp32 => {
                #[allow(clippy::cast_possible_truncation, reason = "rounded to the nearest float")]
                let float = value as f32;
                if float.is_infinite() && value.is_finite() {
                    return false;
                }
                self.push(&float.to_le_bytes());
            }
            _ => return false,
        }
        true
    }
}

/// An element, or an array inside `depth` others.
struct Node<'d, 'a> {
    data: &'d mut Data<'a>,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Node<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_, '_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an array")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.data.enter(self.depth)?;
        if self.data.datatype != Datatype::Bool {
            return Err(self.data.wrong(if value { "true" } else { "false" }));
        }
        self.data.push(&[u8::from(value)]);
        Ok(())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.data.enter(self.depth)?;
        if self.data.push_integer(value.into()) { Ok(()) } else { Err(self.data.wrong(&value.to_string())) }
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.data.enter(self.depth)?;
        if self.data.push_integer(value.into()) { Ok(()) } else { Err(self.data.wrong(&value.to_string())) }
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.data.enter(self.depth)?;
        if self.data.push_float(value) { Ok(()) } else { Err(self.data.wrong(&format!("{value:?}"))) }
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.data.enter(self.depth)?;
        match (self.data.datatype, non_finite(value)) {
            (Datatype::Bytes, _) => {
                // A body is at most 64 MiB, so its parts fit 32 bits.
                let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
                self.data.out.extend_from_slice(&length.to_le_bytes());
                self.data.push(value.as_bytes());
                Ok(())
            }
            (Datatype::Fp32 | Datatype::Fp64, Some(value)) => {
                self.data.push_float(value);
                Ok(())
            }
            _ => Err(self.data.wrong("text")),
        }
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.data.enter(self.depth)?;
        Err(self.data.wrong("null"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        map.next_entry::<IgnoredAny, IgnoredAny>()?;
        Err(self.data.wrong("an object"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Self { data, depth } = self;
        if depth > 0 && depth >= data.shape.len() {
            let fault = format!("has data that is nested deeper than its shape {:?}", data.shape);
            return Err(data.give_up(fault));
        }
        let mut count = 0;
        while seq.next_element_seed(Node { data, depth: depth + 1 })?.is_some() {
            count += 1;
        }
        data.leave(depth, count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str, datatype: Datatype, shape: &[i64]) -> Result<Vec<u8>, String> {
        let mut out = Vec::new();
        append_raw(text, datatype, shape, &mut out).map(|()| out)
    }

    #[test]
    fn flat_and_nested_data_are_the_same_bytes() {
        let flat = raw("[1, 2, 3, 4]", Datatype::Int16, &[2, 2]).unwrap();
        assert_eq!(flat, [1, 0, 2, 0, 3, 0, 4, 0]);
        assert_eq!(raw("[[1, 2], [3, 4]]", Datatype::Int16, &[2, 2]), Ok(flat));
        assert_eq!(raw("[]", Datatype::Int16, &[0, 2]), Ok(vec![]));
        assert_eq!(raw("[[], []]", Datatype::Int16, &[2, 0]), Ok(vec![]));
    }

    #[test]
    fn integers_of_64_bits_are_exact_and_larger_ones_refused() {
        let text = format!("[{}, {}]", i64::MIN, i64::MAX);
        let expected = [i64::MIN.to_le_bytes(), i64::MAX.to_le_bytes()].concat();
        assert_eq!(raw(&text, Datatype::Int64, &[2]), Ok(expected));
        assert_eq!(raw("[18446744073709551615]", Datatype::Uint64, &[1]), Ok(vec![0xff; 8]));
        for text in ["[9223372036854775808]", "[1.0]", "[1e3]", "[\"1\"]", "[true]", "[null]", "[{}]"] {
            assert!(raw(text, Datatype::Int64, &[1]).unwrap_err().contains("INT64 cannot hold"), "{text}");
        }
        assert!(raw("[128]", Datatype::Int8, &[1]).unwrap_err().contains("128 as element 0"));
        assert!(raw("[-1]", Datatype::Uint8, &[1]).unwrap_err().contains("-1 as element 0"));
        assert!(raw("[2]", Datatype::Bool, &[1]).unwrap_err().contains("BOOL cannot hold"));
    }

    #[test]
    fn floats_round_once_and_do_not_become_infinite() {
        assert_eq!(raw("[0.1, 1]", Datatype::Fp32, &[2]), Ok([0.1f32, 1.0].map(f32::to_le_bytes).concat()));
        let text = r#"["NaN", "-Infinity", 1e300]"#;
        let expected = [f64::NAN, f64::NEG_INFINITY, 1e300].map(f64::to_le_bytes).concat();
        assert_eq!(raw(text, Datatype::Fp64, &[3]), Ok(expected));
        assert!(raw("[1e300]", Datatype::Fp32, &[1]).unwrap_err().contains("FP32 cannot hold"));
        assert!(raw("[1e999]", Datatype::Fp64, &[1]).unwrap_err().contains("number out of range"));
    }

    #[test]
    fn texts_become_bytes_with_their_length() {
        let expected = b"\x02\0\0\0\xc3\xa9\x01\0\0\0\0".to_vec();
        assert_eq!(raw(r#"["\u00e9", "\u0000"]"#, Datatype::Bytes, &[2]), Ok(expected));
        assert!(raw(r#"["\ud800"]"#, Datatype::Bytes, &[1]).unwrap_err().contains("cannot be read"));
    }

    #[test]
    fn data_that_does_not_nest_as_the_shape_says_is_refused() {
        for text in ["[[1, 2], [3]]", "[[1], [2, 3, 4]]", "[1, [2]]", "[[1, 2], 3]", "[[1, 2, 3, 4]]", "5"] {
            assert!(raw(text, Datatype::Fp32, &[2, 2]).is_err(), "{text}");
        }
        let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
        assert!(raw(&deep, Datatype::Fp32, &[1]).unwrap_err().contains("nested deeper"));
    }
}

//! Writes JSON: texts, numbers of any datatype, and arrays of them.

use half::{bf16, f16};
use serde::Serialize;

use crate::wire::Datatype;

/// Appends a value as `serde_json` writes it.
pub fn value(value: &(impl Serialize + ?Sized), out: &mut Vec<u8>) {
    // Neither memory nor texts and numbers can fail to be written.
    let _ = serde_json::to_writer(out, value);
}

/// Elements of a tensor, row-major and little-endian, as one flat array.
pub fn flat(datatype: Datatype, data: &[u8], out: &mut Vec<u8>) {
    out.push(b'[');
    match datatype {
        Datatype::Bool => list(data, out, |[byte], out| {
            out.extend_from_slice(if byte == 0 { b"false" } else { b"true" });
        }),
        Datatype::Uint8 => list(data, out, |bytes, out| integer(u8::from_le_bytes(bytes), out)),
        Datatype::Uint16 => list(data, out, |bytes, out| integer(u16::from_le_bytes(bytes), out)),
        Datatype::Uint32 => list(data, out, |bytes, out| integer(u32::from_le_bytes(bytes), out)),
        Datatype::Uint64 => list(data, out, |bytes, out| integer(u64::from_le_bytes(bytes), out)),
        Datatype::Int8 => list(data, out, |bytes, out| integer(i8::from_le_bytes(bytes), out)),
        Datatype::Int16 => list(data, out, |bytes, out| integer(i16::from_le_bytes(bytes), out)),
        Datatype::Int32 => list(data, out, |bytes, out| integer(i32::from_le_bytes(bytes), out)),
        Datatype::Int64 => list(data, out, |bytes, out| integer(i64::from_le_bytes(bytes), out)),
        Datatype::Fp16 => list(data, out, |bytes, out| float(f16::from_le_bytes(bytes).to_f32(), out)),
        Datatype::Bf16 => list(data, out, |bytes, out| float(bf16::from_le_bytes(bytes).to_f32(), out)),
        Datatype::Fp32 => list(data, out, |bytes, out| float(f32::from_le_bytes(bytes), out)),
        Datatype::Fp64 => list(data, out, |bytes, out| double(f64::from_le_bytes(bytes), out)),
        // No model output has it.
        Datatype::Bytes => {}
    }
    out.push(b']');
}

/// The same as arrays in arrays, as the shape says.
pub fn nested(datatype: Datatype, shape: &[i64], data: &[u8], out: &mut Vec<u8>) {
    let Some((count, rest)) = shape.split_first().filter(|(_, rest)| !rest.is_empty()) else {
        return flat(datatype, data, out);
    };
    out.push(b'[');
    let count = usize::try_from(*count).unwrap_or(0);
    let size = data.len().checked_div(count).unwrap_or(0);
    for place in 0..count {
        if place > 0 {
            out.push(b',');
        }
        nested(datatype, rest, data.get(place * size..(place + 1) * size).unwrap_or_default(), out);
    }
    out.push(b']');
}

fn list<const N: usize>(data: &[u8], out: &mut Vec<u8>, write: impl Fn([u8; N], &mut Vec<u8>)) {
    let (elements, _) = data.as_chunks::<N>();
    for (place, element) in elements.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write(*element, out);
    }
}

fn integer(value: impl itoa::Integer, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// The shortest decimal that is this float, unless who reads it as a double and narrows that would get another: then the
/// double that it is (7.038531e-26 lies so near the middle between two floats).
fn float(number: f32, out: &mut Vec<u8>) {
    if !number.is_finite() {
        return non_finite(f64::from(number), out);
    }
    let from = out.len();
    value(&number, out);
    let text = out.get(from..).and_then(|text| std::str::from_utf8(text).ok());
    let read = text.and_then(|text| text.parse::<f64>().ok());
    #[allow(clippy::cast_possible_truncation, reason = "what callers do")]
    let same = read.is_some_and(|read| (read as f32).to_bits() == number.to_bits());
    if !same {
        out.truncate(from);
        double(f64::from(number), out);
    }
}

fn double(number: f64, out: &mut Vec<u8>) {
    if number.is_finite() { value(&number, out) } else { non_finite(number, out) }
}

/// What JSON has no number for, as protobuf's JSON form writes it.
fn non_finite(number: f64, out: &mut Vec<u8>) {
    let text: &[u8] = if number.is_nan() {
        b"\"NaN\""
    } else if number > 0.0 {
        b"\"Infinity\""
    } else {
        b"\"-Infinity\""
    };
    out.extend_from_slice(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn integers_keep_every_digit() {
        let data: Vec<u8> = [i64::MIN, -1, i64::MAX].iter().flat_map(|value| value.to_le_bytes()).collect();
        let expected = "[-9223372036854775808,-1,9223372036854775807]";
        assert_eq!(text(|out| flat(Datatype::Int64, &data, out)), expected);
        let data = u64::MAX.to_le_bytes();
        assert_eq!(text(|out| flat(Datatype::Uint64, &data, out)), "[18446744073709551615]");
    }

    #[test]
    fn floats_are_as_short_as_they_can_be_and_what_is_no_number_is_text() {
        let values = [0.1f32, -0.0, f32::MAX, 1e-45, f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
        let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let expected = r#"[0.1,-0.0,3.4028235e+38,1e-45,"NaN","Infinity","-Infinity"]"#;
        assert_eq!(text(|out| flat(Datatype::Fp32, &data, out)), expected);
    }

    #[test]
    fn floats_read_as_doubles_and_narrowed_are_the_same_floats() {
        // A stride that meets every exponent and is prime to the powers of two, and one whose shortest decimal is misread.
        for bits in (0..=u32::MAX).step_by(7_919).chain([0x15ae_43fd, 0x95ae_43fd]) {
            let number = f32::from_bits(bits);
            if number.is_finite() {
                let text = text(|out| float(number, out));
                #[allow(clippy::cast_possible_truncation, reason = "what is shown")]
                let read = text.parse::<f64>().unwrap() as f32;
                assert_eq!(read.to_bits(), bits, "{text}");
            }
        }
    }

    #[test]
    fn arrays_nest_as_the_shape_says() {
        let data = [1u8, 0, 0, 1];
        assert_eq!(
            text(|out| nested(Datatype::Bool, &[2, 1, 2], &data, out)),
            "[[[true,false]],[[false,true]]]"
        );
        assert_eq!(text(|out| nested(Datatype::Bool, &[2, 0], &[], out)), "[[],[]]");
        assert_eq!(text(|out| nested(Datatype::Bool, &[0, 4], &[], out)), "[]");
    }
}

//! `grpc-message`: UTF-8 whose bytes outside printable ASCII, and `%`, are written as `%` and two hexadecimal digits.

use std::borrow::Cow;
use std::fmt::Write;

fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'%'
}

/// The header's value for a text.
#[must_use]
pub fn encode(text: &str) -> Cow<'_, str> {
    if text.bytes().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let mut encoded = String::with_capacity(text.len() + 16);
    for byte in text.bytes() {
        if is_plain(byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    Cow::Owned(encoded)
}

/// The text of a header's value. What is not well written stays as it is: a message is for people, and an error in it must
/// not hide it.
#[must_use]
pub fn decode(value: &[u8]) -> String {
    let hex = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((first, tail)) = rest.split_first() {
        if let (b'%', Some(high), Some(low)) = (*first, hex(tail.first()), hex(tail.get(1))) {
            // Two digits of four bits.
            bytes.push(u8::try_from(high << 4 | low).unwrap_or(b'?'));
            rest = tail.get(2..).unwrap_or_default();
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_not_copied_and_the_rest_is_written_in_hex() {
        assert!(matches!(encode("row 3: found 7"), Cow::Borrowed(_)));
        assert_eq!(encode("50% of é\n"), "50%25 of %C3%A9%0A");
    }

    #[test]
    fn what_was_encoded_is_decoded() {
        for text in ["", "plain", "100 % über\u{0}\r\n", "\u{1F600}"] {
            assert_eq!(decode(encode(text).as_bytes()), text);
        }
    }

    #[test]
    fn what_is_badly_encoded_is_kept() {
        assert_eq!(decode(b"50% off, %zz %2"), "50% off, %zz %2");
        assert_eq!(decode(b"%FF"), "\u{FFFD}");
    }
}

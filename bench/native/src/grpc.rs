//! gRPC over HTTP/2, as far as a benchmark speaks it: the prefix of a message, and two header names.

use bytes::{BufMut as _, Bytes, BytesMut};

/// Not compressed, then the length in four bytes, big end first.
pub const PREFIX_BYTES: usize = 5;
pub const CONTENT_TYPE: &str = "application/grpc";
pub const STATUS: &str = "grpc-status";

/// A message with its prefix. Refuses one whose length does not fit.
pub fn framed(message: &[u8]) -> Result<Bytes, String> {
    let length = u32::try_from(message.len()).map_err(|_| "the message is too large".to_owned())?;
    let mut frame = BytesMut::with_capacity(PREFIX_BYTES + message.len());
    frame.put_u8(0);
    frame.put_u32(length);
    frame.put_slice(message);
    Ok(frame.freeze())
}

#[cfg(test)]
mod tests {
    use super::framed;

    #[test]
    fn a_message_follows_its_length() {
        assert_eq!(framed(b"abc").unwrap(), &b"\0\0\0\0\x03abc"[..]);
    }
}

//! Message encodings: how messages are compressed, and that what they expand to stays within the limit.

use std::io::Read;

use bytes::Bytes;
use flate2::Compression;
use flate2::read::{GzEncoder, MultiGzDecoder, ZlibDecoder, ZlibEncoder};

use super::frame::{Frame, too_long};
use crate::status::{Code, Status};

/// What a server takes, for `grpc-accept-encoding`.
pub const ACCEPTED: &str = "identity,deflate,gzip,zstd";
/// A zstd stream may ask for a window of 2 GiB; encoders use 8 MiB at most unless told otherwise.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;
/// The level that zstd calls its default.
const ZSTD_LEVEL: i32 = 3;

/// How a call's compressed messages are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    #[default]
    Identity,
    Gzip,
    /// In zlib's format (RFC 1950), which is what HTTP calls deflate.
    Deflate,
    Zstd,
}

impl Encoding {
    /// The encoding of a `grpc-encoding` header.
    ///
    /// # Errors
    /// `Unimplemented`: not one of `ACCEPTED`.
    pub fn parse(name: &[u8]) -> Result<Self, Status> {
        Self::of_name(name).ok_or_else(|| {
            let shown: String = String::from_utf8_lossy(name).chars().take(32).collect();
            let sentence = format!("Message encoding {shown:?} is not taken; {ACCEPTED} are.");
            Status::new(Code::Unimplemented, sentence)
        })
    }

    fn of_name(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"identity" => Self::Identity,
            b"gzip" => Self::Gzip,
            b"deflate" => Self::Deflate,
            b"zstd" => Self::Zstd,
            _ => return None,
        })
    }

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Zstd => "zstd",
        }
    }

    /// Whether a `grpc-accept-encoding` header lists this one.
    #[must_use]
    pub fn is_accepted_by(self, header: &[u8]) -> bool {
        header.split(|byte| *byte == b',').any(|name| Self::of_name(name.trim_ascii()) == Some(self))
    }

    /// The message of a frame, expanded where it is compressed.
    ///
    /// # Errors
    /// `Internal`: compressed without an encoding, or broken. `ResourceExhausted`: it expands to more than
    /// `max_message_bytes`; no more than that is written before it is found out.
    pub fn open(self, frame: Frame, max_message_bytes: usize) -> Result<Bytes, Status> {
        if !frame.compressed {
            return Ok(frame.message);
        }
        let message = &*frame.message;
        match self {
            Self::Identity => Err(Status::new(
                Code::Internal,
                "A message is marked as compressed, but the call names no encoding; set grpc-encoding.",
            )),
            // A gzip file is one member after another (RFC 1952, 2.2); what follows the last is an error.
            Self::Gzip => self.expand(MultiGzDecoder::new(message), max_message_bytes),
            Self::Deflate => self.expand(ZlibDecoder::new(message), max_message_bytes),
            Self::Zstd => {
                let mut decoder =
                    zstd::stream::read::Decoder::with_buffer(message).map_err(|error| self.broken(&error))?;
                decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(|error| self.broken(&error))?;
                self.expand(decoder, max_message_bytes)
            }
        }
    }

    fn expand(self, decoder: impl Read, max_message_bytes: usize) -> Result<Bytes, Status> {
        let mut message = Vec::new();
        // One byte more than is allowed tells a message that is too long from one that just fits.
        let read = decoder.take(max_message_bytes as u64 + 1).read_to_end(&mut message);
        read.map_err(|error| self.broken(&error))?;
        if message.len() > max_message_bytes {
            return Err(too_long(message.len(), max_message_bytes));
        }
        Ok(message.into())
    }

    fn broken(self, error: &std::io::Error) -> Status {
        let sentence = format!("A message is marked as {}, but does not expand: {error}.", self.name());
        Status::new(Code::Internal, sentence)
    }

    /// A message compressed; none where that is no smaller.
    #[must_use]
    pub fn compress(self, message: &[u8]) -> Option<Vec<u8>> {
        let mut packed = Vec::with_capacity(message.len() / 2);
        match self {
            Self::Identity => return None,
            Self::Gzip => GzEncoder::new(message, Compression::fast()).read_to_end(&mut packed).ok()?,
            Self::Deflate => ZlibEncoder::new(message, Compression::fast()).read_to_end(&mut packed).ok()?,
            Self::Zstd => {
                packed = zstd::bulk::compress(message, ZSTD_LEVEL).ok()?;
                packed.len()
            }
        };
        (packed.len() < message.len()).then_some(packed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKED: [Encoding; 3] = [Encoding::Gzip, Encoding::Deflate, Encoding::Zstd];

    fn frame(message: impl Into<Bytes>) -> Frame {
        Frame { compressed: true, message: message.into() }
    }

    #[test]
    fn every_encoding_expands_what_it_compressed() {
        let message = b"merchant".repeat(100);
        for encoding in PACKED {
            let packed = encoding.compress(&message).unwrap();
            assert_eq!(encoding.open(frame(packed), message.len()).unwrap(), message);
        }
        assert_eq!(Encoding::Identity.compress(&message), None);
    }

    #[test]
    fn a_message_that_expands_beyond_the_limit_is_refused_and_one_of_the_limit_is_not() {
        for encoding in PACKED {
            let packed = encoding.compress(&vec![0; 10_000]).unwrap();
            assert_eq!(encoding.open(frame(packed.clone()), 10_000).unwrap().len(), 10_000);
            let refused = encoding.open(frame(packed), 9_999).unwrap_err();
            assert_eq!((refused.code, refused.pushback_ms), (Code::ResourceExhausted, Some(-1)));
        }
    }

    #[test]
    fn broken_messages_are_internal() {
        for encoding in [Encoding::Identity, Encoding::Gzip, Encoding::Deflate, Encoding::Zstd] {
            let mut cut = encoding.compress(&b"merchant".repeat(100)).unwrap_or_default();
            cut.truncate(cut.len() / 2);
            for message in [Bytes::from(cut), Bytes::from_static(b"not compressed")] {
                assert_eq!(encoding.open(frame(message), 1 << 20).unwrap_err().code, Code::Internal);
            }
        }
    }

    #[test]
    fn all_members_of_a_gzip_message_are_read_and_what_follows_them_is_refused() {
        let member = Encoding::Gzip.compress(&b"merchant".repeat(100)).unwrap();
        let both = Encoding::Gzip.open(frame([&*member, &*member].concat()), 1 << 20).unwrap();
        assert_eq!(both, b"merchant".repeat(200));
        let followed = frame([&*member, b"and more"].concat());
        assert_eq!(Encoding::Gzip.open(followed, 1 << 20).unwrap_err().code, Code::Internal);
    }

    #[test]
    fn a_name_that_is_not_taken_is_unimplemented_and_says_what_is() {
        let refused = Encoding::parse(b"lzma").unwrap_err();
        assert_eq!(refused.code, Code::Unimplemented);
        assert!(refused.message.contains(ACCEPTED));
    }

    #[test]
    fn an_accept_header_is_a_list() {
        assert!(Encoding::Gzip.is_accepted_by(b"identity, gzip"));
        assert!(!Encoding::Zstd.is_accepted_by(b"identity,gzip"));
    }
}

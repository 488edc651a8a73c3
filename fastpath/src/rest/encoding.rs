//! `Content-Encoding` and `Accept-Encoding`: how bodies are compressed.

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, HeaderMap};

use crate::grpc::Encoding;
use crate::grpc::frame::Frame;
use crate::status::{Code, Status};

/// What a body may be compressed with.
pub const ACCEPTED: &str = "gzip, deflate, zstd";

/// How a request's body is compressed; an error names it.
pub fn of_body(headers: &HeaderMap) -> Result<Encoding, String> {
    let Some(value) = headers.get(CONTENT_ENCODING) else { return Ok(Encoding::Identity) };
    Encoding::parse(&value.as_bytes().trim_ascii().to_ascii_lowercase())
        .map_err(|_| String::from_utf8_lossy(value.as_bytes()).chars().take(32).collect())
}

/// How the answer is to be compressed: with what the caller likes best of gzip and deflate, gzip among equals.
pub fn of_answer(headers: &HeaderMap) -> Encoding {
    let lists = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let mut best = (0, Encoding::Identity);
    for entry in lists.flat_map(|list| list.split(',')) {
        let (name, weight) = entry.split_once(';').unwrap_or((entry, ""));
        let encoding = match name.trim().to_ascii_lowercase().as_str() {
            "gzip" => Encoding::Gzip,
            "deflate" => Encoding::Deflate,
            _ => continue,
        };
        let weight = thousandths(weight);
        if weight > best.0 || weight == best.0 && weight > 0 && encoding == Encoding::Gzip {
            best = (weight, encoding);
        }
    }
    best.1
}

/// A weight such as `q=0.5`, which is 1 where there is none and 0 where it is none.
fn thousandths(weight: &str) -> u32 {
    let Some(text) = weight.trim().strip_prefix("q=") else { return 1000 };
    let (whole, part) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    match (whole, part.len()) {
        ("1", _) => 1000,
        ("0", 0..=3) => format!("{part:0<3}").parse().unwrap_or(0),
        _ => 0,
    }
}

/// The body, expanded to at most so many bytes.
///
/// # Errors
/// `InvalidArgument`: broken. `ResourceExhausted`: it expands to more.
pub fn expand(encoding: Encoding, body: Bytes, most_bytes: usize) -> Result<Bytes, Status> {
    if encoding == Encoding::Identity {
        return Ok(body);
    }
    encoding.open(Frame { compressed: true, message: body }, most_bytes).map_err(|status| match status.code {
        Code::Internal => {
            let sentence = format!("The body is no {}, which Content-Encoding says it is.", encoding.name());
            Status::new(Code::InvalidArgument, sentence)
        }
        _ => status,
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn answer(accepts: &'static str) -> Encoding {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(accepts));
        of_answer(&headers)
    }

    #[test]
    fn answers_are_compressed_as_callers_like_it() {
        assert_eq!(of_answer(&HeaderMap::new()), Encoding::Identity);
        assert_eq!(answer("gzip"), Encoding::Gzip);
        assert_eq!(answer("deflate, gzip"), Encoding::Gzip);
        assert_eq!(answer("gzip;q=0.5, deflate;q=0.8"), Encoding::Deflate);
        assert_eq!(answer("gzip;q=0, br, *;q=0.1"), Encoding::Identity);
        assert_eq!(answer("identity"), Encoding::Identity);
    }

    #[test]
    fn a_broken_body_is_the_callers_fault_and_a_bomb_ends_at_the_limit() {
        let packed = Bytes::from(Encoding::Deflate.compress(&[0; 10_000]).unwrap());
        assert_eq!(expand(Encoding::Deflate, packed.clone(), 10_000).unwrap().len(), 10_000);
        assert_eq!(expand(Encoding::Deflate, packed.clone(), 9_999).unwrap_err().http_code(), 413);
        assert_eq!(expand(Encoding::Gzip, packed, 10_000).unwrap_err().http_code(), 400);
    }
}

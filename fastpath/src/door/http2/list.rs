//! The fields of a request's header block, checked one by one (RFC 9113, section 8), and what they come to.
//!
//! Of a hot call only the few fields that the door heeds are kept: clients who name a deadline, or trace their calls, begin
//! each with a block that was never seen before.

use http::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Method, Request, Uri};

use super::blocks::NoCall;
use crate::door::head::{Asked, Call, HeadFields, Hot, check};
use crate::grpc::Encoding;

/// What HTTP/2 says in other ways (section 8.2.2).
const OF_HTTP1: [&[u8]; 5] =
    [b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade"];

/// The fields of a block.
pub struct List {
    method: Option<Method>,
    path: Option<Path>,
    has_authority: bool,
    scheme: bool,
    content_length: Option<u64>,
    /// Pseudo-headers come first.
    has_regular: bool,
    /// Of a hot call.
    heeded: HeadFields,
    /// Of any other.
    headers: HeaderMap,
    /// The authority where it has one; that of a block before where it has none.
    pub authority: Option<Authority>,
}

enum Path {
    Hot(Hot),
    Other(PathAndQuery),
}

impl List {
    /// `preferred` is how answers are compressed where the caller takes that; `authority` is that of the block before, which
    /// most likely is this one's.
    pub fn new(preferred: Encoding, authority: Option<Authority>) -> Self {
        Self {
            method: None,
            path: None,
            has_authority: false,
            scheme: false,
            content_length: None,
            has_regular: false,
            heeded: HeadFields::new(preferred),
            headers: HeaderMap::new(),
            authority,
        }
    }

    /// None: the request is malformed.
    pub fn field(&mut self, name: &[u8], value: &[u8]) -> Option<()> {
        if name.first() == Some(&b':') {
            return if self.has_regular { None } else { self.pseudo(name, value) };
        }
        self.has_regular = true;
        if OF_HTTP1.contains(&name) || (name == b"te" && value != b"trailers") {
            return None;
        }
        if name == CONTENT_LENGTH.as_str().as_bytes() {
            let digits = Some(value).filter(|value| value.iter().all(u8::is_ascii_digit))?;
            let length = std::str::from_utf8(digits).ok()?.parse().ok()?;
            if self.content_length.replace(length).is_some_and(|before| before != length) {
                return None;
            }
        }
        if matches!(self.path, Some(Path::Hot(_))) {
            self.heeded.field(name, value);
            return (is_name(name) && is_value(value)).then_some(());
        }
        // Refuses capital letters too (section 8.2.1).
        let name = HeaderName::from_lowercase(name).ok()?;
        self.headers.append(name, HeaderValue::from_bytes(value).ok()?);
        Some(())
    }

    /// Each of the four at most once, and no other.
    fn pseudo(&mut self, name: &[u8], value: &[u8]) -> Option<()> {
        let is_second = match name {
            b":method" => self.method.replace(Method::from_bytes(value).ok()?).is_some(),
            b":path" => {
                let path = match Hot::of(value) {
                    Some(hot) => Path::Hot(hot),
                    None => Path::Other(PathAndQuery::try_from(value).ok()?),
                };
                self.path.replace(path).is_some()
            }
            b":scheme" => {
                Scheme::try_from(value).ok()?;
                std::mem::replace(&mut self.scheme, true)
            }
            b":authority" if value.is_empty() => false,
            b":authority" => {
                if self.authority.as_ref().is_none_or(|known| known.as_str().as_bytes() != value) {
                    self.authority = Some(Authority::try_from(value).ok()?);
                }
                std::mem::replace(&mut self.has_authority, true)
            }
            _ => return None,
        };
        (!is_second).then_some(())
    }

    pub fn into_call(self) -> Result<Call, NoCall> {
        let content_length = self.content_length;
        let (method, path) = match (self.method, self.path, self.scheme) {
            (Some(method), Some(Path::Hot(hot)), true) => {
                let asked = self.heeded.head(&method).map(|head| Asked::Hot(hot, head));
                return Ok(Call { content_length, asked });
            }
            (Some(method), Some(Path::Other(path)), true) => (method, path),
            // It has neither (section 8.5), and is not taken whatever it asks for.
            (Some(Method::CONNECT), None, false) => (Method::CONNECT, PathAndQuery::from_static("/")),
            _ => return Err(NoCall::Malformed),
        };
        let mut uri = http::uri::Parts::default();
        if self.has_authority {
            // Which one it was nobody asks; a URI with an authority has one.
            uri.scheme = Some(Scheme::HTTP);
            uri.authority = self.authority;
        }
        uri.path_and_query = Some(path);
        let (mut parts, ()) = Request::new(()).into_parts();
        parts.uri = Uri::from_parts(uri).map_err(|_| NoCall::Malformed)?;
        parts.method = method;
        parts.headers = self.headers;
        let asked = check(&parts).map(|()| Asked::Forward(Box::new(parts)));
        Ok(Call { content_length, asked })
    }

    /// Fields alone: those that begin a call are not among trailers.
    pub fn into_trailers(self) -> Result<HeaderMap, NoCall> {
        let begins = self.method.is_some() || self.path.is_some() || self.scheme || self.has_authority;
        if begins { Err(NoCall::Malformed) } else { Ok(self.headers) }
    }
}

/// Whether this may be a field's name (RFC 9110, section 5.1), in lower case; a quotation mark too, as for `HeaderName`.
fn is_name(name: &[u8]) -> bool {
    const MARKS: &[u8] = b"!\"#$%&'*+-.^_`|~";
    let is_token = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-') || MARKS.contains(byte);
    !name.is_empty() && name.iter().all(is_token)
}

/// Whether this may be a field's value (RFC 9110, section 5.5).
fn is_value(value: &[u8]) -> bool {
    value.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~' | 0x80..))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_those_that_http_takes() {
        assert!(!is_name(b""));
        for byte in 0..=u8::MAX {
            assert_eq!(is_name(&[byte]), HeaderName::from_lowercase(&[byte]).is_ok(), "{byte:#x}");
            assert_eq!(is_value(&[byte]), HeaderValue::from_bytes(&[byte]).is_ok(), "{byte:#x}");
        }
    }
}

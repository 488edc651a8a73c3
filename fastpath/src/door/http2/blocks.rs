//! The header blocks of requests (RFC 9113, section 8): what call a block begins, or that it begins none.

use std::rc::Rc;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Method, Request, Uri};

use crate::door::head::Call;
use crate::door::settings::MAX_HEADER_LIST_BYTES;
use crate::grpc::Encoding;
use crate::http2::frame::TABLE_BYTES;
use crate::http2::hpack::{Decoder, Error};

/// Blocks of one connection that are known by their bytes; clients send one for each method and timeout.
const MOST_KNOWN: usize = 16;
/// What a block may have that is kept: parsed, three bytes of a field become a hundred.
const MOST_KEPT_BYTES: usize = 1024;
const MOST_KEPT_FIELDS: usize = 32;
/// What a header list counts for a field besides its name and value (section 6.5.2).
const FIELD_BYTES: usize = 32;
/// What HTTP/2 says in other ways (section 8.2.2).
const OF_HTTP1: [&[u8]; 5] =
    [b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade"];

/// Why a block begins no call, where the connection goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoCall {
    Malformed,
    TooLong,
}

/// The blocks of one connection, in the order in which they come.
pub struct Blocks {
    decoder: Decoder,
    /// Blocks that leave the table as it is mean the same until another one changes it.
    known: Vec<(Box<[u8]>, Rc<Call>)>,
    /// The one that makes room when all places are taken.
    oldest: usize,
    /// How answers are compressed for clients who take that.
    preferred: Encoding,
}

impl Blocks {
    pub fn new(preferred: Encoding) -> Self {
        Self { decoder: Decoder::new(TABLE_BYTES), known: Vec::new(), oldest: 0, preferred }
    }

    /// The call that a block begins.
    ///
    /// # Errors
    /// The bytes are no block, and the connection cannot go on.
    pub fn call(&mut self, block: &[u8]) -> Result<Result<Rc<Call>, NoCall>, Error> {
        if let Some((_, known)) = self.known.iter().find(|(known, _)| **known == *block) {
            return Ok(Ok(Rc::clone(known)));
        }
        let (list, unchanged) = self.list(block)?;
        if !unchanged {
            self.known.clear();
        }
        let call = match list.and_then(List::into_call) {
            Ok((parts, length)) => Rc::new(Call::new(parts, length, self.preferred)),
            Err(no_call) => return Ok(Err(no_call)),
        };
        if unchanged && block.len() <= MOST_KEPT_BYTES && call.parts.headers.len() <= MOST_KEPT_FIELDS {
            self.keep(block, &call);
        }
        Ok(Ok(call))
    }

    fn keep(&mut self, block: &[u8], call: &Rc<Call>) {
        let known = (block.into(), Rc::clone(call));
        if self.known.len() < MOST_KNOWN {
            self.known.push(known);
        } else if let Some(place) = self.known.get_mut(self.oldest) {
            *place = known;
            self.oldest = (self.oldest + 1) % MOST_KNOWN;
        }
    }

    /// Trailers; a malformed one has pseudo-headers, or anything that a head may not have.
    ///
    /// # Errors
    /// The bytes are no block, and the connection cannot go on.
    pub fn trailers(&mut self, block: &[u8]) -> Result<Result<HeaderMap, NoCall>, Error> {
        let (list, unchanged) = self.list(block)?;
        if !unchanged {
            self.known.clear();
        }
        Ok(list.and_then(|list| {
            let has_pseudo =
                list.method.is_some() || list.path.is_some() || list.scheme || list.authority.is_some();
            if has_pseudo { Err(NoCall::Malformed) } else { Ok(list.headers) }
        }))
    }

    /// All fields are read whatever they are, because they may change the table.
    fn list(&mut self, block: &[u8]) -> Result<(Result<List, NoCall>, bool), Error> {
        let mut list = List::default();
        let mut size = 0_usize;
        let mut no_call = None;
        let unchanged = self.decoder.decode(block, |name, value| {
            size = size.saturating_add(name.len() + value.len() + FIELD_BYTES);
            if size > MAX_HEADER_LIST_BYTES as usize {
                no_call = Some(NoCall::TooLong);
            } else if no_call.is_none() && list.field(name, value).is_none() {
                no_call = Some(NoCall::Malformed);
            }
        })?;
        Ok((no_call.map_or(Ok(list), Err), unchanged))
    }
}

/// The fields of a block.
#[derive(Default)]
struct List {
    method: Option<Method>,
    path: Option<PathAndQuery>,
    authority: Option<Authority>,
    scheme: bool,
    headers: HeaderMap,
    content_length: Option<u64>,
    /// Pseudo-headers come first.
    has_regular: bool,
}

impl List {
    /// None: the request is malformed.
    fn field(&mut self, name: &[u8], value: &[u8]) -> Option<()> {
        if name.first() == Some(&b':') {
            return if self.has_regular { None } else { self.pseudo(name, value) };
        }
        self.has_regular = true;
        if OF_HTTP1.contains(&name) || (name == b"te" && value != b"trailers") {
            return None;
        }
        // Refuses capital letters too (section 8.2.1).
        let name = HeaderName::from_lowercase(name).ok()?;
        if name == http::header::CONTENT_LENGTH {
            let digits = Some(value).filter(|value| value.iter().all(u8::is_ascii_digit))?;
            let length = std::str::from_utf8(digits).ok()?.parse().ok()?;
            if self.content_length.replace(length).is_some_and(|before| before != length) {
                return None;
            }
        }
        self.headers.append(name, HeaderValue::from_bytes(value).ok()?);
        Some(())
    }

    /// Each of the four at most once, and no other.
    fn pseudo(&mut self, name: &[u8], value: &[u8]) -> Option<()> {
        let is_second = match name {
            b":method" => self.method.replace(Method::from_bytes(value).ok()?).is_some(),
            b":path" => self.path.replace(PathAndQuery::try_from(value).ok()?).is_some(),
            b":scheme" => {
                Scheme::try_from(value).ok()?;
                std::mem::replace(&mut self.scheme, true)
            }
            b":authority" if value.is_empty() => false,
            b":authority" => self.authority.replace(Authority::try_from(value).ok()?).is_some(),
            _ => return None,
        };
        (!is_second).then_some(())
    }

    /// The request, and what its `content-length` says.
    fn into_call(self) -> Result<(Parts, Option<u64>), NoCall> {
        let (method, path) = match (self.method, self.path, self.scheme) {
            (Some(method), Some(path), true) => (method, path),
            // It has neither (section 8.5), and is not taken whatever it asks for.
            (Some(Method::CONNECT), None, false) => (Method::CONNECT, PathAndQuery::from_static("/")),
            _ => return Err(NoCall::Malformed),
        };
        let mut uri = http::uri::Parts::default();
        if self.authority.is_some() {
            // Which one it was nobody asks; a URI with an authority has one.
            uri.scheme = Some(Scheme::HTTP);
        }
        (uri.authority, uri.path_and_query) = (self.authority, Some(path));
        let (mut parts, ()) = Request::new(()).into_parts();
        parts.uri = Uri::from_parts(uri).map_err(|_| NoCall::Malformed)?;
        parts.method = method;
        parts.headers = self.headers;
        Ok((parts, self.content_length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::door::http2::fields::put_field;

    const HEAD: [(&str, &str); 3] = [(":method", "POST"), (":scheme", "http"), (":path", "/a/b")];

    fn block<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<u8> {
        let mut block = Vec::new();
        for (name, value) in fields {
            put_field(&mut block, name.as_bytes(), value.as_bytes());
        }
        block
    }

    fn read<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Rc<Call>, NoCall> {
        Blocks::new(Encoding::Identity).call(&block(fields)).unwrap()
    }

    #[test]
    fn a_request_has_what_its_fields_say() {
        let call = read(HEAD.into_iter().chain([
            (":authority", "host:1"),
            ("te", "trailers"),
            ("x", "1"),
            ("x", "2"),
        ]))
        .unwrap();
        assert_eq!(call.parts.uri, "http://host:1/a/b");
        assert_eq!(call.parts.headers.get_all("x").iter().collect::<Vec<_>>(), ["1", "2"]);
    }

    #[test]
    fn a_block_that_came_before_is_the_same_call_until_the_table_changes() {
        let mut blocks = Blocks::new(Encoding::Identity);
        let bytes = block(HEAD);
        let first = blocks.call(&bytes).unwrap().unwrap();
        assert!(Rc::ptr_eq(&first, &blocks.call(&bytes).unwrap().unwrap()));
        // x: 1, put into the table.
        let changing = [bytes.as_slice(), b"\x40\x01x\x011"].concat();
        blocks.call(&changing).unwrap().unwrap();
        assert!(!Rc::ptr_eq(&first, &blocks.call(&bytes).unwrap().unwrap()));
        // The newest entry of the table.
        let referring = [bytes.as_slice(), b"\xbe"].concat();
        assert_eq!(blocks.call(&referring).unwrap().unwrap().parts.headers["x"], "1");
        blocks.call(&[bytes.as_slice(), b"\x40\x01x\x012"].concat()).unwrap().unwrap();
        assert_eq!(blocks.call(&referring).unwrap().unwrap().parts.headers["x"], "2");
    }

    #[test]
    fn what_rfc_9113_calls_malformed_is_no_call() {
        let faulty: [&[(&str, &str)]; 16] = [
            &[],
            &[(":method", "POST"), (":scheme", "http")],
            &[(":method", "POST"), (":path", "/")],
            &[(":scheme", "http"), (":path", "/")],
            &[(":method", "POST"), (":scheme", "http"), (":path", "")],
            &[("x", "1"), (":method", "POST"), (":scheme", "http"), (":path", "/")],
            &[(":method", "POST"), (":method", "POST"), (":scheme", "http"), (":path", "/")],
            &[(":status", "200")],
            &[(":other", "1")],
            &[(":method", "POST"), (":scheme", "http"), (":path", "/"), ("Name", "1")],
            &[(":method", "POST"), (":scheme", "http"), (":path", "/"), ("connection", "close")],
            &[(":method", "POST"), (":scheme", "http"), (":path", "/"), ("te", "gzip")],
            &[(":method", "POST"), (":scheme", "http"), (":path", "/"), ("x", "a\nb")],
            &[(":method", "POST"), (":scheme", "http"), (":path", "/"), ("content-length", "-1")],
            &[(":method", "POST"), (":scheme", "http"), (":path", "/"), ("content-length", "+1")],
            &[(":method", "POST"), (":scheme", "http"), (":path", "no slash")],
        ];
        for fields in faulty {
            assert_eq!(read(fields.iter().copied()).err(), Some(NoCall::Malformed), "{fields:?}");
        }
    }

    #[test]
    fn a_list_that_is_too_long_is_no_call_and_the_table_is_kept() {
        let mut blocks = Blocks::new(Encoding::Identity);
        let long = "x".repeat(MAX_HEADER_LIST_BYTES as usize);
        let changing =
            [block(HEAD.into_iter().chain([("y", long.as_str())])).as_slice(), b"\x40\x01x\x011"].concat();
        assert_eq!(blocks.call(&changing).unwrap().err(), Some(NoCall::TooLong));
        let referring = [block(HEAD).as_slice(), b"\xbe"].concat();
        assert_eq!(blocks.call(&referring).unwrap().unwrap().parts.headers["x"], "1");
    }

    #[test]
    fn trailers_have_no_pseudo_headers() {
        let mut blocks = Blocks::new(Encoding::Identity);
        assert_eq!(blocks.trailers(&block([("x", "1")])).unwrap().unwrap()["x"], "1");
        assert_eq!(blocks.trailers(&block([(":path", "/")])).unwrap().err(), Some(NoCall::Malformed));
    }

    #[test]
    fn bytes_that_are_no_block_are_an_error() {
        assert!(Blocks::new(Encoding::Identity).call(&[0xff]).is_err());
    }
}

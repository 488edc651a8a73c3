//! The header blocks of requests (RFC 9113, section 8): what call a block begins, or that it begins none.

use std::rc::Rc;

use http::header::HeaderMap;
use http::uri::Authority;

use super::list::List;
use crate::door::head::{Asked, Call};
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
    /// That of the last head, which the next one most likely has too.
    authority: Option<Authority>,
}

impl Blocks {
    pub fn new(preferred: Encoding) -> Self {
        Self { decoder: Decoder::new(TABLE_BYTES), known: Vec::new(), oldest: 0, preferred, authority: None }
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
        let call = match list.and_then(List::into_call) {
            Ok(call) => Rc::new(call),
            Err(no_call) => return Ok(Err(no_call)),
        };
        let kept_fields = if let Ok(Asked::Forward(parts)) = &call.asked { parts.headers.len() } else { 0 };
        if unchanged && block.len() <= MOST_KEPT_BYTES && kept_fields <= MOST_KEPT_FIELDS {
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
        Ok(self.list(block)?.0.and_then(List::into_trailers))
    }

    /// The fields of a block, and whether it left the table as it was. All fields are read whatever they are, because they may
    /// change the table.
    fn list(&mut self, block: &[u8]) -> Result<(Result<List, NoCall>, bool), Error> {
        let mut list = List::new(self.preferred, self.authority.take());
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
        let is_kept = |authority: &&Authority| authority.as_str().len() <= MOST_KEPT_BYTES;
        self.authority = list.authority.as_ref().filter(is_kept).cloned();
        if !unchanged {
            self.known.clear();
        }
        Ok((no_call.map_or(Ok(list), Err), unchanged))
    }
}

#[cfg(test)]
mod tests {
    use http::request::Parts;

    use super::*;
    use crate::door::head::Hot;
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

    const GRPC: (&str, &str) = ("content-type", "application/grpc");

    fn forwarded(call: &Call) -> &Parts {
        match &call.asked {
            Ok(Asked::Forward(parts)) => parts,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_request_has_what_its_fields_say() {
        let more = [(":authority", "host:1"), ("te", "trailers"), GRPC, ("x", "1"), ("x", "2")];
        let call = read(HEAD.into_iter().chain(more)).unwrap();
        assert_eq!(forwarded(&call).uri, "http://host:1/a/b");
        assert_eq!(forwarded(&call).headers.get_all("x").iter().collect::<Vec<_>>(), ["1", "2"]);
    }

    #[test]
    fn an_authority_is_that_of_its_own_head() {
        let mut blocks = Blocks::new(Encoding::Identity);
        let mut uri = |authority: &[(&str, &str)]| {
            let fields = HEAD.into_iter().chain(authority.iter().copied()).chain([GRPC]);
            forwarded(&blocks.call(&block(fields)).unwrap().unwrap()).uri.to_string()
        };
        assert_eq!(uri(&[(":authority", "host:1")]), "http://host:1/a/b");
        assert_eq!(uri(&[]), "/a/b");
        assert_eq!(uri(&[(":authority", "host:2")]), "http://host:2/a/b");
        assert_eq!(uri(&[(":authority", "host:1")]), "http://host:1/a/b");
    }

    #[test]
    fn of_a_hot_call_its_head_is_what_is_kept() {
        let head = [HEAD[0], HEAD[1], (":path", "/penstock.v1.Prediction/Predict")];
        let call = read(head.into_iter().chain([GRPC, ("grpc-timeout", "1S"), ("x", "1")])).unwrap();
        let Ok(Asked::Hot(hot, head)) = &call.asked else { panic!("{:?}", call.asked) };
        assert_eq!(*hot, Hot::Unary(crate::engine::Method::Predict));
        assert_eq!(head.timeout, Some(std::time::Duration::from_secs(1)));
    }

    #[test]
    fn a_block_that_came_before_is_the_same_call_until_the_table_changes() {
        let mut blocks = Blocks::new(Encoding::Identity);
        let bytes = block(HEAD.into_iter().chain([GRPC]));
        let first = blocks.call(&bytes).unwrap().unwrap();
        assert!(Rc::ptr_eq(&first, &blocks.call(&bytes).unwrap().unwrap()));
        // x: 1, put into the table.
        let changing = [bytes.as_slice(), b"\x40\x01x\x011"].concat();
        blocks.call(&changing).unwrap().unwrap();
        assert!(!Rc::ptr_eq(&first, &blocks.call(&bytes).unwrap().unwrap()));
        // The newest entry of the table.
        let referring = [bytes.as_slice(), b"\xbe"].concat();
        assert_eq!(forwarded(&blocks.call(&referring).unwrap().unwrap()).headers["x"], "1");
        blocks.call(&[bytes.as_slice(), b"\x40\x01x\x012"].concat()).unwrap().unwrap();
        assert_eq!(forwarded(&blocks.call(&referring).unwrap().unwrap()).headers["x"], "2");
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
        let hot = "/inference.GRPCInferenceService/ModelInfer";
        for fields in faulty {
            assert_eq!(read(fields.iter().copied()).err(), Some(NoCall::Malformed), "{fields:?}");
            let hot = fields.iter().map(|(name, value)| (*name, if *value == "/a/b" { hot } else { *value }));
            assert_eq!(read(hot).err(), Some(NoCall::Malformed), "{fields:?}");
        }
    }

    #[test]
    fn a_list_that_is_too_long_is_no_call_and_the_table_is_kept() {
        let mut blocks = Blocks::new(Encoding::Identity);
        let long = "x".repeat(MAX_HEADER_LIST_BYTES as usize);
        let changing =
            [block(HEAD.into_iter().chain([("y", long.as_str())])).as_slice(), b"\x40\x01x\x011"].concat();
        assert_eq!(blocks.call(&changing).unwrap().err(), Some(NoCall::TooLong));
        let referring = [block(HEAD.into_iter().chain([GRPC])).as_slice(), b"\xbe"].concat();
        assert_eq!(forwarded(&blocks.call(&referring).unwrap().unwrap()).headers["x"], "1");
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

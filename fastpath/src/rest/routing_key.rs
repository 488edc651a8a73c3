//! The routing key of a request: of its body, or else of its header, which a body of nothing but data needs.

use http::header::{HeaderMap, HeaderName};

use crate::status::Status;
use crate::wire::infer_parameters::ROUTING_KEY;

const HEADER: HeaderName = HeaderName::from_static(ROUTING_KEY);

/// The key; empty: none.
///
/// # Errors
/// `InvalidArgument`: the header is no text.
pub fn of<'r>(body: Option<&'r str>, headers: &'r HeaderMap) -> Result<&'r str, Status> {
    match (body, headers.get(HEADER)) {
        (Some(key), _) => Ok(key),
        (None, Some(value)) => std::str::from_utf8(value.as_bytes())
            .map_err(|_| Status::invalid(ROUTING_KEY, format!("Header {ROUTING_KEY} is not UTF-8."))),
        (None, None) => Ok(""),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_bodys_key_counts_and_else_the_headers() {
        let mut headers = HeaderMap::new();
        assert_eq!(of(None, &headers), Ok(""));
        headers.insert(HEADER, HeaderValue::from_bytes("zoé".as_bytes()).unwrap());
        assert_eq!((of(Some("body"), &headers), of(None, &headers)), (Ok("body"), Ok("zoé")));
        headers.insert(HEADER, HeaderValue::from_bytes(b"\xff").unwrap());
        assert_eq!(of(None, &headers).unwrap_err().field.as_deref(), Some(ROUTING_KEY));
    }
}

//! The head of a call: whose it is, how long it may take, how its messages are compressed; or why it is none.

use std::time::Duration;

use http::header::{CONTENT_TYPE, HeaderMap, HeaderName};
use http::request::Parts;
use http::{Method as HttpMethod, StatusCode};

use crate::engine::Method;
use crate::grpc::{Encoding, timeout};
use crate::status::{Code, Status};

const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
pub const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
pub const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// Who answers a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    Unary(Method),
    Stream(Method),
    /// The servicer in Python.
    Forward,
}

/// What the engine's calls need of their head.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    pub timeout: Option<Duration>,
    /// Of the request's messages.
    pub encoding: Encoding,
    /// Of the answer's messages.
    pub answer_encoding: Encoding,
}

/// What a header block says, read once for all calls that begin with it.
#[derive(Debug)]
pub struct Call {
    pub parts: Parts,
    /// The length that its body has; none where that is not announced.
    pub content_length: Option<u64>,
    pub route: Result<Route, Refusal>,
    /// Of a call that the engine answers.
    pub head: Result<Head, Refusal>,
}

impl Call {
    /// `preferred` is how answers are compressed where the caller takes that.
    pub fn new(parts: Parts, content_length: Option<u64>, preferred: Encoding) -> Self {
        let (route, head) = (route_of(&parts), Head::read(&parts.headers, preferred));
        Self { parts, content_length, route, head }
    }
}

/// Why a request is no call.
#[derive(Debug)]
pub enum Refusal {
    /// It is not gRPC at all.
    Http(StatusCode),
    Grpc(Box<Status>),
}

/// Which calls are answered here. A new hot method is added here and in `stream` or `unary`.
fn route(path: &str) -> Route {
    match path {
        "/inference.GRPCInferenceService/ModelInfer" => Route::Unary(Method::ModelInfer),
        "/penstock.v1.Prediction/Predict" => Route::Unary(Method::Predict),
        "/inference.GRPCInferenceService/ModelStreamInfer" => Route::Stream(Method::ModelInfer),
        "/penstock.v1.Prediction/PredictStream" => Route::Stream(Method::Predict),
        _ => Route::Forward,
    }
}

/// Whose call it is; not more is read of what is forwarded.
///
/// # Errors
/// It is no gRPC call.
fn route_of(parts: &Parts) -> Result<Route, Refusal> {
    if parts.method != HttpMethod::POST {
        return Err(Refusal::Http(StatusCode::METHOD_NOT_ALLOWED));
    }
    let content_type = parts.headers.get(CONTENT_TYPE).map(http::HeaderValue::as_bytes);
    let suffix = content_type.and_then(|value| value.strip_prefix(b"application/grpc"));
    if !suffix.is_some_and(|suffix| matches!(suffix.first(), None | Some(b'+' | b';'))) {
        return Err(Refusal::Http(StatusCode::UNSUPPORTED_MEDIA_TYPE));
    }
    Ok(route(parts.uri.path()))
}

impl Head {
    /// Of a call that the engine answers; `preferred` is how answers are compressed where the caller takes that.
    ///
    /// # Errors
    /// `Internal`: the timeout is none. `Unimplemented`: the encoding is not taken.
    fn read(headers: &HeaderMap, preferred: Encoding) -> Result<Self, Refusal> {
        let encoding = headers.get(GRPC_ENCODING).map(|value| Encoding::parse(value.as_bytes())).transpose();
        let accepted = |value: &http::HeaderValue| preferred.is_accepted_by(value.as_bytes());
        let answer_encoding = match preferred {
            Encoding::Identity => Encoding::Identity,
            _ if headers.get(GRPC_ACCEPT_ENCODING).is_some_and(accepted) => preferred,
            _ => Encoding::Identity,
        };
        Ok(Self {
            timeout: headers.get(GRPC_TIMEOUT).map(read_timeout).transpose()?,
            encoding: encoding.map_err(Box::new).map_err(Refusal::Grpc)?.unwrap_or_default(),
            answer_encoding,
        })
    }
}

fn read_timeout(value: &http::HeaderValue) -> Result<Duration, Refusal> {
    timeout::parse(value.as_bytes()).ok_or_else(|| {
        let shown: String = String::from_utf8_lossy(value.as_bytes()).chars().take(32).collect();
        let sentence = format!(
            "grpc-timeout {shown:?} is no timeout; it is one to eight digits and one of the units H, M, S, m, u and n."
        );
        Refusal::Grpc(Box::new(Status::new(Code::Internal, sentence)))
    })
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, Request};

    use super::*;

    fn parts(method: &str, path: &str, headers: &[(&'static str, &'static str)]) -> Parts {
        let mut parts = Request::builder().method(method).uri(path).body(()).unwrap().into_parts().0;
        for (name, value) in headers {
            parts.headers.insert(*name, HeaderValue::from_static(value));
        }
        parts
    }

    const GRPC: (&str, &str) = ("content-type", "application/grpc");

    #[test]
    fn hot_methods_are_answered_here_and_all_others_forwarded() {
        let routed = |path| route_of(&parts("POST", path, &[GRPC])).ok();
        assert_eq!(routed("/penstock.v1.Prediction/Predict"), Some(Route::Unary(Method::Predict)));
        assert_eq!(
            routed("/inference.GRPCInferenceService/ModelStreamInfer"),
            Some(Route::Stream(Method::ModelInfer))
        );
        assert_eq!(routed("/grpc.health.v1.Health/Check"), Some(Route::Forward));
        assert_eq!(routed("/nothing"), Some(Route::Forward));
    }

    #[test]
    fn what_is_not_grpc_is_refused_as_http() {
        let refused = |method, content_type| match route_of(&parts(method, "/a/b", content_type)) {
            Err(Refusal::Http(status)) => Some(status.as_u16()),
            _ => None,
        };
        assert_eq!(refused("GET", &[GRPC]), Some(405));
        assert_eq!(refused("POST", &[]), Some(415));
        assert_eq!(refused("POST", &[("content-type", "application/json")]), Some(415));
        assert_eq!(refused("POST", &[("content-type", "application/grpc-web")]), Some(415));
        assert_eq!(refused("POST", &[("content-type", "application/grpc+proto")]), None);
        assert_eq!(refused("POST", &[("content-type", "application/grpc; charset=utf-8")]), None);
    }

    fn head(headers: &[(&'static str, &'static str)], preferred: Encoding) -> Result<Head, Code> {
        Head::read(&parts("POST", "/a/b", headers).headers, preferred).map_err(|refusal| match refusal {
            Refusal::Grpc(status) => status.code,
            Refusal::Http(_) => Code::Ok,
        })
    }

    #[test]
    fn a_timeout_or_an_encoding_that_is_none_is_refused() {
        assert_eq!(head(&[("grpc-timeout", "1x")], Encoding::Identity).unwrap_err(), Code::Internal);
        assert_eq!(head(&[("grpc-encoding", "lzma")], Encoding::Identity).unwrap_err(), Code::Unimplemented);
    }

    #[test]
    fn answers_are_compressed_only_as_the_caller_takes_them() {
        let accepts = [("grpc-accept-encoding", "identity, gzip"), ("grpc-timeout", "250m")];
        let read = head(&accepts, Encoding::Gzip).unwrap();
        assert_eq!((read.answer_encoding, read.timeout), (Encoding::Gzip, Some(Duration::from_millis(250))));
        assert_eq!(head(&accepts, Encoding::Zstd).unwrap().answer_encoding, Encoding::Identity);
        assert_eq!(head(&accepts, Encoding::Identity).unwrap().answer_encoding, Encoding::Identity);
    }
}

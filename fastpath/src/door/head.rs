//! The head of a call: whose it is, how long it may take, how its messages are compressed; or why it is none.

use std::time::Duration;

use http::header::{CONTENT_TYPE, HeaderName};
use http::request::Parts;
use http::{Method as HttpMethod, StatusCode};

use crate::engine::Method;
use crate::grpc::{Encoding, timeout};
use crate::status::{Code, Status};

pub const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// A hot method, which the engine answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hot {
    Unary(Method),
    Stream(Method),
}

impl Hot {
    /// The method of a path, which has no query; none: it is the servicer's. A new hot method is added here and in `stream` or `unary`.
    pub fn of(path: &[u8]) -> Option<Self> {
        match path {
            b"/inference.GRPCInferenceService/ModelInfer" => Some(Self::Unary(Method::ModelInfer)),
            b"/penstock.v1.Prediction/Predict" => Some(Self::Unary(Method::Predict)),
            b"/inference.GRPCInferenceService/ModelStreamInfer" => Some(Self::Stream(Method::ModelInfer)),
            b"/penstock.v1.Prediction/PredictStream" => Some(Self::Stream(Method::Predict)),
            _ => None,
        }
    }
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
    /// The length that its body has; none where that is not announced.
    pub content_length: Option<u64>,
    pub asked: Result<Asked, Refusal>,
}

/// Who answers a call.
#[derive(Debug)]
pub enum Asked {
    Hot(Hot, Head),
    /// The servicer in Python, which gets all of it.
    Forward(Box<Parts>),
}

/// Why a request is no call.
#[derive(Debug)]
pub enum Refusal {
    /// It is not gRPC at all.
    Http(StatusCode),
    Grpc(Box<Status>),
}

/// Whether a call is one; not more is asked of what is forwarded.
///
/// # Errors
/// It is no gRPC call.
pub fn check(parts: &Parts) -> Result<(), Refusal> {
    check_method(&parts.method)?;
    let content_type = parts.headers.get(CONTENT_TYPE);
    check_content_type(content_type.is_some_and(|value| is_grpc(value.as_bytes())))
}

fn check_method(method: &HttpMethod) -> Result<(), Refusal> {
    if method == HttpMethod::POST { Ok(()) } else { Err(Refusal::Http(StatusCode::METHOD_NOT_ALLOWED)) }
}

fn check_content_type(is_grpc: bool) -> Result<(), Refusal> {
    if is_grpc { Ok(()) } else { Err(Refusal::Http(StatusCode::UNSUPPORTED_MEDIA_TYPE)) }
}

fn is_grpc(content_type: &[u8]) -> bool {
    let suffix = content_type.strip_prefix(b"application/grpc");
    suffix.is_some_and(|suffix| matches!(suffix.first(), None | Some(b'+' | b';')))
}

/// The fields that are heeded of a hot call's head, of each the first.
#[derive(Debug)]
pub struct HeadFields {
    /// How answers are compressed where the caller takes that.
    preferred: Encoding,
    is_grpc: Option<bool>,
    timeout: Option<Result<Duration, Refusal>>,
    encoding: Option<Result<Encoding, Refusal>>,
    takes_preferred: Option<bool>,
}

impl HeadFields {
    pub fn new(preferred: Encoding) -> Self {
        Self { preferred, is_grpc: None, timeout: None, encoding: None, takes_preferred: None }
    }

    pub fn field(&mut self, name: &[u8], value: &[u8]) {
        match name {
            b"content-type" => {
                self.is_grpc.get_or_insert_with(|| is_grpc(value));
            }
            b"grpc-timeout" => {
                self.timeout.get_or_insert_with(|| read_timeout(value));
            }
            b"grpc-encoding" => {
                let read = || Encoding::parse(value).map_err(Box::new).map_err(Refusal::Grpc);
                self.encoding.get_or_insert_with(read);
            }
            b"grpc-accept-encoding" if self.preferred != Encoding::Identity => {
                self.takes_preferred.get_or_insert_with(|| self.preferred.is_accepted_by(value));
            }
            _ => {}
        }
    }

    /// The head that they make.
    ///
    /// # Errors
    /// It is no gRPC call. `Internal`: the timeout is none. `Unimplemented`: the encoding is not taken.
    pub fn head(self, method: &HttpMethod) -> Result<Head, Refusal> {
        check_method(method)?;
        check_content_type(self.is_grpc == Some(true))?;
        Ok(Head {
            timeout: self.timeout.transpose()?,
            encoding: self.encoding.transpose()?.unwrap_or_default(),
            answer_encoding: if self.takes_preferred == Some(true) {
                self.preferred
            } else {
                Encoding::Identity
            },
        })
    }
}

fn read_timeout(value: &[u8]) -> Result<Duration, Refusal> {
    timeout::parse(value).ok_or_else(|| {
        let shown: String = String::from_utf8_lossy(value).chars().take(32).collect();
        let sentence = format!(
            "grpc-timeout {shown:?} is no timeout; it is one to eight digits and one of the units H, M, S, m, u and n."
        );
        Refusal::Grpc(Box::new(Status::new(Code::Internal, sentence)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRPC: (&str, &str) = ("content-type", "application/grpc");

    fn read(
        method: &HttpMethod,
        headers: &[(&'static str, &'static str)],
        preferred: Encoding,
    ) -> Result<Head, Refusal> {
        let mut fields = HeadFields::new(preferred);
        for (name, value) in headers {
            fields.field(name.as_bytes(), value.as_bytes());
        }
        fields.head(method)
    }

    #[test]
    fn hot_methods_are_answered_here_and_all_others_forwarded() {
        assert_eq!(Hot::of(b"/penstock.v1.Prediction/Predict"), Some(Hot::Unary(Method::Predict)));
        let stream = b"/inference.GRPCInferenceService/ModelStreamInfer";
        assert_eq!(Hot::of(stream), Some(Hot::Stream(Method::ModelInfer)));
        assert_eq!(Hot::of(b"/grpc.health.v1.Health/Check"), None);
        assert_eq!(Hot::of(b"/penstock.v1.Prediction/Predict?x"), None);
    }

    #[test]
    fn what_is_not_grpc_is_refused_as_http_whoever_would_answer() {
        let refused = |method: &HttpMethod, content_type: Option<&'static str>| {
            let mut request = http::Request::builder().method(method.clone()).uri("/a/b");
            if let Some(content_type) = content_type {
                request = request.header("content-type", content_type);
            }
            let forwarded = check(&request.body(()).unwrap().into_parts().0).err();
            let headers: Vec<_> = content_type.map(|value| ("content-type", value)).into_iter().collect();
            let hot = read(method, &headers, Encoding::Identity).err();
            let code = |refusal: Option<Refusal>| match refusal {
                Some(Refusal::Http(status)) => Some(status.as_u16()),
                _ => None,
            };
            let (forwarded, hot) = (code(forwarded), code(hot));
            assert_eq!(forwarded, hot);
            hot
        };
        assert_eq!(refused(&HttpMethod::GET, None), Some(405));
        assert_eq!(refused(&HttpMethod::POST, None), Some(415));
        for (content_type, code) in [
            ("application/json", Some(415)),
            ("application/grpc-web", Some(415)),
            ("application/grpc", None),
            ("application/grpc+proto", None),
            ("application/grpc; charset=utf-8", None),
        ] {
            assert_eq!(refused(&HttpMethod::POST, Some(content_type)), code, "{content_type}");
        }
    }

    fn head(headers: &[(&'static str, &'static str)], preferred: Encoding) -> Result<Head, Code> {
        let headers = [&[GRPC], headers].concat();
        read(&HttpMethod::POST, &headers, preferred).map_err(|refusal| match refusal {
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
    fn of_a_field_that_comes_twice_the_first_counts() {
        let twice = [
            ("grpc-timeout", "1S"),
            ("grpc-timeout", "2S"),
            ("grpc-encoding", "gzip"),
            ("grpc-encoding", "x"),
        ];
        let read = head(&twice, Encoding::Identity).unwrap();
        assert_eq!((read.timeout, read.encoding), (Some(Duration::from_secs(1)), Encoding::Gzip));
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

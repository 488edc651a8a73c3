//! One request and its answer.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, ORIGIN};
use http::request::Parts;
use http::{Method, Request, StatusCode};
use hyper::body::Incoming;
use smallvec::smallvec;
use tokio::sync::oneshot;

use super::answer::{self, Answer, JSON_LENGTH, Refusal};
use super::calls::{Calls, Outcome};
use super::infer_answer::Body;
use super::infer_request::{BinaryOutputs, Request as InferBody, raw_input};
use super::listener::Settings;
use super::predict_request::PredictRequest;
use super::route::{ModelPath, Route, SERVED, Takes};
use super::rpc::Rpc;
use super::servicer::{PERMISSION_DENIED, RpcCall, RpcFailure, Servicer};
use super::{body, encoding, infer_answer, metadata, predict_answer, routing_key};
use crate::door::unfinished::Unfinished;
use crate::engine::RowsRequest;
use crate::grpc::timeout;
use crate::status::{Code, Status};
use crate::wire::WireError;
use crate::wire::infer_request::{InferRequest, InputTensor};

const TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// What every request needs. Belongs to one thread.
pub struct Service {
    pub calls: Calls,
    pub settings: Settings,
    pub ready: Arc<AtomicBool>,
    pub unfinished: Rc<Unfinished>,
    pub servicer: Option<Arc<dyn Servicer>>,
}

impl Service {
    pub async fn answer(&self, request: Request<Incoming>) -> Answer {
        let answer = self.try_answer(request).await.unwrap_or_else(|refusal| answer::refuse(&refusal));
        self.calls.engine().metrics.http.answer(answer.status().as_u16());
        answer
    }

    async fn try_answer(&self, request: Request<Incoming>) -> Result<Answer, Refusal> {
        let (head, incoming) = request.into_parts();
        let route = match served(&head) {
            Ok(route) => route,
            Err(refusal) => {
                body::discard(incoming).await;
                return Err(refusal);
            }
        };
        match route {
            Route::Live => Ok(answer::json(StatusCode::OK, &metadata::Live { live: true })),
            Route::Ready => {
                let ready = self.ready.load(Ordering::Relaxed);
                let http = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
                Ok(answer::json(http, &metadata::Ready { ready }))
            }
            Route::Model(path) => {
                let routes = &self.calls.engine().routes;
                let version = routes.find(path.name, path.version)?;
                let serving = routes.serving(path.name).into_iter().map(|(number, _)| number);
                Ok(answer::json(StatusCode::OK, &metadata::Model::of(&version, serving)))
            }
            Route::ModelReady(path) => {
                let (http, ready) = match self.calls.engine().routes.find(path.name, path.version) {
                    Ok(_) => (StatusCode::OK, true),
                    Err(status) if status.code == Code::Unavailable => {
                        (StatusCode::SERVICE_UNAVAILABLE, false)
                    }
                    Err(status) => return Err(status.into()),
                };
                Ok(answer::json(http, &metadata::ModelReady { name: path.name, ready }))
            }
            Route::Infer(path) => {
                let body = self.body(&head.headers, incoming).await?;
                self.infer(path, &head.headers, body).await
            }
            Route::Predict(path) => {
                let body = self.body(&head.headers, incoming).await?;
                self.predict(path, &head.headers, &body).await
            }
            Route::Rpc(rpc) => {
                let body = self.body(&head.headers, incoming).await?;
                if head.method == Method::POST && head.headers.contains_key(ORIGIN) {
                    return Ok(answer::refuse_call(&of_a_web_page()));
                }
                self.call(rpc, &head.headers, body).await
            }
        }
    }

    async fn body(&self, headers: &HeaderMap, incoming: Incoming) -> Result<Bytes, Refusal> {
        let most = self.settings.max_receive_bytes;
        let body = body::read(incoming, most, &self.unfinished).await?;
        let encoding = encoding::of_body(headers).map_err(|name| {
            let sentence = format!("Content-Encoding {name:?} is not taken; {} are.", encoding::ACCEPTED);
            Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::InvalidArgument, sentence)
        })?;
        Ok(encoding::expand(encoding, body, most)?)
    }

    async fn infer(&self, path: ModelPath<'_>, headers: &HeaderMap, body: Bytes) -> Result<Answer, Refusal> {
        let began = Instant::now();
        let (outcome, binary) = match json_bytes(headers)? {
            Some(0) => (self.infer_raw(path, headers, &body, began).await?, BinaryOutputs::all()),
            json_bytes => {
                let request = InferBody::parse(&body, json_bytes)?;
                let timeout = header_timeout(headers)?;
                let mut tensors = request.tensors(path.name, path.version);
                let key = Some(tensors.parameters.routing_key).filter(|key| !key.is_empty());
                tensors.parameters.routing_key = routing_key::of(key, headers)?;
                let submit =
                    |engine: &crate::engine::Engine, caller| engine.submit_infer(&tensors, caller, began);
                (self.calls.ask(timeout, submit).await, request.binary())
            }
        };
        let body = infer_answer::encode(&outcome?, &binary).map_err(unreadable)?;
        self.outputs(body, headers)
    }

    /// A body that is nothing but the data of the model's only input.
    async fn infer_raw(
        &self,
        path: ModelPath<'_>,
        headers: &HeaderMap,
        body: &[u8],
        began: Instant,
    ) -> Result<Outcome, Refusal> {
        let key = routing_key::of(None, headers)?;
        let version = self.calls.engine().routes.find_for_call(path.name, path.version, key)?;
        let (name, datatype, shape) = raw_input(&version.model, body)?;
        let input = InputTensor { name: &name, datatype: datatype.name(), shape, ..InputTensor::default() };
        let tensors = InferRequest {
            model_name: path.name,
            // The one that the body was read for, whatever the next call would meet.
            model_version: &version.version_text,
            inputs: smallvec![input],
            raw: smallvec![body],
            ..InferRequest::default()
        };
        let timeout = header_timeout(headers)?;
        Ok(self.calls.ask(timeout, |engine, caller| engine.submit_infer(&tensors, caller, began)).await)
    }

    async fn predict(
        &self,
        path: ModelPath<'_>,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Answer, Refusal> {
        let began = Instant::now();
        let timeout = header_timeout(headers)?;
        let request = PredictRequest::parse(body)?;
        let rows = RowsRequest {
            model_name: path.name,
            model_version: path.version,
            id: request.id(),
            context: request.context(),
            rows: request.rows(),
            outputs: &request.outputs(),
            receipt: request.receipt,
            routing_key: routing_key::of(request.routing_key(), headers)?,
        };
        let outcome =
            self.calls.ask(timeout, |engine, caller| engine.submit_rows(&rows, caller, began)).await;
        let bytes = predict_answer::encode(&outcome?).map_err(unreadable)?;
        self.outputs(Body { bytes, json_bytes: None }, headers)
    }

    /// Asks the servicer, from a thread that may wait for the interpreter: this one answers probes too.
    async fn call(&self, rpc: Rpc<'_>, headers: &HeaderMap, body: Bytes) -> Result<Answer, Refusal> {
        let Some(servicer) = self.servicer.clone() else {
            return Err(Status::new(Code::Unimplemented, "This port has no servicer behind it.").into());
        };
        let call = RpcCall::new(rpc, body, header_timeout(headers)?);
        let (sender, receiver) = oneshot::channel();
        tokio::task::spawn_blocking(move || servicer.ask(call, sender));
        match receiver.await {
            Ok(Ok(json)) => {
                self.check_size(json.len())?;
                Ok(answer::document(json))
            }
            Ok(Err(failure)) => Ok(answer::refuse_call(&failure)),
            Err(_) => Err(Status::new(Code::Internal, "The servicer gave no answer.").into()),
        }
    }

    fn outputs(&self, body: Body, headers: &HeaderMap) -> Result<Answer, Refusal> {
        self.check_size(body.bytes.len())?;
        Ok(answer::outputs(body, headers))
    }

    fn check_size(&self, bytes: usize) -> Result<(), Status> {
        let most = self.settings.max_send_bytes;
        if bytes <= most {
            return Ok(());
        }
        let sentence = format!(
            "The answer has {bytes} bytes; at most {most} can be sent. Ask for fewer rows or outputs, or for binary data."
        );
        Err(Status { pushback_ms: Some(-1), ..Status::new(Code::ResourceExhausted, sentence) })
    }
}

/// What is asked for.
fn served(head: &Parts) -> Result<Route<'_>, Refusal> {
    let route = Route::of(head.uri.path()).ok_or_else(|| nothing_there(head.uri.path()))?;
    check_method(&head.method, route)?;
    Ok(route)
}

/// A browser lets the pages of any site POST to any address, and says by `Origin` that one did. What they would learn it keeps
/// from them; what they would change it does not.
fn of_a_web_page() -> RpcFailure {
    RpcFailure {
        code: PERMISSION_DENIED,
        message: "Web pages do not administer this server; send the request without the header Origin."
            .to_owned(),
        pushback_ms: None,
    }
}

fn nothing_there(path: &str) -> Refusal {
    let shown: String = path.chars().take(128).collect();
    Status::new(
        Code::NotFound,
        format!("Nothing is served at {shown:?}. This port has {SERVED}; gRPC has the rest."),
    )
    .into()
}

fn check_method(method: &Method, route: Route<'_>) -> Result<(), Refusal> {
    let (get, post) = (method == Method::GET || method == Method::HEAD, method == Method::POST);
    let (fits, allow) = match route.takes() {
        Takes::Get => (get, "GET, HEAD"),
        Takes::Post => (post, "POST"),
        Takes::Either => (get || post, "GET, HEAD, POST"),
    };
    if fits {
        return Ok(());
    }
    let sentence =
        format!("This path takes {allow}, not {}.", method.as_str().chars().take(32).collect::<String>());
    let refusal = Refusal::new(StatusCode::METHOD_NOT_ALLOWED, Code::Unimplemented, sentence);
    Err(Refusal { allow: Some(allow), ..refusal })
}

fn json_bytes(headers: &HeaderMap) -> Result<Option<usize>, Status> {
    let Some(value) = headers.get(JSON_LENGTH) else { return Ok(None) };
    let number = value.to_str().ok().and_then(|text| text.trim().parse().ok());
    number.map(Some).ok_or_else(|| {
        let shown: String = String::from_utf8_lossy(value.as_bytes()).chars().take(32).collect();
        let sentence = format!("Inference-Header-Content-Length {shown:?} is no number of bytes.");
        Status::new(Code::InvalidArgument, sentence)
    })
}

fn header_timeout(headers: &HeaderMap) -> Result<Option<Duration>, Status> {
    let Some(value) = headers.get(TIMEOUT) else { return Ok(None) };
    timeout::parse(value.as_bytes()).map(Some).ok_or_else(|| {
        let shown: String = String::from_utf8_lossy(value.as_bytes()).chars().take(32).collect();
        let sentence = format!(
            "grpc-timeout {shown:?} is no timeout; it is one to eight digits and one of the units H, M, S, m, u and n."
        );
        Status::new(Code::InvalidArgument, sentence)
    })
}

#[cold]
fn unreadable(error: WireError) -> Refusal {
    Status::new(Code::Internal, format!("The model's answer cannot be read: {error}")).into()
}

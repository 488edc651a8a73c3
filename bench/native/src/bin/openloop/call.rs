//! One call: whether its answer is right.

use bench_native::grpc;
use h2::RecvStream;
use h2::client::ResponseFuture;
use http::HeaderMap;

/// Gives what is wrong with the answer, in words that few calls differ in: they are counted by them.
pub async fn check(response: ResponseFuture, answer_bytes: usize) -> Result<(), String> {
    let response = response.await.map_err(|error| reason(&error))?;
    if response.status() != http::StatusCode::OK {
        return Err(format!("http {}", response.status().as_u16()));
    }
    let (head, body) = response.into_parts();
    let (bytes, trailers) = read(body).await.map_err(|error| reason(&error))?;
    // A call that ends without a message has its status among the headers.
    let status = trailers.as_ref().unwrap_or(&head.headers).get(grpc::STATUS);
    match status.map(http::HeaderValue::as_bytes) {
        Some(b"0") if bytes == grpc::PREFIX_BYTES + answer_bytes => Ok(()),
        Some(b"0") => Err(format!("an answer of {bytes} bytes")),
        Some(other) => Err(format!("grpc-status {}", String::from_utf8_lossy(other))),
        None => Err("no grpc-status".to_owned()),
    }
}

/// The body's size, and the trailers.
async fn read(mut body: RecvStream) -> Result<(usize, Option<HeaderMap>), h2::Error> {
    let mut bytes = 0;
    while let Some(data) = body.data().await {
        let data = data?;
        bytes += data.len();
        body.flow_control().release_capacity(data.len())?;
    }
    Ok((bytes, body.trailers().await?))
}

fn reason(error: &h2::Error) -> String {
    match error.reason() {
        Some(reason) => format!("{reason:?}"),
        None => "connection lost".to_owned(),
    }
}

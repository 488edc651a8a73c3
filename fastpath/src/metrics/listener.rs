//! The metrics port: /metrics, /livez and /readyz over HTTP/1, on a thread of its own, so that it answers
//! however busy the models and their interpreter are.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::LocalSet;
use tokio::time::{sleep, timeout};

use super::process_load::SAMPLED_EACH;
use super::{Metrics, prometheus};

/// A scraper and a few probes need a handful; beyond it a connection waits to be accepted.
const MAX_CONNECTIONS: usize = 64;
/// A caller that does not finish its request's head holds a connection no longer than this.
const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(10);
/// A caller that does not read its answer holds a connection no longer than this.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(30);
/// How long to wait when accepting fails: the process is out of file descriptors, and trying at once
/// again would only burn the core.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The metrics port while it is open. Dropping it closes the port and ends its thread.
pub struct Listener {
    address: SocketAddr,
    stop: Option<oneshot::Sender<Infallible>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Clone)]
struct Pages {
    metrics: Arc<Metrics>,
    ready: Arc<AtomicBool>,
}

impl Listener {
    /// Opens the port and serves on a new thread; `ready` decides what /readyz answers. Port 0 takes a
    /// free one.
    ///
    /// # Errors
    /// The address does not resolve or cannot be bound, or no thread or file descriptor is left.
    pub fn bind(
        address: impl ToSocketAddrs,
        metrics: Arc<Metrics>,
        ready: Arc<AtomicBool>,
    ) -> io::Result<Self> {
        let socket = std::net::TcpListener::bind(address)?;
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let socket = {
            let _guard = runtime.enter();
            TcpListener::from_std(socket)?
        };
        let (stop, stopped) = oneshot::channel();
        let pages = Pages { metrics, ready };
        let thread = std::thread::Builder::new().name("penstock-metrics".to_owned()).spawn(move || {
            let connections = LocalSet::new();
            connections.block_on(&runtime, async {
                tokio::select! {
                    () = accept(socket, pages.clone()) => {}
                    () = sample(pages.metrics) => {}
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }

    /// The address that it listens on, with the port that was chosen.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has ended too.
            let _ = thread.join();
        }
    }
}

async fn sample(metrics: Arc<Metrics>) {
    loop {
        metrics.sample(Instant::now());
        sleep(SAMPLED_EACH).await;
    }
}

async fn accept(socket: TcpListener, pages: Pages) {
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
        match socket.accept().await {
            Ok((stream, _)) => {
                tokio::task::spawn_local(converse(stream, pages.clone(), permit));
            }
            Err(_) => sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// One request and its answer: scrapes are seconds apart, so a connection kept open would only be one more
/// thing to time out.
async fn converse(stream: TcpStream, pages: Pages, _permit: OwnedSemaphorePermit) {
    let service = service_fn(move |request| {
        let answer = pages.answer(&request);
        async move { Ok::<_, Infallible>(answer) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_READ_TIMEOUT)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    // A caller that breaks off or stalls is no event worth telling anyone.
    let _ = timeout(CONNECTION_TIMEOUT, connection).await;
}

impl Pages {
    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let known = matches!(request.uri().path(), "/metrics" | "/livez" | "/readyz");
        if !known {
            return text(StatusCode::NOT_FOUND, "not found: /metrics, /livez and /readyz are here\n");
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut refusal = text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
            refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return refusal;
        }
        match request.uri().path() {
            "/metrics" => {
                let mut scrape = text(StatusCode::OK, self.metrics.text(Instant::now()));
                scrape.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(prometheus::CONTENT_TYPE));
                scrape
            }
            "/readyz" if !self.ready.load(Relaxed) => text(StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
            _ => text(StatusCode::OK, "ok\n"),
        }
    }
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    fn serve() -> (Listener, Arc<Metrics>, Arc<AtomicBool>) {
        let (metrics, ready) = (Arc::new(Metrics::new("1.2.3")), Arc::new(AtomicBool::new(false)));
        let listener = Listener::bind(("127.0.0.1", 0), Arc::clone(&metrics), Arc::clone(&ready)).unwrap();
        (listener, metrics, ready)
    }

    fn ask(listener: &Listener, request_line: &str) -> String {
        let mut stream = std::net::TcpStream::connect(listener.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(format!("{request_line} HTTP/1.1\r\nHost: metrics\r\n\r\n").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn a_scrape_is_prometheus_text_of_what_was_counted() {
        let (listener, metrics, _) = serve();
        metrics.model("fraud", 1, 1).count(crate::status::Code::Ok, 3, std::time::Duration::ZERO);
        let answer = ask(&listener, "GET /metrics");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(answer.contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"), "{answer}");
        assert!(answer.contains("penstock_requests_total{model=\"fraud\",version=\"1\",code=\"OK\"} 3\n"));
    }

    #[test]
    fn readyz_follows_readiness_and_livez_does_not() {
        let (listener, _, ready) = serve();
        assert!(ask(&listener, "GET /readyz").starts_with("HTTP/1.1 503 "));
        assert!(ask(&listener, "GET /livez").starts_with("HTTP/1.1 200 "));
        ready.store(true, Relaxed);
        assert!(ask(&listener, "GET /readyz").starts_with("HTTP/1.1 200 "));
    }

    #[test]
    fn head_is_answered_without_a_body_and_other_methods_and_paths_are_refused() {
        let (listener, _, _) = serve();
        let head = ask(&listener, "HEAD /metrics");
        assert!(head.starts_with("HTTP/1.1 200 ") && head.ends_with("\r\n\r\n"), "{head}");
        let post = ask(&listener, "POST /metrics");
        assert!(post.starts_with("HTTP/1.1 405 ") && post.contains("allow: GET, HEAD\r\n"), "{post}");
        assert!(ask(&listener, "GET /models").starts_with("HTTP/1.1 404 "));
    }

    #[test]
    fn a_broken_request_leaves_the_port_serving() {
        let (listener, _, _) = serve();
        assert!(ask(&listener, "\0\u{1}garbage").starts_with("HTTP/1.1 400 "));
        assert!(ask(&listener, "GET /livez").starts_with("HTTP/1.1 200 "));
    }

    #[test]
    fn a_taken_port_is_an_error_before_anything_starts() {
        let (listener, metrics, ready) = serve();
        let second = Listener::bind(listener.address(), metrics, ready);
        assert_eq!(second.err().map(|error| error.kind()), Some(io::ErrorKind::AddrInUse));
    }

    #[test]
    fn dropping_the_listener_frees_its_port_though_a_caller_is_silent() {
        let (listener, metrics, ready) = serve();
        let address = listener.address();
        let _silent = std::net::TcpStream::connect(address).unwrap();
        drop(listener);
        assert!(Listener::bind(address, metrics, ready).is_ok());
    }
}

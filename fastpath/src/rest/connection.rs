//! One connection, from its socket to its end.

use std::cell::Cell;
use std::convert::Infallible;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use super::patience::Patient;
use super::service::Service;
use crate::door::settings::{HANDSHAKE_TIMEOUT, MAX_HEADER_LIST_BYTES};
use crate::door::spread_at_random;

/// A connection that waits for its next request is closed after this time, also in the middle of a request's head. Longer
/// than the idle time of common load balancers, which is 60 s: who closes first may meet a request on its way.
const IDLE_TIMEOUT: Duration = Duration::from_secs(75);
/// What hyper reads ahead, and so what a connection costs that sends and is not listened to.
const READ_BUFFER_BYTES: usize = 64 * 1024;

/// What a connection needs of its port.
pub struct Host {
    pub service: Service,
    pub draining: watch::Sender<bool>,
}

/// Accepts TLS where there is any, then speaks HTTP/1.
pub async fn converse(socket: TcpStream, tls: Option<Arc<ServerConfig>>, host: Rc<Host>) {
    // Answers are written whole; waiting for more to send with them would only delay them.
    let _ = socket.set_nodelay(true);
    let Some(config) = tls else { return serve(socket, host).await };
    let accepted = timeout(HANDSHAKE_TIMEOUT, TlsAcceptor::from(config).accept(socket)).await;
    if let Ok(Ok(socket)) = accepted {
        serve(socket, host).await;
    }
}

async fn serve(socket: impl AsyncRead + AsyncWrite + Unpin, host: Rc<Host>) {
    let spoke = Rc::new(Cell::new(false));
    let age_ends = Instant::now() + spread_at_random(host.service.settings.max_connection_age);
    let answering = (Rc::clone(&host), Rc::clone(&spoke));
    let service = service_fn(move |request| {
        let (host, spoke) = (Rc::clone(&answering.0), &answering.1);
        spoke.set(true);
        async move {
            let mut answer = host.service.answer(request).await;
            if *host.draining.borrow() || Instant::now() >= age_ends {
                answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(answer)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE_TIMEOUT)
        .max_header_size(MAX_HEADER_LIST_BYTES as usize)
        .max_buf_size(READ_BUFFER_BYTES)
        .serve_connection(TokioIo::new(Patient::new(socket)), service);
    let mut connection = pin!(connection);
    let mut draining = host.draining.subscribe();
    let mut silent = pin!(sleep(HANDSHAKE_TIMEOUT));
    let (mut going, mut looked) = (false, false);
    loop {
        tokio::select! {
            // A caller that breaks off or stalls is no event worth telling anyone.
            _ = connection.as_mut() => return,
            _ = draining.wait_for(|draining| *draining), if !going => {
                going = true;
                // Its first request may be on its way: the answer to that says that no more will be taken.
                if spoke.get() {
                    connection.as_mut().graceful_shutdown();
                }
            }
            () = silent.as_mut(), if !looked => {
                looked = true;
                if !spoke.get() {
                    return;
                }
            }
        }
    }
}

//! Opens a connection: address, socket, TLS where it is asked for, HTTP/2.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use h2::client::{Builder, Connection, SendRequest};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use super::keepalive::Keepalive;
use super::target::Target;
use super::tls::ALPN_H2;

/// For one connection with everything that belongs to it; grpc's own minimum.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// Answers on their way, of one call and of all: enough that a fast reader never holds a server up.
const STREAM_WINDOW_BYTES: u32 = 1 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 8 << 20;
/// Of heads and trailers, where a server's error details stand.
const MAX_HEADER_BYTES: u32 = 64 << 10;

/// A byte stream of any kind.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// The calling end, and the end that moves bytes for as long as it is polled.
pub type Opened = (SendRequest<Bytes>, Connection<Box<dyn Stream>, Bytes>);

/// # Errors
/// A sentence with the server's address and what did not succeed.
pub async fn open(
    target: &Target,
    tls: Option<Arc<ClientConfig>>,
    keepalive: Keepalive,
) -> Result<Opened, String> {
    let opened = async {
        let stream = secured(target, tls, target.server_name(), keepalive).await?;
        let (sender, mut connection) = Builder::new()
            .enable_push(false)
            // None before the server's SETTINGS say how many: some reset what comes earlier, and count it as abuse.
            .initial_max_send_streams(0)
            .initial_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .max_header_list_size(MAX_HEADER_BYTES)
            .handshake(stream)
            .await
            .map_err(io::Error::other)?;
        settled(&mut connection).await?;
        Ok((sender, connection))
    };
    within(target, opened).await
}

/// A socket, with TLS where it is asked for, on which nothing of HTTP/2 was sent; its certificate is made out to `server_name`.
///
/// # Errors
/// As `open`'s.
pub async fn stream(
    target: &Target,
    tls: Option<Arc<ClientConfig>>,
    server_name: &str,
    keepalive: Keepalive,
) -> Result<Box<dyn Stream>, String> {
    within(target, secured(target, tls, server_name, keepalive)).await
}

async fn within<T>(target: &Target, opened: impl Future<Output = io::Result<T>>) -> Result<T, String> {
    let opened = match timeout(CONNECT_TIMEOUT, opened).await {
        Ok(opened) => opened,
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    };
    opened.map_err(|error| {
        let address = match target {
            Target::Tcp { .. } => target.authority(),
            Target::Unix(path) => path.display().to_string(),
        };
        format!("Could not connect to {address}: {error}.")
    })
}

/// Moves bytes until the server's SETTINGS are there.
async fn settled(connection: &mut Connection<Box<dyn Stream>, Bytes>) -> io::Result<()> {
    std::future::poll_fn(|cx| match Pin::new(&mut *connection).poll(cx) {
        Poll::Ready(ended) => Poll::Ready(Err(match ended {
            Ok(()) => io::ErrorKind::UnexpectedEof.into(),
            Err(error) => io::Error::other(error),
        })),
        Poll::Pending if connection.max_concurrent_send_streams() > 0 => Poll::Ready(Ok(())),
        Poll::Pending => Poll::Pending,
    })
    .await
}

async fn socket(target: &Target, keepalive: Keepalive) -> io::Result<Box<dyn Stream>> {
    let (host, port) = match target {
        Target::Unix(path) => return Ok(Box::new(UnixStream::connect(path).await?)),
        Target::Tcp { host, port } => (host.as_str(), *port),
    };
    // Each address in turn; the last one's error is told.
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    #[cfg(target_os = "linux")]
    SockRef::from(&stream).set_tcp_user_timeout(Some(keepalive.timeout))?;
    Ok(Box::new(stream))
}

async fn secured(
    target: &Target,
    tls: Option<Arc<ClientConfig>>,
    server_name: &str,
    keepalive: Keepalive,
) -> io::Result<Box<dyn Stream>> {
    let stream = socket(target, keepalive).await?;
    let Some(config) = tls else { return Ok(stream) };
    let name = ServerName::try_from(server_name.to_owned()).map_err(io::Error::other)?;
    let stream = TlsConnector::from(config).connect(name, stream).await?;
    if stream.get_ref().1.alpn_protocol() != Some(ALPN_H2) {
        return Err(io::Error::other("the server did not choose HTTP/2"));
    }
    Ok(Box::new(stream))
}

//! The connections that calls go out on, in turn.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::client::{Builder, ResponseFuture, SendRequest};
use http::Request;
use tokio::net::TcpStream;

/// No answer of the benchmarks is held up by flow control.
const WINDOW_BYTES: u32 = 4 << 20;

pub struct Connections {
    /// Those that are not lost.
    senders: Vec<SendRequest<Bytes>>,
    turn: usize,
}

impl Connections {
    pub async fn open(address: SocketAddr, count: usize) -> Result<Self, String> {
        let mut senders = Vec::with_capacity(count);
        for _ in 0..count {
            let stream = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
            stream.set_nodelay(true).map_err(|error| error.to_string())?;
            let mut builder = Builder::new();
            builder.initial_window_size(WINDOW_BYTES).initial_connection_window_size(WINDOW_BYTES);
            let (sender, connection) = builder.handshake(stream).await.map_err(|error| error.to_string())?;
            // A connection that ends badly ends its calls badly, and they are counted.
            tokio::spawn(async move { drop(connection.await) });
            senders.push(sender);
        }
        Ok(Self { senders, turn: 0 })
    }

    /// Sends a call on the next connection that has a free stream, and waits for one where none has.
    pub async fn send(&mut self, request: Request<()>, message: Bytes) -> Result<ResponseFuture, String> {
        let chosen = poll_fn(|context| self.poll_free(context)).await.ok_or("all connections are lost")?;
        let sent = self.senders[chosen].send_request(request, false).and_then(|(response, mut body)| {
            body.send_data(message, true)?;
            Ok(response)
        });
        sent.map_err(|error| error.to_string())
    }

    fn poll_free(&mut self, context: &mut Context<'_>) -> Poll<Option<usize>> {
        let mut tried = 0;
        while tried < self.senders.len() {
            self.turn = (self.turn + 1) % self.senders.len();
            match self.senders[self.turn].poll_ready(context) {
                Poll::Ready(Ok(())) => return Poll::Ready(Some(self.turn)),
                Poll::Ready(Err(_)) => drop(self.senders.swap_remove(self.turn)),
                Poll::Pending => tried += 1,
            }
        }
        if self.senders.is_empty() { Poll::Ready(None) } else { Poll::Pending }
    }
}

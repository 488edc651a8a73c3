//! The bytes of one connection, between the socket and h2.
//!
//! h2 flushes whenever it meets DATA of some size. Here its flushes only mark: what was written leaves with one write when
//! the connection's task has done all it can (`Wire::poll_send`). On the way in, `frames` reads along.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::frames::Frames;
use super::settings::TURN_BYTES;

/// What may lie unsent before h2 is told to wait; two of TLS's largest records a write.
const HIGH_BYTES: usize = 64 * 1024;

/// One end for h2, one for the connection's task.
pub struct Wire<S>(Rc<RefCell<Inner<S>>>);

struct Inner<S> {
    socket: S,
    /// What was written and has not gone; of it, what the socket has taken.
    unsent: Vec<u8>,
    sent: usize,
    frames: Frames,
    /// Whether flushes only mark.
    gathers: bool,
    /// Bytes read since the task last sent.
    read: usize,
}

impl<S> Clone for Wire<S> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    #[must_use]
    pub fn new(socket: S) -> Self {
        let inner =
            Inner { socket, unsent: Vec::new(), sent: 0, frames: Frames::new(), gathers: false, read: 0 };
        Self(Rc::new(RefCell::new(inner)))
    }

    /// From now on flushes only mark, and the task calls `poll_send`.
    pub fn gather(&self) {
        self.0.borrow_mut().gathers = true;
    }

    /// Sends what has gathered. The task is woken when the socket takes more.
    pub fn poll_send(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let inner = &mut *self.0.borrow_mut();
        inner.read = 0;
        inner.frames.turn();
        inner.poll_send(context)
    }

    /// Gives the memory for answers back, where nothing lies in it.
    pub fn trim(&self) {
        let inner = &mut *self.0.borrow_mut();
        if inner.unsent.is_empty() {
            inner.unsent = Vec::new();
        }
    }

    /// What the peer's frames said.
    pub fn frames<T>(&self, ask: impl FnOnce(&mut Frames) -> T) -> T {
        ask(&mut self.0.borrow_mut().frames)
    }
}

impl<S: AsyncWrite + Unpin> Inner<S> {
    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.unsent.get(self.sent..).filter(|rest| !rest.is_empty()) {
            let sent = ready!(Pin::new(&mut self.socket).poll_write(context, rest))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent += sent;
        }
        // The memory is used again from its beginning.
        self.unsent.clear();
        self.sent = 0;
        Pin::new(&mut self.socket).poll_flush(context)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let inner = &mut *self.0.borrow_mut();
        if inner.gathers && inner.read >= TURN_BYTES {
            // h2 would read on for as long as there is something, and the calls that it has found would wait.
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut inner.socket).poll_read(context, buffer))?;
        inner.frames.read(buffer.filled().get(before..).unwrap_or_default(), Instant::now);
        inner.read += buffer.filled().len() - before;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let inner = &mut *self.0.borrow_mut();
        if inner.unsent.len() - inner.sent >= HIGH_BYTES {
            ready!(inner.poll_send(context))?;
        }
        inner.unsent.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let inner = &mut *self.0.borrow_mut();
        if inner.gathers { Poll::Ready(Ok(())) } else { inner.poll_send(context) }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let inner = &mut *self.0.borrow_mut();
        ready!(inner.poll_send(context))?;
        Pin::new(&mut inner.socket).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn writes_gather_until_they_are_sent() {
        let (near, mut far) = duplex(1 << 20);
        let mut wire = Wire::new(near);
        wire.gather();
        wire.write_all(b"head").await.unwrap();
        wire.flush().await.unwrap();
        wire.write_all(b"data").await.unwrap();
        let mut read = [0; 16];
        assert!(futures_now(far.read(&mut read)).await.is_none());
        std::future::poll_fn(|context| wire.poll_send(context)).await.unwrap();
        assert_eq!(far.read(&mut read).await.unwrap(), 8);
        assert_eq!(&read[..8], b"headdata");
    }

    #[tokio::test]
    async fn a_peer_that_does_not_read_makes_the_writer_wait() {
        let (near, mut far) = duplex(1024);
        let mut wire = Wire::new(near);
        wire.gather();
        let flood = vec![7; HIGH_BYTES + 1];
        wire.write_all(&flood).await.unwrap();
        assert!(futures_now(wire.write_all(b"more")).await.is_none());
        let reader = tokio::spawn(async move {
            let mut all = vec![0; HIGH_BYTES + 5];
            far.read_exact(&mut all).await.unwrap();
            all
        });
        wire.write_all(b"more").await.unwrap();
        std::future::poll_fn(|context| wire.poll_send(context)).await.unwrap();
        assert!(reader.await.unwrap().ends_with(b"more"));
    }

    /// A future's result if it has one now.
    async fn futures_now<T>(future: impl Future<Output = T>) -> Option<T> {
        let mut future = Box::pin(future);
        std::future::poll_fn(|context| match future.as_mut().poll(context) {
            Poll::Ready(result) => Poll::Ready(Some(result)),
            Poll::Pending => Poll::Ready(None),
        })
        .await
    }
}

//! A socket that gives a reader up who is too slow.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use crate::door::settings::{STALL_BYTES_PER_S, STALL_TIMEOUT};

/// What is written must be read within `STALL_TIMEOUT`, and a second more for each `STALL_BYTES_PER_S`; else writing fails.
pub struct Patient<S> {
    socket: S,
    /// Runs while something waits to be written.
    ends: Option<Pin<Box<Sleep>>>,
}

impl<S> Patient<S> {
    pub fn new(socket: S) -> Self {
        Self { socket, ends: None }
    }

    fn wait<T>(&mut self, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        let ends = self.ends.get_or_insert_with(|| Box::pin(sleep(STALL_TIMEOUT)));
        match ends.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }

    fn written(
        &mut self,
        outcome: Poll<io::Result<usize>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        match outcome {
            Poll::Pending => self.wait(context),
            Poll::Ready(Ok(bytes)) => {
                if let Some(ends) = &mut self.ends {
                    let more = Duration::from_secs(1) * u32::try_from(bytes).unwrap_or(u32::MAX)
                        / u32::try_from(STALL_BYTES_PER_S).unwrap_or(u32::MAX);
                    let until: Instant = ends.deadline() + more;
                    ends.as_mut().reset(until);
                }
                Poll::Ready(Ok(bytes))
            }
            failed @ Poll::Ready(Err(_)) => failed,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.socket).poll_write(context, bytes);
        this.written(outcome, context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.socket).poll_write_vectored(context, parts);
        this.written(outcome, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    /// Flushed only when all is written.
    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match Pin::new(&mut this.socket).poll_flush(context) {
            Poll::Pending => this.wait(context),
            done @ Poll::Ready(_) => {
                this.ends = None;
                done
            }
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match Pin::new(&mut this.socket).poll_shutdown(context) {
            Poll::Pending => this.wait(context),
            done @ Poll::Ready(_) => done,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    fn run(test: impl Future<Output = ()>) {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().start_paused(true).build().unwrap().block_on(test);
    }

    #[test]
    fn an_answer_that_nobody_reads_is_given_up() {
        run(async {
            let (near, _far) = duplex(16);
            let mut socket = Patient::new(near);
            let began = Instant::now();
            let failed = socket.write_all(&[0; 64]).await.unwrap_err();
            assert_eq!(
                (failed.kind(), began.elapsed().as_secs()),
                (ErrorKind::TimedOut, STALL_TIMEOUT.as_secs())
            );
        });
    }

    #[test]
    fn a_reader_who_goes_on_is_waited_for() {
        run(async {
            let (near, mut far) = duplex(STALL_BYTES_PER_S);
            let mut socket = Patient::new(near);
            let reader = async {
                let mut buffer = vec![0; STALL_BYTES_PER_S];
                for _ in 0..64 {
                    far.read_exact(&mut buffer).await.unwrap();
                    sleep(Duration::from_millis(900)).await;
                }
            };
            let written = vec![0; STALL_BYTES_PER_S * 64];
            let (sent, ()) = tokio::join!(socket.write_all(&written), reader);
            sent.unwrap();
        });
    }
}

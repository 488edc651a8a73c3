//! Calls that the engine has: each waits for its answer, and is cancelled when nobody waits any more.

use std::cell::RefCell;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::batch::{Outbox, Ticket, Tokens};
use crate::door::mailbox::{Mail, Mailbox, News};
use crate::engine::{Caller, Engine};
use crate::status::{Code, Status};

/// The bytes of the engine's answer, or why there is none.
pub type Outcome = Result<Vec<u8>, Box<Status>>;

/// The way to the engine and back. Everything but the mailbox belongs to one thread.
pub struct Calls {
    engine: Arc<Engine>,
    mailbox: Arc<Mailbox>,
    outbox: Arc<dyn Outbox>,
    waiting: RefCell<Tokens<oneshot::Sender<Outcome>>>,
}

impl Calls {
    pub fn new(engine: Arc<Engine>, mailbox: Arc<Mailbox>) -> Self {
        Self { engine, outbox: Arc::clone(&mailbox) as _, mailbox, waiting: RefCell::default() }
    }

    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// Hands a call to the engine and waits for its answer. Dropped before that, the call is cancelled.
    pub async fn ask(
        &self,
        timeout: Option<Duration>,
        submit: impl FnOnce(&Engine, Caller) -> Result<Arc<Ticket>, Status>,
    ) -> Outcome {
        let (sender, receiver) = oneshot::channel();
        let token = self.waiting.borrow_mut().insert(sender);
        let mut waits = Waits { calls: self, token, ticket: None };
        let caller = Caller { outbox: Arc::clone(&self.outbox), token, timeout };
        waits.ticket = Some(submit(&self.engine, caller).map_err(Box::new)?);
        receiver.await.unwrap_or_else(|_| Err(Box::new(Status::new(Code::Internal, "The answer was lost."))))
    }

    /// Carries answers from the mailbox to who waits for them, until the thread shall stop.
    pub async fn carry(&self, drain: impl Fn()) {
        let mut mail = Mail::default();
        poll_fn(|context| {
            loop {
                if self.mailbox.poll_take(&mut mail, context).is_pending() {
                    return Poll::Pending;
                }
                for answer in mail.answers.drain(..) {
                    let waiting = self.waiting.borrow_mut().take(answer.token);
                    // One whose caller has gone goes nowhere.
                    let _ = waiting.map(|sender| sender.send(answer.result));
                }
                for news in mail.news.drain(..) {
                    match news {
                        // Connections are accepted by the thread itself.
                        News::Connection(..) => {}
                        News::Drain => drain(),
                        News::Stop => return Poll::Ready(()),
                    }
                }
            }
        })
        .await;
    }
}

/// A call that waits.
struct Waits<'c> {
    calls: &'c Calls,
    token: u64,
    ticket: Option<Arc<Ticket>>,
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.calls.waiting.borrow_mut().take(self.token);
        if let Some(ticket) = &self.ticket {
            // A call that has its answer is not cancelled by this.
            ticket.cancel();
        }
    }
}

//! One call: a message out, the answer's status and size back, within its time.

use std::future::poll_fn;
use std::rc::Rc;
use std::time::Instant;

use bytes::Bytes;
use http::Uri;

use super::link::{Link, Sender};
use super::plan::Plan;
use crate::client::answer::{self, Refusal, Unseen, refusal};
use crate::client::call::Heads;
use crate::client::failure::{Code, Failure};

/// How often a call is sent again that the server surely did not see.
const MAX_UNSEEN: usize = 5;
/// As grpc-go, and so ghz, words it.
const TOO_LATE: &str = "context deadline exceeded";

/// A worker's end of its connection.
pub struct Caller {
    link: Rc<Link>,
    sender: Option<Sender>,
    /// One for each metadata of the plan.
    heads: Vec<Heads>,
}

impl Caller {
    pub fn new(link: Rc<Link>, plan: &Plan) -> Self {
        let heads = plan.metadata.iter().map(|metadata| Heads::with(metadata.clone())).collect();
        Self { link, sender: None, heads }
    }

    /// The size of the answer to the call with this number.
    pub async fn call(&mut self, plan: &Plan, number: u64) -> Result<usize, Failure> {
        let Some(framed) = plan.messages.get(place(number, plan.messages.len())).cloned() else {
            return Err(Failure::new(Code::Internal, "There is no message to send."));
        };
        self.link.under_way.set(self.link.under_way.get() + 1);
        let link = Rc::clone(&self.link);
        let result = match plan.timeout {
            None => self.attempts(plan, number, &framed, None).await,
            Some(timeout) => {
                let deadline = Instant::now() + timeout;
                let attempts = self.attempts(plan, number, &framed, Some(deadline));
                tokio::time::timeout_at(deadline.into(), attempts)
                    .await
                    .unwrap_or_else(|_| Err(Failure::new(Code::DeadlineExceeded, TOO_LATE)))
            }
        };
        link.under_way.set(link.under_way.get().saturating_sub(1));
        result
    }

    async fn attempts(
        &mut self,
        plan: &Plan,
        number: u64,
        framed: &Bytes,
        deadline: Option<Instant>,
    ) -> Result<usize, Failure> {
        let mut unseen = 0;
        loop {
            let refused = match self.attempt(plan, number, framed, deadline).await {
                Ok(bytes) => return Ok(bytes),
                Err(refused) => refused,
            };
            if refused.unseen == Unseen::Leaving
                && let Some(sender) = &self.sender
            {
                self.link.leave(sender);
            }
            unseen += 1;
            if refused.unseen == Unseen::No || unseen > MAX_UNSEEN {
                return Err(refused.failure);
            }
        }
    }

    async fn attempt(
        &mut self,
        plan: &Plan,
        number: u64,
        framed: &Bytes,
        deadline: Option<Instant>,
    ) -> Result<usize, Refusal> {
        if self.sender.as_ref().is_none_or(|sender| self.link.has_left(sender)) {
            self.sender = Some(self.link.sender().await?);
        }
        let Some(sender) = &mut self.sender else {
            return Err(Failure::new(Code::Unavailable, "There is no connection.").into());
        };
        poll_fn(|cx| sender.requests.poll_ready(cx)).await.map_err(|error| left(&error))?;
        let heads_count = self.heads.len();
        let Some(heads) = self.heads.get_mut(place(number, heads_count)) else {
            return Err(Failure::new(Code::Internal, "There is no metadata to send.").into());
        };
        let head = head(heads, plan.uri.clone(), deadline);
        let (response, mut body) = sender.requests.send_request(head, false).map_err(|error| left(&error))?;
        body.send_data(framed.clone(), true).map_err(|error| refusal(&error))?;
        if plan.streams {
            return answer::receive_all(response, plan.max_receive_bytes).await;
        }
        answer::receive(response, plan.max_receive_bytes).await.map(|message| message.len())
    }
}

fn head(heads: &mut Heads, uri: Uri, deadline: Option<Instant>) -> http::Request<()> {
    match deadline {
        Some(deadline) => heads.of(uri, deadline.saturating_duration_since(Instant::now())),
        None => heads.endless(uri),
    }
}

/// A call that did not go out: its connection takes no more.
fn left(error: &h2::Error) -> Refusal {
    Refusal { unseen: Unseen::Leaving, ..refusal(error) }
}

fn place(number: u64, of: usize) -> usize {
    usize::try_from(number % of.max(1) as u64).unwrap_or(0)
}

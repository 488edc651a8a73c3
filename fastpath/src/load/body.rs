//! What a call sends, message by message, behind gRPC's prefixes.

use bytes::{Bytes, BytesMut};

use super::message::{Filling, Part};
use super::plan::{Plan, message};

/// One message of a call.
#[derive(Clone, Debug)]
pub enum Message {
    /// The same in every call, behind its prefix.
    Fixed(Bytes),
    /// Made anew for each.
    Made(Vec<Part>),
}

/// The messages of one call, which may go out one after the other.
#[derive(Debug)]
pub struct Body {
    /// Each that is different; where they are made for each time that one is sent, none.
    made: Vec<Bytes>,
    /// The place of the call's messages in the plan's.
    place: usize,
    next: u64,
    count: u64,
}

impl Body {
    #[must_use]
    pub fn new(plan: &Plan, filling: &mut Filling<'_>) -> Self {
        let place = usize::try_from(filling.number % plan.messages.len().max(1) as u64).unwrap_or(0);
        let messages = plan.messages.get(place).map_or(&[][..], Vec::as_slice);
        let made = if plan.streams.dynamic {
            Vec::new()
        } else {
            messages.iter().map(|message| framed(message, plan.compressed, filling)).collect()
        };
        let whole = messages.len() as u64;
        let asked = if plan.streams.requests { plan.streams.call_count } else { 0 };
        Self { made, place, next: 0, count: if asked > 0 { asked } else { whole } }
    }

    #[must_use]
    pub fn is_over(&self) -> bool {
        self.next >= self.count
    }

    /// The next message.
    pub fn next(&mut self, plan: &Plan, filling: &mut Filling<'_>) -> Option<Bytes> {
        if self.is_over() {
            return None;
        }
        let messages = plan.messages.get(self.place)?;
        let at = usize::try_from(self.next % messages.len().max(1) as u64).ok()?;
        self.next += 1;
        if let Some(made) = self.made.get(at) {
            return Some(made.clone());
        }
        if self.next > 1 {
            filling.renew();
        }
        messages.get(at).map(|message| framed(message, plan.compressed, filling))
    }

    /// All that are left, as one.
    pub fn rest(&mut self, plan: &Plan, filling: &mut Filling<'_>) -> Bytes {
        let first = self.next(plan, filling).unwrap_or_default();
        if self.is_over() {
            return first;
        }
        let mut all = BytesMut::from(first);
        while let Some(next) = self.next(plan, filling) {
            all.extend_from_slice(&next);
        }
        all.freeze()
    }
}

fn framed(asked: &Message, compressed: bool, filling: &mut Filling<'_>) -> Bytes {
    match asked {
        Message::Fixed(framed) => framed.clone(),
        Message::Made(parts) => {
            let mut bytes = Vec::new();
            filling.put(&mut bytes, parts);
            message(&bytes, compressed)
        }
    }
}

//! The calls of a channel that have not ended: which wait, which are under way and where, and when the next deadline is.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use tokio::task::AbortHandle;

use super::call::Call;
use super::failure::{Code, Failure};
use super::outbox::{Outbox, Reply};

/// Calls that wait for a connection with room.
const MAX_WAITING: usize = 1 << 16;

/// Where a call is under way: its connection, and the task that reads its answer.
pub struct Place {
    pub connection: u64,
    pub task: AbortHandle,
}

struct Entry {
    call: Call,
    /// None while it waits.
    place: Option<Place>,
}

#[derive(Default)]
pub struct Calls {
    entries: HashMap<u64, Entry, RandomState>,
    /// In the order in which they came, or came back; one that has no entry, or a place, has ended or begun.
    waiting: VecDeque<u64>,
    /// No deadline is earlier.
    earliest: Option<Instant>,
    ended: Vec<(Arc<dyn Outbox>, Reply)>,
}

impl Calls {
    /// Takes a new call, behind those that wait.
    pub fn admit(&mut self, call: Call) {
        if self.waiting.len() >= MAX_WAITING {
            let sentence = format!("{MAX_WAITING} calls wait for the server already.");
            self.reply(call, Err(Failure::new(Code::ResourceExhausted, sentence)));
            return;
        }
        self.earliest = Some(self.earliest.map_or(call.deadline, |earliest| earliest.min(call.deadline)));
        self.waiting.push_back(call.id);
        self.entries.insert(call.id, Entry { call, place: None });
    }

    /// The call that waits longest.
    pub fn next_waiting(&mut self) -> Option<&Call> {
        while let Some(id) = self.waiting.front() {
            if self.entries.get(id).is_some_and(|entry| entry.place.is_none()) {
                break;
            }
            self.waiting.pop_front();
        }
        let id = self.waiting.front()?;
        self.entries.get(id).map(|entry| &entry.call)
    }

    pub fn has_waiting(&mut self) -> bool {
        self.next_waiting().is_some()
    }

    /// The call is under way.
    pub fn begin(&mut self, id: u64, place: Place) {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.place = Some(place);
        }
    }

    /// The call did not reach the server: it waits again, behind all others. Before them it would be the one that meets
    /// every further refusal.
    pub fn put_back(&mut self, id: u64) {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.place = None;
            entry.call.refused += 1;
            self.waiting.push_back(id);
        }
    }

    /// How often the call came back unseen; none where it has ended.
    pub fn refused(&self, id: u64) -> Option<u32> {
        self.entries.get(&id).map(|entry| entry.call.refused)
    }

    /// The call has its answer.
    pub fn end(&mut self, id: u64, result: Result<Bytes, Failure>) {
        if let Some(Entry { call, .. }) = self.entries.remove(&id) {
            self.reply(call, result);
        }
    }

    /// The caller is gone. Gives the connection that the call was on.
    pub fn cancel(&mut self, id: u64) -> Option<u64> {
        self.entries.remove(&id)?.place.map(Place::leave)
    }

    /// Ends the calls that wait.
    pub fn fail_waiting(&mut self, failure: &Failure) {
        for id in std::mem::take(&mut self.waiting) {
            if self.entries.get(&id).is_some_and(|entry| entry.place.is_none()) {
                self.end(id, Err(failure.clone()));
            }
        }
    }

    /// Ends all calls.
    pub fn fail_all(&mut self, failure: &Failure) {
        for (_, Entry { call, place }) in std::mem::take(&mut self.entries) {
            place.map(Place::leave);
            self.reply(call, Err(failure.clone()));
        }
        self.waiting.clear();
    }

    /// Ends the calls whose deadline has come. Gives the connections that they were on.
    pub fn expire(&mut self, now: Instant) -> Vec<u64> {
        let expired = self.entries.extract_if(|_, entry| entry.call.deadline <= now);
        let expired: Vec<Entry> = expired.map(|(_, entry)| entry).collect();
        self.earliest = self.entries.values().map(|entry| entry.call.deadline).min();
        let mut left = Vec::new();
        for Entry { call, place } in expired {
            let sentence = match &place {
                None => "The deadline passed before a connection took the call.",
                Some(_) => "The deadline passed before the server answered.",
            };
            left.extend(place.map(Place::leave));
            self.reply(call, Err(Failure::new(Code::DeadlineExceeded, sentence)));
        }
        left
    }

    /// A time before which no call's deadline comes; none while there is no call.
    pub fn earliest(&self) -> Option<Instant> {
        self.earliest
    }

    fn reply(&mut self, call: Call, result: Result<Bytes, Failure>) {
        self.ended.push((call.outbox, Reply { token: call.token, result: result.map_err(Box::new) }));
    }

    /// How many replies lie here.
    pub fn ended(&self) -> usize {
        self.ended.len()
    }

    /// What ended since the last time, to be delivered once no lock is held.
    pub fn take_ended(&mut self) -> Vec<(Arc<dyn Outbox>, Reply)> {
        std::mem::take(&mut self.ended)
    }
}

impl Place {
    /// To drop the task that reads a call's answer resets its stream.
    fn leave(self) -> u64 {
        self.task.abort();
        self.connection
    }
}

/// Gives each outbox its replies at once, where they came one after the other.
pub fn deliver(ended: Vec<(Arc<dyn Outbox>, Reply)>) {
    let mut bulk: Option<(Arc<dyn Outbox>, Vec<Reply>)> = None;
    for (outbox, reply) in ended {
        match &mut bulk {
            Some((same, replies)) if Arc::ptr_eq(same, &outbox) => replies.push(reply),
            _ => {
                if let Some((outbox, replies)) = bulk.replace((outbox, vec![reply])) {
                    outbox.deliver(replies);
                }
            }
        }
    }
    if let Some((outbox, replies)) = bulk {
        outbox.deliver(replies);
    }
}

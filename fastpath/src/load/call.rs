//! The calls of a thread that are not over, in the order in which their deadlines come.

use std::time::Instant;

use bytes::Bytes;

use super::answer::Answer;

/// A call to be made.
#[derive(Clone, Copy, Debug)]
pub struct Ticket {
    /// Unique in the run, from 0.
    pub number: u64,
    /// What its latency counts from.
    pub due: Instant,
}

/// A call that is under way, or waits for its connection.
#[derive(Debug)]
pub struct Call {
    pub ticket: Ticket,
    /// By its place among the thread's workers.
    pub worker: usize,
    pub deadline: Option<Instant>,
    /// The connection that it is on, counted from 1; 0: none.
    pub connection: u64,
    pub stream: u32,
    /// How often it came back unseen by the server.
    pub unseen: u32,
    /// What flow control lets its stream send.
    pub window: i64,
    /// What is to go out, as far as it is there; and whether it is the last.
    pub unsent: Bytes,
    pub closes: bool,
    /// This side of its stream is.
    pub is_closed: bool,
    /// Bytes that came, since the window was opened last.
    pub received: u32,
    pub answer: Answer,
}

/// A call's place, and which of those who had it is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    pub index: u32,
    generation: u32,
}

/// No place.
const NONE: u32 = u32::MAX;

#[derive(Debug)]
struct Entry {
    generation: u32,
    /// Those before and after it in the order of their starts.
    before: u32,
    after: u32,
    call: Option<Call>,
}

/// All calls have the same time, so that the first that began has the first deadline.
#[derive(Debug)]
pub struct Calls {
    entries: Vec<Entry>,
    free: Vec<u32>,
    first: u32,
    last: u32,
}

impl Calls {
    #[must_use]
    pub fn new() -> Self {
        Self { entries: Vec::new(), free: Vec::new(), first: NONE, last: NONE }
    }

    /// Behind all others.
    pub fn insert(&mut self, call: Call) -> Key {
        let index = self.free.pop().unwrap_or_else(|| {
            self.entries.push(Entry { generation: 0, before: NONE, after: NONE, call: None });
            u32::try_from(self.entries.len() - 1).unwrap_or(NONE)
        });
        let before = self.last;
        match self.entry(before) {
            Some(entry) => entry.after = index,
            None => self.first = index,
        }
        self.last = index;
        let Some(entry) = self.entry(index) else { return Key { index, generation: 0 } };
        entry.generation = entry.generation.wrapping_add(1);
        (entry.before, entry.after) = (before, NONE);
        entry.call = Some(call);
        Key { index, generation: entry.generation }
    }

    fn entry(&mut self, index: u32) -> Option<&mut Entry> {
        self.entries.get_mut(index as usize)
    }

    pub fn get_mut(&mut self, index: u32) -> Option<&mut Call> {
        self.entry(index)?.call.as_mut()
    }

    /// The call, unless it is over.
    pub fn find(&mut self, key: Key) -> Option<&mut Call> {
        self.entry(key.index).filter(|entry| entry.generation == key.generation)?.call.as_mut()
    }

    /// The call came back unseen by the server. None where it did so more often than `most` times.
    pub fn put_back(&mut self, index: u32, most: u32) -> Option<Key> {
        let entry = self.entry(index)?;
        let generation = entry.generation;
        let call = entry.call.as_mut()?;
        call.unseen += 1;
        (call.connection, call.unsent) = (0, Bytes::new());
        (call.unseen <= most).then_some(Key { index, generation })
    }

    pub fn remove(&mut self, index: u32) -> Option<Call> {
        let entry = self.entry(index)?;
        let call = entry.call.take()?;
        let (before, after) = (entry.before, entry.after);
        match self.entry(before) {
            Some(entry) => entry.after = after,
            None => self.first = after,
        }
        match self.entry(after) {
            Some(entry) => entry.before = before,
            None => self.last = before,
        }
        self.free.push(index);
        Some(call)
    }

    /// The call whose deadline is next.
    #[must_use]
    pub fn first(&self) -> Option<(u32, &Call)> {
        let entry = self.entries.get(self.first as usize)?;
        entry.call.as_ref().map(|call| (self.first, call))
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> Vec<u32> {
        let of = |index: &u32| self.entries.get(*index as usize);
        let first = (self.first != NONE).then_some(self.first);
        std::iter::successors(first, |index| {
            of(index).map(|entry| entry.after).filter(|after| *after != NONE)
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(number: u64) -> Call {
        Call {
            ticket: Ticket { number, due: Instant::now() },
            worker: 0,
            deadline: None,
            connection: 0,
            stream: 0,
            unseen: 0,
            window: 0,
            unsent: Bytes::new(),
            closes: true,
            is_closed: false,
            received: 0,
            answer: Answer::default(),
        }
    }

    fn numbers(calls: &mut Calls) -> Vec<u64> {
        let all = calls.all();
        all.into_iter().map(|index| calls.get_mut(index).unwrap().ticket.number).collect()
    }

    #[test]
    fn calls_stay_in_the_order_of_their_starts_whichever_end() {
        let mut calls = Calls::new();
        let keys: Vec<Key> = (0..5).map(|number| calls.insert(call(number))).collect();
        for (place, left) in [(2, vec![0, 1, 3, 4]), (0, vec![1, 3, 4]), (4, vec![1, 3])] {
            assert!(calls.remove(keys[place].index).is_some());
            assert_eq!(numbers(&mut calls), left);
        }
        calls.insert(call(9));
        assert_eq!(numbers(&mut calls), [1, 3, 9]);
        assert_eq!(calls.first().map(|(_, call)| call.ticket.number), Some(1));
        for index in calls.all() {
            calls.remove(index);
        }
        assert!(calls.first().is_none() && calls.remove(0).is_none());
    }

    #[test]
    fn a_key_finds_its_own_call_alone() {
        let mut calls = Calls::new();
        let old = calls.insert(call(1));
        calls.remove(old.index);
        let new = calls.insert(call(2));
        assert_eq!(old.index, new.index);
        assert!(calls.find(old).is_none() && calls.find(new).is_some());
    }
}

//! The streams of one connection, and whose call each is.

use std::collections::VecDeque;

/// On streams that have ended and stand between those that have not.
const NO_CALL: u32 = u32::MAX;

#[derive(Debug)]
pub struct Streams {
    /// The first is on the stream `oldest`, and each further one on the next odd number.
    calls: VecDeque<u32>,
    oldest: u32,
    under_way: usize,
}

impl Default for Streams {
    fn default() -> Self {
        Self { calls: VecDeque::new(), oldest: 1, under_way: 0 }
    }
}

impl Streams {
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.under_way
    }

    /// The stream that is opened next.
    #[must_use]
    pub fn next(&self) -> u32 {
        self.number(self.calls.len())
    }

    pub fn open(&mut self, call: u32) {
        self.calls.push_back(call);
        self.under_way += 1;
    }

    #[must_use]
    pub fn find(&self, stream: u32) -> Option<u32> {
        self.calls.get(self.place(stream)?).copied().filter(|call| *call != NO_CALL)
    }

    /// Gives the call on a stream that is over.
    pub fn close(&mut self, stream: u32) -> Option<u32> {
        let place = self.place(stream)?;
        let call = std::mem::replace(self.calls.get_mut(place)?, NO_CALL);
        while self.calls.front() == Some(&NO_CALL) {
            self.calls.pop_front();
            self.oldest += 2;
        }
        if call == NO_CALL {
            return None;
        }
        self.under_way -= 1;
        Some(call)
    }

    /// Gives the calls on streams above `last`, which are over.
    pub fn leave(&mut self, last: u32) -> impl Iterator<Item = u32> + use<> {
        let mut left = Vec::new();
        for place in 0..self.calls.len() {
            if self.number(place) > last
                && let Some(call) = self.calls.get_mut(place)
                && *call != NO_CALL
            {
                left.push(std::mem::replace(call, NO_CALL));
            }
        }
        self.under_way -= left.len();
        left.into_iter()
    }

    /// All that are under way.
    pub fn calls(&self) -> impl Iterator<Item = u32> {
        self.calls.iter().copied().filter(|call| *call != NO_CALL)
    }

    fn number(&self, place: usize) -> u32 {
        self.oldest.saturating_add(u32::try_from(place).unwrap_or(u32::MAX).saturating_mul(2))
    }

    fn place(&self, stream: u32) -> Option<usize> {
        usize::try_from(stream.checked_sub(self.oldest)? / 2).ok()
    }
}

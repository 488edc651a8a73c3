//! Counts the values of a feature whose vocabulary is still to be fitted.

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicBool, Ordering};

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use parking_lot::Mutex;

/// More than the cores of most machines, so that two threads rarely count in one shard.
const SHARDS: usize = 64;

/// What a vocabulary is while it is being fitted: each value's id is `COUNTED`, and its count grows by one.
#[derive(Debug)]
pub struct Tally {
    shards: Box<[Mutex<Counts>]>,
    hasher: RandomState,
    counting: AtomicBool,
}

/// How often each value was there.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub texts: HashMap<Box<[u8]>, u64, RandomState>,
    pub ints: HashMap<i64, u64, RandomState>,
}

impl Counts {
    /// Adds those of another feature.
    pub fn add(&mut self, other: Self) {
        for (text, count) in other.texts {
            *self.texts.entry(text).or_default() += count;
        }
        for (int, count) in other.ints {
            *self.ints.entry(int).or_default() += count;
        }
    }
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::default(),
            counting: AtomicBool::new(false),
        }
    }
}

impl Tally {
    /// The id of a value that is counted.
    const COUNTED: i64 = 0;
    /// The id of a default, which rows that lack the feature copy.
    pub const DEFAULT: i64 = -1;

    /// Ends the time of the program's making, in which it sees the defaults, and gives those.
    pub fn begin(&self) -> Counts {
        self.counting.store(true, Ordering::Relaxed);
        self.take()
    }

    /// What was counted since.
    pub fn take(&self) -> Counts {
        let mut all = Counts::default();
        for shard in &self.shards {
            let Counts { texts, ints } = std::mem::take(&mut *shard.lock());
            all.texts.extend(texts);
            all.ints.extend(ints);
        }
        all
    }

    pub fn text(&self, value: &[u8]) -> i64 {
        let mut counts = self.shard(self.hasher.hash_one(value)).lock();
        match counts.texts.get_mut(value) {
            Some(count) => *count += 1,
            None => {
                counts.texts.insert(value.into(), 1);
            }
        }
        self.id()
    }

    pub fn int(&self, value: i64) -> i64 {
        *self.shard(self.hasher.hash_one(value)).lock().ints.entry(value).or_default() += 1;
        self.id()
    }

    #[allow(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "a remainder of SHARDS")]
    fn shard(&self, hash: u64) -> &Mutex<Counts> {
        &self.shards[(hash % SHARDS as u64) as usize]
    }

    fn id(&self) -> i64 {
        if self.counting.load(Ordering::Relaxed) { Self::COUNTED } else { Self::DEFAULT }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_and_defaults_told_apart() {
        let tally = Tally::default();
        assert_eq!(tally.text(b"none"), Tally::DEFAULT);
        assert_eq!(tally.begin().texts.len(), 1);
        let ids = [b"a", b"b", b"a"].map(|value| tally.text(value));
        assert_eq!(ids, [Tally::COUNTED; 3]);
        let counts = tally.take();
        assert_eq!((counts.texts[b"a".as_slice()], counts.texts[b"b".as_slice()]), (2, 1));
        assert_eq!(tally.take(), Counts::default());
    }
}

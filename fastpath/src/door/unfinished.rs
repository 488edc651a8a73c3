//! The bytes of requests that have begun to come and not ended: what callers could fill the memory with at no cost to them.

use std::cell::Cell;
use std::rc::Rc;

use super::settings::MAX_UNFINISHED_BYTES;
use crate::status::Status;

/// How long a caller who was refused for this had better wait: bodies come within seconds, or are refused themselves.
const PUSHBACK_MS: i32 = 1_000;

/// All those of one I/O thread.
#[derive(Debug, Default)]
pub struct Unfinished(Cell<usize>);

/// Those of one request; given back when dropped.
#[derive(Debug)]
pub struct Held {
    all: Rc<Unfinished>,
    bytes: usize,
}

impl Held {
    pub fn nothing(all: &Rc<Unfinished>) -> Self {
        Self { all: Rc::clone(all), bytes: 0 }
    }

    /// The request holds so many now.
    ///
    /// # Errors
    /// `Unavailable`: all together hold too much.
    pub fn set(&mut self, bytes: usize) -> Result<(), Status> {
        let all = self.all.0.get() - self.bytes + bytes;
        if bytes > self.bytes && all > MAX_UNFINISHED_BYTES {
            let sentence =
                "Too many requests that have not come to their end fill the server's memory; try again.";
            return Err(Status::overloaded(sentence, PUSHBACK_MS));
        }
        self.all.0.set(all);
        self.bytes = bytes;
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.all.0.set(self.all.0.get() - self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_given_back() {
        let all = Rc::new(Unfinished::default());
        let (mut first, mut second) = (Held::nothing(&all), Held::nothing(&all));
        first.set(100).unwrap();
        second.set(50).unwrap();
        first.set(20).unwrap();
        assert_eq!(all.0.get(), 70);
        drop(second);
        assert_eq!(all.0.get(), 20);
    }

    #[test]
    fn beyond_the_limit_nothing_more_is_held_and_what_was_held_stays_counted() {
        let all = Rc::new(Unfinished::default());
        let (mut first, mut second) = (Held::nothing(&all), Held::nothing(&all));
        first.set(MAX_UNFINISHED_BYTES).unwrap();
        assert_eq!(second.set(1).unwrap_err().pushback_ms, Some(PUSHBACK_MS));
        drop(first);
        second.set(1).unwrap();
    }
}

//! Requests of late, kept as they came, so that the next version of their model warms up on what it will meet.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::{Method, Version};
use crate::features::RowBlock;
use crate::wire::infer_request::InferRequest;
use crate::wire::predict_request::PredictRequest;

/// Requests of a model that are kept: enough for different ones, and 2 MiB at most.
const KEPT: usize = 32;
const MAX_BYTES: usize = 64 << 10;
/// Ten a second, so that they are those of the last seconds, and keeping one costs the others nothing.
const EVERY: Duration = Duration::from_millis(100);

/// What one model was asked of late. All its versions share it.
pub struct Recent {
    began: Instant,
    /// When the next one is kept, in ns from `began`.
    due_ns: AtomicU64,
    kept: Mutex<VecDeque<(Method, Box<[u8]>)>>,
}

impl Default for Recent {
    fn default() -> Self {
        Self { began: Instant::now(), due_ns: AtomicU64::new(0), kept: Mutex::default() }
    }
}

impl Recent {
    /// Keeps a request that came at `now` and could be decoded, if one is due.
    pub fn offer(&self, method: Method, message: &[u8], now: Instant) {
        let ns = ns(now.saturating_duration_since(self.began));
        if ns >= self.due_ns.load(Ordering::Relaxed) {
            self.keep(method, message, ns);
        }
    }

    #[cold]
    fn keep(&self, method: Method, message: &[u8], now_ns: u64) {
        if message.len() > MAX_BYTES {
            return;
        }
        self.due_ns.store(now_ns + ns(EVERY), Ordering::Relaxed);
        // Whoever finds it taken has a request like any other.
        if let Some(mut kept) = self.kept.try_lock() {
            if kept.len() == KEPT {
                kept.pop_front();
            }
            kept.push_back((method, message.into()));
        }
    }
}

impl Version {
    /// Rows of requests of late, the latest first, by this version's features; those that it would refuse are left out.
    #[must_use]
    pub fn recent_rows(&self) -> Vec<RowBlock> {
        let kept: Vec<_> = self.recent.kept.lock().iter().rev().cloned().collect();
        let most = self.model.spec.max_batch_rows;
        let decode = |(method, message): (Method, Box<[u8]>)| match method {
            Method::ModelInfer => self.model.decode_infer(&InferRequest::parse(&message).ok()?).ok(),
            Method::Predict => self.model.decode_predict(&PredictRequest::parse(&message).ok()?, most).ok(),
        };
        let fits = |block: &RowBlock| (1..=most).contains(&block.rows);
        kept.into_iter().filter_map(decode).filter(fits).collect()
    }
}

fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(recent: &Recent) -> Vec<Vec<u8>> {
        recent.kept.lock().iter().map(|(_, message)| message.to_vec()).collect()
    }

    #[test]
    fn one_request_in_a_tenth_of_a_second_is_kept_and_the_oldest_goes() {
        let recent = Recent::default();
        let at = |ms: u64| recent.began + Duration::from_millis(ms);
        recent.offer(Method::Predict, b"first", at(0));
        recent.offer(Method::Predict, b"too soon", at(99));
        recent.offer(Method::Predict, b"second", at(100));
        assert_eq!(kept(&recent), [b"first".to_vec(), b"second".to_vec()]);
        for number in 2..=KEPT as u64 {
            recent.offer(Method::Predict, b"more", at(100 * number));
        }
        assert_eq!((kept(&recent).len(), kept(&recent)[0].as_slice()), (KEPT, b"second".as_slice()));
    }

    #[test]
    fn a_large_request_is_not_kept_and_the_next_one_is() {
        let recent = Recent::default();
        recent.offer(Method::ModelInfer, &vec![0; MAX_BYTES + 1], recent.began);
        recent.offer(Method::ModelInfer, b"small", recent.began);
        assert_eq!(kept(&recent), [b"small".to_vec()]);
    }
}

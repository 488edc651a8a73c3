//! Which rows are looked at: each with the same chance, whatever stands beside it.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use smallvec::SmallVec;

/// The places of the rows of a request that are looked at, rising.
pub type Picks = SmallVec<[usize; 4]>;

/// Draws rows one in `every`. Each row is drawn by itself (Bernoulli sampling), by skips of geometric length (Vitter,
/// "Faster Methods for Random Sampling", 1984): a fixed step would always meet the same place of requests of one size.
#[derive(Clone, Copy, Debug)]
struct Sampler {
    every: u32,
    /// Rows to pass over before the next that is drawn.
    left: u64,
    random: u64,
}

thread_local! {
    /// A sampler for each thread, for all models: skips have no memory, so rows of several models may share them.
    static SAMPLER: Cell<Sampler> = const { Cell::new(Sampler { every: 0, left: 0, random: 0 }) };
}

/// Numbers the threads, so that each draws rows of its own.
static THREADS: AtomicU64 = AtomicU64::new(1);

/// Draws from the next `rows` rows of this thread, one in `every` (not 0) on average.
#[inline]
pub fn pick(every: u32, rows: usize) -> Picks {
    SAMPLER.with(|cell| {
        let mut sampler = cell.get();
        if sampler.every == every && sampler.left >= rows as u64 {
            sampler.left -= rows as u64;
            cell.set(sampler);
            return Picks::new();
        }
        let picks = sampler.draw(every, rows as u64);
        cell.set(sampler);
        picks
    })
}

impl Sampler {
    #[cold]
    fn draw(&mut self, every: u32, rows: u64) -> Picks {
        if self.random == 0 {
            self.random = THREADS.fetch_add(1, Relaxed);
        }
        if self.every != every {
            self.every = every;
            self.left = self.skip();
        }
        let mut picks = Picks::new();
        while self.left < rows {
            picks.push(usize::try_from(self.left).unwrap_or(usize::MAX));
            self.left += 1 + self.skip();
        }
        self.left -= rows;
        picks
    }

    /// How many rows stand before the next that is drawn.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast of floats saturates")]
    fn skip(&mut self) -> u64 {
        if self.every <= 1 {
            return 0;
        }
        // SplitMix64 (Steele, Lea, Flood 2014), whose states may be neighbours.
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ self.random >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        // Above 0, at most 1.
        let uniform = ((mixed ^ mixed >> 31) >> 11) as f64 / (1u64 << 53) as f64 + f64::EPSILON / 2.0;
        (libm::log(uniform.min(1.0)) / libm::log1p(-1.0 / f64::from(self.every))) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_so_many_rows_is_drawn_at_every_place_of_a_request() {
        const ROWS: usize = 64;
        let mut sampler = Sampler { every: 0, left: 0, random: 7 };
        let mut drawn = [0u32; ROWS];
        for _ in 0..200_000 {
            for place in sampler.draw(64, ROWS as u64) {
                drawn[place] += 1;
            }
        }
        // 3125 are expected at each place, 56 more or less.
        assert!(drawn.iter().all(|count| (2_850..3_400).contains(count)), "{drawn:?}");
        let all: u32 = drawn.iter().sum();
        assert!((198_000..202_000).contains(&all), "{all}");
    }

    #[test]
    fn one_in_one_is_every_row_whatever_was_asked_before() {
        pick(1_000, 5);
        assert_eq!(pick(1, 3).as_slice(), [0, 1, 2]);
        assert_eq!(pick(1, 0).as_slice(), [0usize; 0]);
        assert_eq!(pick(1, 2).as_slice(), [0, 1]);
    }
}

//! Time that a thread spends and would not have to: what each turn costs however little it does.
//!
//! A thread with few calls takes one a turn, and pays for every turn a wake, a system call, a run of the model. With
//! more calls its turns are fuller and hardly more of them. So the time that it is at work rises steeply while there is
//! little to do and then hardly any more, and says nothing about how much more it could do. Without the fixed part of
//! its turns it is in proportion to the calls. A turn of an I/O thread is from one hand-over to the engine to the next,
//! in CPU time, the wake between them included; one of a model thread is a batch.

use std::time::Duration;

use super::line::Line;

/// About the last 10,000 turns count: half a second of a busy thread, and enough for a slope among single long turns.
const KEEP: f64 = 0.9999;
/// Turns whose sizes vary by less than this share of their mean do not show what a turn costs by itself.
const MIN_SPREAD: f64 = 0.01;
/// The slope is taken so many standard errors higher than it was found, so that what is not sure is no slack.
const ERRORS: f64 = 2.0;
/// A turn that took more than so many times what one of its size takes was interrupted, and counts as no longer.
const LONGEST: f64 = 4.0;

/// What is known of the turns of one kind: `ns = unit · units + fixed`.
#[derive(Clone, Copy, Debug)]
pub struct Turns(Line);

impl Default for Turns {
    fn default() -> Self {
        Self(Line::keeping(KEEP))
    }
}

impl Turns {
    /// A turn with so many units of work took so long. Gives how much of that was slack, were turns to grow without end.
    pub fn learn(&mut self, units: u64, took: Duration) -> Duration {
        let Self(line) = self;
        // Counts of one turn are far below 2^52.
        #[allow(clippy::cast_precision_loss, reason = "counts of one turn are far below 2^52")]
        let (x, y) = (units as f64, took.as_secs_f64() * 1e9);
        let usual = if line.weight() > 0.0 { line.mean_y() * (x / line.mean_x()).max(1.0) } else { y };
        line.learn(x, y.min(LONGEST * usual));
        self.fixed().min(took)
    }

    /// Whether no turn has been seen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self(line) = self;
        line.weight() <= 0.0
    }

    /// What a turn costs by itself, at least.
    #[must_use]
    pub fn fixed(&self) -> Duration {
        let Self(line) = self;
        let Some(slope) = line.slope(MIN_SPREAD) else { return Duration::ZERO };
        let unit_ns = slope.max(0.0) + ERRORS * line.slope_error();
        Duration::try_from_secs_f64((line.mean_y() - unit_ns * line.mean_x()) / 1e9).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn us(n: u64) -> Duration {
        Duration::from_micros(n)
    }

    fn fixed(turns: impl IntoIterator<Item = (u64, u64)>) -> Duration {
        let mut known = Turns::default();
        for (units, took_us) in turns {
            known.learn(units, us(took_us));
        }
        known.fixed()
    }

    #[test]
    fn the_fixed_part_of_turns_on_a_line_is_found() {
        let found = fixed((0..1_000).map(|n| (1 + n % 5, 20 + 3 * (1 + n % 5))));
        assert!(found.abs_diff(us(20)) < us(1), "{found:?}");
    }

    #[test]
    fn of_turns_of_one_size_nothing_is_slack() {
        assert_eq!(fixed((0..1_000).map(|_| (1, 200))), Duration::ZERO);
        assert_eq!(fixed([]), Duration::ZERO);
    }

    #[test]
    fn what_is_in_proportion_to_the_work_has_no_slack() {
        assert!(fixed((0..1_000).map(|n| (1 + n % 5, 10 * (1 + n % 5)))) < us(1));
    }

    #[test]
    fn what_a_few_turns_show_is_not_taken_for_sure() {
        // One noisy turn of another size: any slope fits.
        assert_eq!(fixed([(1, 100), (1, 20), (1, 60), (2, 60)]), Duration::ZERO);
    }

    #[test]
    fn turns_that_were_interrupted_change_it_little() {
        let took = |n: u64| if n.is_multiple_of(100) { 4_000 } else { 20 + 3 * (1 + n % 5) };
        let found = fixed((0..10_000).map(|n| (1 + n % 5, took(n))));
        assert!((us(15)..us(25)).contains(&found), "{found:?}");
    }

    #[test]
    fn slack_is_never_more_than_the_turn_took() {
        let mut known = Turns::default();
        for n in 0..1_000 {
            known.learn(1 + n % 5, us(20 + 3 * (1 + n % 5)));
        }
        assert_eq!(known.learn(1, us(2)), us(2));
    }

    /// Calls come by chance to a thread that takes all that lie there with each turn, at `load` of what it could carry in
    /// endless turns. Gives the shares of its time that it was at work, and that were needed.
    fn busy_and_needed(load: f64) -> (f64, f64) {
        const FIXED_US: f64 = 15.0;
        const CALL_US: f64 = 4.5;
        let mut state = 1_u64;
        let mut gap_us = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            #[allow(clippy::cast_precision_loss, reason = "of 53 bits")]
            let chance = (state >> 11) as f64 / (1_u64 << 53) as f64;
            -(1.0 - chance).ln() * CALL_US / load
        };
        let mut turns = Turns::default();
        let (mut now, mut next, mut busy, mut slack) = (0.0_f64, gap_us(), 0.0, 0.0);
        for _ in 0..30_000 {
            now = now.max(next);
            let mut calls = 0_u32;
            while next <= now {
                calls += 1;
                next += gap_us();
            }
            let took = FIXED_US + CALL_US * f64::from(calls);
            slack += turns.learn(calls.into(), Duration::from_secs_f64(took / 1e6)).as_secs_f64() * 1e6;
            busy += took;
            now += took;
        }
        (busy / now, (busy - slack) / now)
    }

    #[test]
    fn what_is_needed_is_in_proportion_to_the_calls_and_the_time_at_work_is_not() {
        for tenths in 1..10_u8 {
            let load = f64::from(tenths) / 10.0;
            let (busy, needed) = busy_and_needed(load);
            assert!((needed - load).abs() < 0.02, "{needed} of {load}");
            assert!(busy > load.mul_add(0.5, 0.3), "{busy} of {load}");
        }
    }
}

//! What a peer may send that only keeps the server busy: pings, settings, calls that are reset at once, DATA without data.

use std::time::Instant;

use crate::door::settings::{EARLY_RESETS, EMPTY_DATA, PING_INTERVAL, PING_STRIKES, SETTINGS_STRIKES};

/// The counts of one connection.
#[derive(Debug, Default)]
pub struct Strikes {
    /// The newest stream; those above `seen` came in this turn.
    newest: u32,
    seen: u32,
    early_resets: u32,
    early_pings: u32,
    last_ping: Option<Instant>,
    settings: u32,
    empty_data: u32,
}

impl Strikes {
    /// A call has begun.
    pub fn call(&mut self, stream: u32) {
        self.newest = stream;
        self.forgive();
    }

    /// DATA has come that does not end its stream, with content or without.
    pub fn data(&mut self, is_empty: bool) {
        if is_empty {
            self.empty_data += 1;
        } else {
            self.forgive();
        }
    }

    pub fn reset(&mut self, stream: u32) {
        self.early_resets += u32::from(stream > self.seen);
    }

    pub fn ping(&mut self, now: Instant) {
        let is_early = self.last_ping.is_some_and(|last| now.saturating_duration_since(last) < PING_INTERVAL);
        self.early_pings += u32::from(is_early);
        self.last_ping = Some(now);
    }

    pub fn settings(&mut self) {
        self.settings += 1;
    }

    /// Something was sent of an answer that took work.
    pub fn answer(&mut self) {
        self.early_resets = 0;
        self.forgive();
    }

    /// What has come by now has been looked at.
    pub fn turn(&mut self) {
        self.seen = self.newest;
    }

    /// A call flows: pings are lawful again.
    fn forgive(&mut self) {
        self.early_pings = 0;
        self.last_ping = None;
        self.settings = 0;
        self.empty_data = 0;
    }

    /// Whether the peer only keeps the server busy; asked after each frame, so that what follows does not hide it.
    #[must_use]
    pub fn is_flood(&self) -> bool {
        self.early_pings > PING_STRIKES
            || self.settings > SETTINGS_STRIKES
            || self.early_resets > EARLY_RESETS
            || self.empty_data > EMPTY_DATA
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_third_early_ping_is_too_much_unless_a_call_came_between() {
        let (mut strikes, now) = (Strikes::default(), Instant::now());
        (0..3).for_each(|_| strikes.ping(now));
        assert!(!strikes.is_flood());
        strikes.data(false);
        (0..3).for_each(|_| strikes.ping(now));
        assert!(!strikes.is_flood());
        strikes.ping(now + PING_INTERVAL / 2);
        assert!(strikes.is_flood());
    }

    #[test]
    fn pings_that_are_far_apart_are_lawful() {
        let (mut strikes, now) = (Strikes::default(), Instant::now());
        (0..9).for_each(|count| strikes.ping(now + PING_INTERVAL * count));
        assert!(!strikes.is_flood());
    }

    #[test]
    fn calls_that_are_reset_as_they_come_are_a_flood_and_those_reset_later_are_not() {
        let (mut early, mut late) = (Strikes::default(), Strikes::default());
        for stream in (1..).step_by(2).take(EARLY_RESETS as usize + 1) {
            early.call(stream);
            early.reset(stream);
            early.turn();
            late.call(stream);
            late.turn();
            late.reset(stream);
        }
        assert!(early.is_flood() && !late.is_flood());
    }

    #[test]
    fn an_answer_between_makes_early_resets_lawful() {
        let mut strikes = Strikes::default();
        for stream in (1..).step_by(2).take(2 * EARLY_RESETS as usize) {
            strikes.call(stream);
            strikes.reset(stream);
            strikes.answer();
        }
        assert!(!strikes.is_flood());
    }

    #[test]
    fn settings_and_empty_data_without_end_are_floods() {
        let (mut settings, mut data) = (Strikes::default(), Strikes::default());
        (0..=SETTINGS_STRIKES).for_each(|_| settings.settings());
        (0..=EMPTY_DATA).for_each(|_| data.data(true));
        assert!(settings.is_flood() && data.is_flood());
    }
}

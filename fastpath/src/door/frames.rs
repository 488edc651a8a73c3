//! What a peer's frames say that the h2 crate keeps to itself: pings, settings, and which streams were reset.
//!
//! Only the nine bytes before each frame are read, on their way to h2, which judges everything (RFC 9113, 4.1).

use std::time::Instant;

use super::settings::{EARLY_RESETS, PING_INTERVAL, PING_STRIKES, SETTINGS_STRIKES};

const PREFACE_BYTES: usize = 24;
const HEAD_BYTES: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const ACK: u8 = 1;

/// Reads along with one connection.
#[derive(Debug)]
pub struct Frames {
    /// Bytes until the next head: the rest of the preface, or of a frame.
    skip: usize,
    /// What has come of the next head.
    head: [u8; HEAD_BYTES],
    have: usize,
    resets: Vec<u32>,
    /// The newest stream; those above `seen` came in this turn.
    newest: u32,
    seen: u32,
    early_resets: u32,
    pings: Strikes,
    settings: u32,
    /// There were too many of either; what comes after does not undo it.
    flood: bool,
    /// Nothing has come since this was cleared.
    silent: bool,
}

#[derive(Debug, Default)]
struct Strikes {
    count: u32,
    last: Option<Instant>,
}

impl Default for Frames {
    fn default() -> Self {
        Self::new()
    }
}

impl Frames {
    /// Of a connection on which nothing has come yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            skip: PREFACE_BYTES,
            head: [0; HEAD_BYTES],
            have: 0,
            resets: Vec::new(),
            newest: 0,
            seen: 0,
            early_resets: 0,
            pings: Strikes::default(),
            settings: 0,
            flood: false,
            silent: true,
        }
    }

    /// Reads what came.
    pub fn read(&mut self, mut bytes: &[u8], now: impl Fn() -> Instant) {
        self.silent &= bytes.is_empty();
        while !bytes.is_empty() {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = bytes.get(skipped..).unwrap_or_default();
            let taken = bytes.len().min(HEAD_BYTES - self.have);
            if let (Some(place), Some(part)) =
                (self.head.get_mut(self.have..self.have + taken), bytes.get(..taken))
            {
                place.copy_from_slice(part);
            }
            self.have += taken;
            bytes = bytes.get(taken..).unwrap_or_default();
            if self.have == HEAD_BYTES {
                self.have = 0;
                self.frame(&now);
            }
        }
    }

    fn frame(&mut self, now: &impl Fn() -> Instant) {
        let [a, b, c, kind, flags, stream @ ..] = self.head;
        self.skip = u32::from_be_bytes([0, a, b, c]) as usize;
        let stream = u32::from_be_bytes(stream) & 0x7fff_ffff;
        match kind {
            DATA => return self.forgive(),
            HEADERS => {
                self.newest = self.newest.max(stream);
                return self.forgive();
            }
            RST_STREAM => {
                self.early_resets += u32::from(stream > self.seen);
                self.resets.push(stream);
            }
            PING if flags & ACK == 0 => self.pings.ping(now()),
            SETTINGS if flags & ACK == 0 => self.settings += 1,
            _ => return,
        }
        self.flood |= self.pings.count > PING_STRIKES
            || self.settings > SETTINGS_STRIKES
            || self.early_resets > EARLY_RESETS;
    }

    /// Something was sent to the peer.
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
        self.pings = Strikes::default();
        self.settings = 0;
    }

    /// Whether the peer only keeps the server busy.
    #[must_use]
    pub fn is_flood(&self) -> bool {
        self.flood
    }

    /// The streams that were reset since the last time.
    pub fn take_resets(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.resets)
    }

    /// Whether anything came since the last time.
    pub fn heard(&mut self) -> bool {
        !std::mem::replace(&mut self.silent, true)
    }
}

impl Strikes {
    fn ping(&mut self, now: Instant) {
        if self.last.is_some_and(|last| now.saturating_duration_since(last) < PING_INTERVAL) {
            self.count += 1;
        }
        self.last = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, stream: u32, payload: usize) -> Vec<u8> {
        let [_, a, b, c] = u32::try_from(payload).unwrap().to_be_bytes();
        let mut frame = vec![a, b, c, kind, flags];
        frame.extend_from_slice(&stream.to_be_bytes());
        frame.resize(HEAD_BYTES + payload, 0xff);
        frame
    }

    fn read(frames: &mut Frames, bytes: &[u8], step: usize) {
        let now = Instant::now();
        bytes.chunks(step).for_each(|part| frames.read(part, || now));
    }

    #[test]
    fn resets_are_found_however_the_bytes_are_cut() {
        let wire = [
            vec![b'P'; PREFACE_BYTES],
            frame(SETTINGS, 0, 0, 18),
            frame(HEADERS, 4, 1, 40),
            frame(RST_STREAM, 0, 1, 4),
            frame(DATA, 1, 3, 300),
            frame(RST_STREAM, 0, 0x8000_0003, 4),
        ]
        .concat();
        for step in [1, 2, 8, 9, 10, wire.len()] {
            let mut frames = Frames::new();
            read(&mut frames, &wire, step);
            assert_eq!(frames.take_resets(), [1, 3], "pieces of {step}");
            assert!(frames.take_resets().is_empty());
        }
    }

    #[test]
    fn the_third_early_ping_is_too_much_unless_a_call_came_between() {
        let ping = frame(PING, 0, 0, 8);
        let mut frames = Frames::new();
        read(&mut frames, &[0; PREFACE_BYTES], 100);
        read(&mut frames, &ping.repeat(3), 100);
        assert!(!frames.is_flood());
        read(&mut frames, &frame(DATA, 0, 1, 5), 100);
        read(&mut frames, &ping.repeat(3), 100);
        assert!(!frames.is_flood());
        read(&mut frames, &ping, 100);
        assert!(frames.is_flood());
    }

    #[test]
    fn calls_that_are_reset_as_they_come_are_a_flood_and_those_reset_later_are_not() {
        let call = |stream: u32| [frame(HEADERS, 4, stream, 9), frame(RST_STREAM, 0, stream, 4)].concat();
        let (mut early, mut late) = (Frames::new(), Frames::new());
        read(&mut early, &[0; PREFACE_BYTES], 100);
        read(&mut late, &[0; PREFACE_BYTES], 100);
        for stream in (1..).step_by(2).take(EARLY_RESETS as usize + 1) {
            read(&mut early, &call(stream), 100);
            early.turn();
            read(&mut late, &call(stream)[..HEAD_BYTES + 9], 100);
            late.turn();
            read(&mut late, &call(stream)[HEAD_BYTES + 9..], 100);
        }
        assert!(early.is_flood() && !late.is_flood());
    }

    #[test]
    fn an_answer_between_makes_early_resets_lawful() {
        let mut frames = Frames::new();
        read(&mut frames, &[0; PREFACE_BYTES], 100);
        for stream in (1..).step_by(2).take(2 * EARLY_RESETS as usize) {
            read(&mut frames, &[frame(HEADERS, 4, stream, 9), frame(RST_STREAM, 0, stream, 4)].concat(), 100);
            frames.answer();
        }
        assert!(!frames.is_flood());
    }

    #[test]
    fn a_flood_is_not_hidden_by_a_call_behind_it() {
        let mut frames = Frames::new();
        read(&mut frames, &[0; PREFACE_BYTES], 100);
        read(&mut frames, &[frame(PING, 0, 0, 8).repeat(9), frame(DATA, 0, 1, 5)].concat(), 1000);
        assert!(frames.is_flood());
    }

    #[test]
    fn acknowledgements_are_no_pings() {
        let mut frames = Frames::new();
        read(&mut frames, &[0; PREFACE_BYTES], 100);
        read(&mut frames, &frame(PING, ACK, 0, 8).repeat(100), 100);
        read(&mut frames, &frame(SETTINGS, ACK, 0, 0).repeat(100), 100);
        assert!(!frames.is_flood());
    }

    #[test]
    fn a_flood_of_settings_is_seen() {
        let mut frames = Frames::new();
        read(&mut frames, &[0; PREFACE_BYTES], 100);
        read(&mut frames, &frame(SETTINGS, 0, 0, 6).repeat(33), 7);
        assert!(frames.is_flood());
    }
}

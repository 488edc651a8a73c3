//! What the fast door counts: connections, and calls that it passes on.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::counter::Counter;
use super::prometheus::Page;

/// Why a connection was ended by the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClosedFor {
    /// It showed no TLS, or no HTTP/2, in time or at all.
    Handshake,
    /// It was of age, or the server drained; its client was told to go.
    Age,
    /// Its peer gave no sign of life, or did not finish its calls in time.
    Silence,
    /// Its peer only kept the server busy.
    Flood,
}

impl ClosedFor {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Handshake, "handshake"),
        (Self::Age, "age"),
        (Self::Silence, "silence"),
        (Self::Flood, "flood"),
    ];
}

/// One for a process; where the grpcio door stands alone its numbers stay 0 and are not shown.
#[derive(Debug, Default)]
pub struct DoorMetrics {
    open: AtomicU64,
    accepted: Counter,
    closed: [Counter; ClosedFor::ALL.len()],
    forwarded: Counter,
}

impl DoorMetrics {
    /// A connection was accepted; it counts as open until what is given is dropped.
    #[must_use]
    pub fn accept(&self) -> OpenConnection<'_> {
        self.accepted.add(1);
        self.open.fetch_add(1, Relaxed);
        OpenConnection(self)
    }

    /// The server ends a connection.
    pub fn close(&self, reason: ClosedFor) {
        let place = ClosedFor::ALL.iter().position(|(each, _)| *each == reason);
        if let Some(counter) = place.and_then(|place| self.closed.get(place)) {
            counter.add(1);
        }
    }

    /// A call goes to the servicer.
    pub fn forward(&self) {
        self.forwarded.add(1);
    }

    pub(super) fn write(&self, page: &mut Page) {
        if self.accepted.get() == 0 {
            return;
        }
        page.family("penstock_connections", "gauge", "Connections at the fast door.");
        page.sample("penstock_connections", &[], self.open.load(Relaxed) as f64);
        page.family("penstock_connections_total", "counter", "Connections accepted at the fast door.");
        page.count("penstock_connections_total", &[], self.accepted.get());
        page.family(
            "penstock_closed_connections_total",
            "counter",
            "Connections that the server ended, by reason.",
        );
        for ((_, reason), counter) in ClosedFor::ALL.iter().zip(&self.closed) {
            page.count("penstock_closed_connections_total", &[("reason", reason)], counter.get());
        }
        page.family(
            "penstock_forwarded_calls_total",
            "counter",
            "Calls passed on to the servicer in Python.",
        );
        page.count("penstock_forwarded_calls_total", &[], self.forwarded.get());
    }
}

/// A connection that counts as open.
#[derive(Debug)]
pub struct OpenConnection<'m>(&'m DoorMetrics);

impl Drop for OpenConnection<'_> {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(metrics: &DoorMetrics) -> String {
        let mut page = Page::default();
        metrics.write(&mut page);
        page.into_text()
    }

    #[test]
    fn a_connection_counts_as_open_until_it_ends() {
        let metrics = DoorMetrics::default();
        let (first, _second) = (metrics.accept(), metrics.accept());
        drop(first);
        metrics.close(ClosedFor::Flood);
        let text = text(&metrics);
        for line in [
            "penstock_connections 1\n",
            "penstock_connections_total 2\n",
            "penstock_closed_connections_total{reason=\"flood\"} 1\n",
            "penstock_closed_connections_total{reason=\"age\"} 0\n",
        ] {
            assert!(text.contains(line), "{line:?} is not in {text}");
        }
    }

    #[test]
    fn a_process_without_a_fast_door_shows_none_of_it() {
        assert_eq!(text(&DoorMetrics::default()), "");
    }
}

//! What the HTTP port counts: connections, and answers by status.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::counter::Counter;
use super::prometheus::Page;

/// Every status that the port answers with.
const STATUSES: [u16; 14] = [200, 400, 404, 405, 408, 413, 415, 429, 431, 499, 500, 501, 503, 504];

/// One for a process; where there is no HTTP port its numbers stay 0 and are not shown.
#[derive(Debug, Default)]
pub struct HttpMetrics {
    open: AtomicU64,
    accepted: Counter,
    answers: [Counter; STATUSES.len()],
}

impl HttpMetrics {
    /// A connection was accepted; it counts as open until what is given is dropped.
    #[must_use]
    pub fn accept(&self) -> OpenConnection<'_> {
        self.accepted.add(1);
        self.open.fetch_add(1, Relaxed);
        OpenConnection(self)
    }

    /// Connections that stand.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.open.load(Relaxed)
    }

    /// A request was answered.
    pub fn answer(&self, status: u16) {
        let place = STATUSES.iter().position(|each| *each == status);
        if let Some(counter) = place.and_then(|place| self.answers.get(place)) {
            counter.add(1);
        }
    }

    pub(super) fn write(&self, page: &mut Page) {
        if self.accepted.get() == 0 {
            return;
        }
        page.family("penstock_http_connections", "gauge", "Connections at the HTTP port.");
        page.sample("penstock_http_connections", &[], self.open() as f64);
        page.family("penstock_http_connections_total", "counter", "Connections accepted at the HTTP port.");
        page.count("penstock_http_connections_total", &[], self.accepted.get());
        page.family(
            "penstock_http_requests_total",
            "counter",
            "Requests answered at the HTTP port, by HTTP status.",
        );
        for (status, counter) in STATUSES.iter().zip(&self.answers) {
            if counter.get() > 0 {
                let status = status.to_string();
                page.count("penstock_http_requests_total", &[("code", status.as_str())], counter.get());
            }
        }
    }
}

/// A connection that counts as open.
#[derive(Debug)]
pub struct OpenConnection<'m>(&'m HttpMetrics);

impl Drop for OpenConnection<'_> {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(metrics: &HttpMetrics) -> String {
        let mut page = Page::default();
        metrics.write(&mut page);
        page.into_text()
    }

    #[test]
    fn answers_count_by_their_status() {
        let metrics = HttpMetrics::default();
        let open = metrics.accept();
        metrics.answer(200);
        metrics.answer(404);
        metrics.answer(404);
        drop(open);
        let text = text(&metrics);
        for line in [
            "penstock_http_connections 0\n",
            "penstock_http_connections_total 1\n",
            "penstock_http_requests_total{code=\"200\"} 1\n",
            "penstock_http_requests_total{code=\"404\"} 2\n",
        ] {
            assert!(text.contains(line), "{line:?} is not in {text}");
        }
    }

    #[test]
    fn a_process_without_the_port_shows_none_of_it() {
        assert_eq!(text(&HttpMetrics::default()), "");
    }
}

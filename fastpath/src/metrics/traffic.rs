//! How the calls of models are shared among their versions, as Prometheus reads it.

use std::collections::BTreeMap;

use parking_lot::Mutex;

use super::prometheus::Page;

/// Of every model that is known. Written when versions or weights change, never by a call.
#[derive(Debug, Default)]
pub struct TrafficMetrics(Mutex<BTreeMap<String, ModelTraffic>>);

#[derive(Debug, Default)]
struct ModelTraffic {
    /// Of each version that serves, its share of the calls that name none.
    shares: Vec<(u64, f64)>,
    rollbacks: u64,
}

impl TrafficMetrics {
    pub fn set_shares(&self, model: &str, shares: impl Iterator<Item = (u64, f64)>) {
        self.of(model, |traffic| traffic.shares = shares.collect());
    }

    /// A canary was rolled back by its rule.
    pub fn count_rollback(&self, model: &str) {
        self.of(model, |traffic| traffic.rollbacks += 1);
    }

    /// Ends the series of a model that is gone for good.
    pub fn remove(&self, model: &str) {
        self.0.lock().remove(model);
    }

    fn of(&self, model: &str, change: impl FnOnce(&mut ModelTraffic)) {
        change(self.0.lock().entry(model.to_owned()).or_default());
    }

    pub(super) fn write(&self, page: &mut Page) {
        let models = self.0.lock();
        let name = "penstock_version_weight";
        page.family(name, "gauge", "Share of the calls that name no version which the version gets.");
        for (model, traffic) in &*models {
            for (version, share) in &traffic.shares {
                page.sample(name, &[("model", model), ("version", &version.to_string())], *share);
            }
        }
        let name = "penstock_canary_rollbacks_total";
        page.family(name, "counter", "Canaries that were rolled back by their rule.");
        for (model, traffic) in &*models {
            page.count(name, &[("model", model)], traffic.rollbacks);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(metrics: &TrafficMetrics) -> String {
        let mut page = Page::default();
        metrics.write(&mut page);
        page.into_text()
    }

    #[test]
    fn each_version_has_its_weight_and_each_model_its_rollbacks() {
        let metrics = TrafficMetrics::default();
        metrics.set_shares("fraud", [(7, 0.9), (8, 0.1)].into_iter());
        metrics.count_rollback("fraud");
        metrics.set_shares("fraud", [(7, 1.0), (8, 0.0)].into_iter());
        let text = text(&metrics);
        assert!(text.contains("penstock_version_weight{model=\"fraud\",version=\"7\"} 1\n"), "{text}");
        assert!(text.contains("penstock_version_weight{model=\"fraud\",version=\"8\"} 0\n"), "{text}");
        assert!(text.contains("penstock_canary_rollbacks_total{model=\"fraud\"} 1\n"), "{text}");
    }

    #[test]
    fn a_model_that_is_gone_has_no_series() {
        let metrics = TrafficMetrics::default();
        metrics.set_shares("fraud", [(7, 1.0)].into_iter());
        metrics.remove("fraud");
        assert!(!text(&metrics).contains("fraud"));
    }
}

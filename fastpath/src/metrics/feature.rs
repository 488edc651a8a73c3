//! The families of the features of model versions: what the engine knows of them, as Prometheus reads it.
//!
//! One series a feature and family, some with a quantile or a reason: as many as model.toml has features, whatever
//! callers send.

use std::time::Instant;

use super::prometheus::Page;

/// Where a scrape gets a model version's features from.
pub trait FeatureSource: Send + Sync {
    fn features(&self, now: Instant) -> FeatureFamilies;
}

/// The features of one model version at one time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FeatureFamilies {
    /// Rows that were decoded, that were looked at, and that were passed over because another thread was looking.
    pub rows: u64,
    pub sampled_rows: u64,
    pub dropped_rows: u64,
    /// The share of rows that is to be looked at.
    pub sample_ratio: f64,
    pub features: Vec<FeatureSamples>,
}

/// One feature. Counts are since load, of the rows that were looked at; gauges are of the last hour, none where there
/// is nothing to tell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FeatureSamples {
    pub name: String,
    pub missing_rows: u64,
    pub values: u64,
    pub unknown_values: u64,
    pub out_of_range_values: u64,
    pub not_finite_values: u64,
    /// Calls refused for it, by reason; of all calls.
    pub refused: Vec<(&'static str, u64)>,
    pub mean: Option<f64>,
    /// Quantile and value.
    pub quantiles: Vec<(f64, f64)>,
    pub psi: Option<f64>,
}

/// A model version's name, number and features.
pub(super) type Of<'a> = (&'a str, &'a str, FeatureFamilies);

/// Name and help.
type Family = (&'static str, &'static str);

pub(super) fn write(page: &mut Page, models: &[Of<'_>]) {
    // A process whose models have no features shows none of it.
    if models.is_empty() {
        return;
    }
    write_rows(page, models);
    write_counts(page, models);
    write_refused(page, models);
    write_gauges(page, models);
}

fn write_rows(page: &mut Page, models: &[Of<'_>]) {
    type Pick = fn(&FeatureFamilies) -> u64;
    let families: [(Family, Pick); 3] = [
        (("penstock_feature_rows_total", "Rows of features decoded."), |of| of.rows),
        (("penstock_feature_sampled_rows_total", "Rows whose features were looked at."), |of| {
            of.sampled_rows
        }),
        (
            (
                "penstock_feature_dropped_rows_total",
                "Rows drawn and not looked at: another thread was looking.",
            ),
            |of| of.dropped_rows,
        ),
    ];
    for ((name, help), pick) in families {
        page.family(name, "counter", help);
        for (model, version, of) in models {
            page.count(name, &[("model", model), ("version", version)], pick(of));
        }
    }
    let name = "penstock_feature_sample_ratio";
    page.family(name, "gauge", "Share of the rows that is drawn to be looked at.");
    for (model, version, of) in models {
        page.sample(name, &[("model", model), ("version", version)], of.sample_ratio);
    }
}

fn write_counts(page: &mut Page, models: &[Of<'_>]) {
    type Pick = fn(&FeatureSamples) -> u64;
    let families: [(Family, Pick); 5] = [
        (
            (
                "penstock_feature_missing_rows_total",
                "Rows looked at that lacked the feature and took its default.",
            ),
            |of| of.missing_rows,
        ),
        (("penstock_feature_values_total", "Values looked at."), |of| of.values),
        (("penstock_feature_unknown_values_total", "Values that the feature's vocabulary lacks."), |of| {
            of.unknown_values
        }),
        (
            (
                "penstock_feature_out_of_range_values_total",
                "Values outside the feature's clip, its boundaries or the range of training.",
            ),
            |of| of.out_of_range_values,
        ),
        (("penstock_feature_not_finite_values_total", "Values that are NaN or infinite."), |of| {
            of.not_finite_values
        }),
    ];
    for ((name, help), pick) in families {
        page.family(name, "counter", help);
        for (model, version, of) in models {
            for feature in &of.features {
                page.count(name, &labels(model, version, feature), pick(feature));
            }
        }
    }
}

fn write_refused(page: &mut Page, models: &[Of<'_>]) {
    let name = "penstock_feature_refused_requests_total";
    page.family(name, "counter", "Calls refused for the feature, all of them, by reason.");
    for (model, version, of) in models {
        for feature in &of.features {
            for (reason, count) in &feature.refused {
                let [model, version, feature] = labels(model, version, feature);
                page.count(name, &[model, version, feature, ("reason", reason)], *count);
            }
        }
    }
}

fn write_gauges(page: &mut Page, models: &[Of<'_>]) {
    type Pick = fn(&FeatureSamples) -> Option<f64>;
    let families: [(Family, Pick); 2] = [
        (("penstock_feature_mean", "Mean of the feature's values over the last hour."), |of| of.mean),
        (("penstock_feature_psi", "Population stability index of the last hour against training."), |of| {
            of.psi
        }),
    ];
    for ((name, help), pick) in families {
        page.family(name, "gauge", help);
        for (model, version, of) in models {
            for feature in &of.features {
                if let Some(value) = pick(feature) {
                    page.sample(name, &labels(model, version, feature), value);
                }
            }
        }
    }
    let name = "penstock_feature_quantile";
    page.family(name, "gauge", "Quantiles of the feature's values over the last hour.");
    for (model, version, of) in models {
        for feature in &of.features {
            for (p, value) in &feature.quantiles {
                let [model, version, feature] = labels(model, version, feature);
                page.sample(name, &[model, version, feature, ("quantile", &p.to_string())], *value);
            }
        }
    }
}

fn labels<'a>(model: &'a str, version: &'a str, feature: &'a FeatureSamples) -> [(&'a str, &'a str); 3] {
    [("model", model), ("version", version), ("feature", &feature.name)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(features: Vec<FeatureSamples>) -> String {
        let mut page = Page::default();
        write(&mut page, &[("fraud", "3", FeatureFamilies { features, ..FeatureFamilies::default() })]);
        page.into_text()
    }

    #[test]
    fn a_name_of_a_feature_cannot_break_out_of_its_label() {
        let feature = FeatureSamples {
            name: "a\"b\\c".to_owned(),
            missing_rows: 7,
            psi: Some(0.25),
            refused: vec![("range", 2)],
            quantiles: vec![(0.5, 1.5)],
            ..FeatureSamples::default()
        };
        let text = text(vec![feature]);
        let labels = r#"model="fraud",version="3",feature="a\"b\\c""#;
        for line in [
            format!("penstock_feature_missing_rows_total{{{labels}}} 7\n"),
            format!("penstock_feature_psi{{{labels}}} 0.25\n"),
            format!("penstock_feature_refused_requests_total{{{labels},reason=\"range\"}} 2\n"),
            format!("penstock_feature_quantile{{{labels},quantile=\"0.5\"}} 1.5\n"),
        ] {
            assert!(text.contains(&line), "{line} is not in {text}");
        }
    }

    #[test]
    fn what_is_not_known_has_no_sample() {
        let text = text(vec![FeatureSamples::default()]);
        assert!(
            !text.contains("penstock_feature_psi{") && !text.contains("penstock_feature_mean{"),
            "{text}"
        );
    }

    #[test]
    fn a_process_without_features_shows_none_of_it() {
        let mut page = Page::default();
        write(&mut page, &[]);
        assert_eq!(page.into_text(), "");
    }
}

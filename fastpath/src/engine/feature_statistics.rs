//! What a version's statistics of features say, to a scrape and as a `penstock.v1.GetFeatureStatisticsResponse`.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Version;
use crate::features::statistics::{FeatureReading, FeatureStatistics, Figures, RefusedFor, Span, ratio};
use crate::metrics::feature::{FeatureFamilies, FeatureSamples, FeatureSource};
use crate::spec::error::nearest;
use crate::spec::model::MAX_NAME_BYTES;
use crate::wire::Writer;

/// The statistics of one version with the names of its features.
pub(super) struct Source {
    statistics: Arc<FeatureStatistics>,
    names: Vec<String>,
}

impl Source {
    pub fn of(version: &Version) -> Option<Self> {
        let statistics = Arc::clone(version.statistics.as_ref()?);
        let fields = version.model.program.iter().flat_map(|program| &program.fields);
        Some(Self { statistics, names: fields.map(|field| field.name.clone()).collect() })
    }
}

impl FeatureSource for Source {
    fn features(&self, now: Instant) -> FeatureFamilies {
        let reading = self.statistics.read(now);
        FeatureFamilies {
            rows: reading.since_load.rows,
            sampled_rows: reading.since_load.sampled_rows,
            dropped_rows: reading.dropped_rows,
            sample_ratio: 1.0 / f64::from(reading.every),
            features: self.names.iter().zip(&reading.features).map(|(name, of)| samples(name, of)).collect(),
        }
    }
}

fn samples(name: &str, reading: &FeatureReading) -> FeatureSamples {
    let FeatureReading { since_load, window, refused, .. } = reading;
    let reasons = RefusedFor::ALL.iter().zip(refused).map(|((_, reason), count)| (*reason, *count));
    FeatureSamples {
        name: name.to_owned(),
        missing_rows: since_load.counts.defaults,
        values: since_load.counts.values,
        unknown_values: since_load.counts.unknown,
        out_of_range_values: since_load.counts.out_of_range,
        not_finite_values: since_load.counts.not_finite,
        refused: reasons.filter(|(_, count)| *count > 0).collect(),
        mean: window.mean,
        quantiles: window.quantiles.iter().map(|quantile| (quantile.p, quantile.value)).collect(),
        psi: window.drift.map(|drift| drift.psi),
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoStatistics {
    NoFeatures { model: String },
    Off,
    UnknownFeature { model: String, feature: String, nearest: Option<String> },
}

impl fmt::Display for NoStatistics {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoFeatures { model } => {
                write!(out, "Model {model:?} has no features, so there are no statistics of them.")
            }
            Self::Off => out.write_str(
                "Statistics of features are switched off; set feature_statistics_every to 1 or more.",
            ),
            Self::UnknownFeature { model, feature, nearest } => {
                write!(out, "Feature {feature:?} is not a feature of model {model:?}")?;
                match nearest {
                    Some(name) => write!(out, "; did you mean {name:?}?"),
                    None => out.write_str("."),
                }
            }
        }
    }
}

impl Version {
    /// The answer to a question for some features, or for all where none is named.
    ///
    /// # Errors
    /// There is nothing to answer with.
    pub fn feature_statistics(&self, wanted: &[String], now: Instant) -> Result<Vec<u8>, NoStatistics> {
        let model = || self.model.spec.name.clone();
        let program =
            self.model.program.as_ref().ok_or_else(|| NoStatistics::NoFeatures { model: model() })?;
        let statistics = self.statistics.as_ref().ok_or(NoStatistics::Off)?;
        let known = || program.fields.iter().map(|field| field.name.as_str());
        if let Some(unknown) = wanted.iter().find(|name| !known().any(|known| known == name.as_str())) {
            let feature = unknown.chars().take(MAX_NAME_BYTES).collect();
            let nearest = nearest(unknown, known()).map(str::to_owned);
            return Err(NoStatistics::UnknownFeature { model: model(), feature, nearest });
        }
        let reading = statistics.read(now);
        let mut out = Writer::default();
        out.string(1, &self.model.spec.name);
        out.string(2, &self.version_text);
        out.uint64(3, u64::from(reading.every));
        out.uint64(4, reading.dropped_rows);
        out.bytes(5, &span(reading.since_load));
        out.bytes(6, &span(reading.window));
        out.uint64(7, reading.baseline_rows.unwrap_or(0));
        for (field, of) in program.fields.iter().zip(&reading.features) {
            if wanted.is_empty() || wanted.contains(&field.name) {
                out.bytes(8, &feature(&field.name, &field.type_name(), of));
            }
        }
        Ok(out.into_vec())
    }
}

fn span(span: Span) -> Vec<u8> {
    let mut out = Writer::default();
    out.double(1, seconds(span.duration));
    out.uint64(2, span.rows);
    out.uint64(3, span.sampled_rows);
    out.into_vec()
}

fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}

fn feature(name: &str, kind: &str, reading: &FeatureReading) -> Vec<u8> {
    let mut out = Writer::default();
    out.string(1, name);
    out.string(2, kind);
    out.bytes(3, &figures(&reading.since_load));
    out.bytes(4, &figures(&reading.window));
    if let Some(training) = &reading.training {
        out.bytes(5, &figures(training));
    }
    let mut refused = Writer::default();
    for (number, count) in (1..).zip(reading.refused) {
        refused.uint64(number, count);
    }
    out.bytes(6, refused.as_slice());
    out.into_vec()
}

fn figures(figures: &Figures) -> Vec<u8> {
    let counts = figures.counts;
    let with = figures.rows - counts.defaults;
    let mut out = Writer::default();
    let numbers = [
        figures.rows,
        counts.defaults,
        counts.values,
        counts.unknown,
        counts.out_of_range,
        counts.clipped,
        counts.outside_boundaries,
        counts.outside_training,
        counts.not_finite,
    ];
    for (number, count) in (1..).zip(numbers) {
        out.uint64(number, count);
    }
    let ratios = [
        figures.missing_ratio,
        ratio(counts.defaults, figures.rows),
        ratio(counts.unknown, counts.values),
        ratio(counts.out_of_range, counts.values),
        ratio(counts.sent, with),
    ];
    for (number, ratio) in (10..).zip(ratios) {
        if ratio != 0.0 {
            out.double(number, ratio);
        }
    }
    for (number, value) in (15..).zip([figures.mean, figures.min, figures.max]) {
        // Optional in the message: 0 is written too.
        if let Some(value) = value {
            out.double(number, value);
        }
    }
    for quantile in &figures.quantiles {
        let mut point = Writer::default();
        point.double(1, quantile.p);
        point.double(2, quantile.value);
        out.bytes(18, point.as_slice());
    }
    if let Some(drift) = figures.drift {
        let mut message = Writer::default();
        message.double(1, drift.psi);
        message.double(2, drift.by_chance);
        message.uint64(3, drift.rows);
        out.bytes(19, message.as_slice());
    }
    out.into_vec()
}

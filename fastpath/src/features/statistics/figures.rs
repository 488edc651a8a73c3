//! From what was seen of a feature to what people read: means, quantiles, shares, and the distance from training.

use super::baseline::{Distribution, FeatureBaseline, Quantile};
use super::psi::{MIN_ROWS, by_chance, psi};
use super::tally::{Counts, FieldTally};

/// The quantiles that are told.
pub const PROBABILITIES: [f64; 7] = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99];

/// What one feature was like in some span of time, or in training.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// Rows that were looked at.
    pub rows: u64,
    pub counts: Counts,
    /// Of all rows that came, the refused ones too: the share that lacked the feature.
    pub missing_ratio: f64,
    /// None of the following where the feature is not numeric, or had no finite value.
    pub mean: Option<f64>,
    pub min: Option<f64>,
    pub max: Option<f64>,
    pub quantiles: Vec<Quantile>,
    pub drift: Option<Drift>,
}

/// How far a feature is from what training saw.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drift {
    /// The population stability index.
    pub psi: f64,
    /// What the index would be on average by chance alone.
    pub by_chance: f64,
    /// Rows that it rests on: those with the feature.
    pub rows: u64,
}

/// Rows that came, exactly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Came {
    /// Rows that were decoded.
    pub rows: u64,
    /// Calls that were refused because a row lacked this feature.
    pub refused_missing: u64,
}

impl Figures {
    /// Of `rows` rows that were looked at.
    #[must_use]
    pub fn of(rows: u64, tally: &FieldTally, came: Came, training: Option<&FeatureBaseline>) -> Self {
        let counts = tally.counts;
        let ranks = tally.sketch.as_ref().map(|sketch| (sketch.ranks(), sketch.range(), sketch.count()));
        let (mut mean, mut range, mut quantiles) = (None, None, Vec::new());
        if let Some((ranks, seen, count)) = ranks
            && count > 0
        {
            mean = Some(tally.sum / count as f64);
            range = seen;
            let quantile = |p: f64| ranks.quantile(p).map(|value| Quantile { p, value });
            quantiles = PROBABILITIES.into_iter().filter_map(quantile).collect();
        }
        Self {
            rows,
            counts,
            missing_ratio: missing_ratio(rows, counts.defaults, came),
            mean,
            min: range.map(|(min, _)| min),
            max: range.map(|(_, max)| max),
            quantiles,
            drift: training.and_then(|training| Drift::of(rows - counts.defaults, &tally.bins, training)),
        }
    }

    /// What training saw, in `rows` rows.
    #[must_use]
    pub fn of_training(rows: u64, training: &FeatureBaseline) -> Self {
        let counts = Counts {
            defaults: training.missing,
            sent: training.sent,
            values: training.values,
            unknown: training.unknown,
            out_of_range: training.out_of_range,
            clipped: training.clipped,
            outside_boundaries: training.outside_boundaries,
            outside_training: 0,
            not_finite: training.not_finite,
        };
        let numbers = match &training.distribution {
            Distribution::Numbers(numbers) => numbers.clone(),
            Distribution::Categories(_) => super::baseline::Numbers::default(),
        };
        Self {
            rows,
            counts,
            missing_ratio: ratio(training.missing, rows),
            mean: numbers.mean,
            min: numbers.min,
            max: numbers.max,
            quantiles: numbers.quantiles,
            drift: None,
        }
    }
}

impl Drift {
    /// None where too few rows had the feature, now or in training.
    fn of(rows: u64, now: &[u64], training: &FeatureBaseline) -> Option<Self> {
        let bins = training.distribution.bins();
        let trained: u64 = bins.iter().sum();
        (rows >= MIN_ROWS && trained > 0 && now.iter().sum::<u64>() > 0).then(|| Self {
            psi: psi(&bins, now),
            by_chance: by_chance(&bins, now),
            rows,
        })
    }
}

impl Distribution {
    /// Values of training in each bin, in the order of the plan's.
    fn bins(&self) -> Vec<u64> {
        match self {
            Self::Numbers(numbers) => numbers.counts.clone(),
            Self::Categories(categories) => {
                categories.common.iter().map(|common| common.count).chain([categories.rest]).collect()
            }
        }
    }
}

/// A part of a whole; 0 where there is nothing.
#[must_use]
pub fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Rows that were decoded had the default; what was refused is counted exactly.
fn missing_ratio(rows: u64, defaults: u64, came: Came) -> f64 {
    let decoded = came.rows.max(rows) as f64;
    let refused = came.refused_missing as f64;
    let all = decoded + refused;
    if all == 0.0 { 0.0 } else { (ratio(defaults, rows) * decoded + refused) / all }
}

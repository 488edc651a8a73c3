//! Makes a baseline of training rows, by what looks at rows while serving.

use std::collections::BTreeMap;

use parking_lot::Mutex;

use super::baseline::{Baseline, Categories, Common, Distribution, FeatureBaseline, Fingerprint, Numbers};
use super::figures::{Came, Figures};
use super::plan::Plan;
use super::sent::{Observer, SentRows};
use super::tally::{FieldTally, Precision, Tally};
use crate::features::program::{Bits, Program};

/// Ranks are off by 0.07 % and common values' counts by 0.1 %: far less than drift that matters, at 100 kB a feature.
const PRECISION: Precision = Precision { sketch: 4_096, frequent: 1_024 };
/// Numbers are compared by tenths, as credit scoring does.
const NUMBER_BINS: u32 = 10;
/// Common values that are compared one by one.
const COMMON: usize = 31;

/// Looks at every row of training data.
#[derive(Clone, Debug)]
pub struct Recorder {
    plan: Plan,
    tally: Tally,
    seen: Bits,
}

impl Recorder {
    #[must_use]
    pub fn new(program: &Program) -> Self {
        let plan = Plan::new(program, None);
        let tally = Tally::new(&plan, PRECISION);
        Self { plan, tally, seen: Bits::new(program.fields.len()) }
    }

    /// Looks at all rows of a request.
    pub fn record(&mut self, sent: &SentRows<'_, '_>) {
        for row in 0..sent.rows {
            self.tally.look(&self.plan, sent, row, &mut self.seen);
        }
    }

    /// Adds what another recorder of the same program saw.
    pub fn merge(&mut self, other: &Self) {
        self.tally.merge(&other.tally);
    }

    /// Rows that were looked at.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.tally.rows
    }

    /// What it has seen.
    #[must_use]
    pub fn baseline(&self, program: &Program) -> Baseline {
        let rows = self.tally.rows;
        let features = program.fields.iter().zip(&self.tally.fields).map(|(field, tally)| {
            let counts = tally.counts;
            let feature = FeatureBaseline {
                kind: field.type_name(),
                missing: counts.defaults,
                sent: counts.sent,
                values: counts.values,
                unknown: counts.unknown,
                out_of_range: counts.out_of_range,
                clipped: counts.clipped,
                outside_boundaries: counts.outside_boundaries,
                not_finite: counts.not_finite,
                distribution: distribution(rows, tally),
            };
            (field.name.clone(), feature)
        });
        Baseline::new(rows, features.collect::<BTreeMap<_, _>>())
    }
}

impl Observer for Mutex<Recorder> {
    fn observe(&self, sent: &SentRows<'_, '_>) {
        self.lock().record(sent);
    }
}

fn distribution(rows: u64, tally: &FieldTally) -> Distribution {
    match (&tally.sketch, &tally.frequent) {
        (Some(_), _) => Distribution::Numbers(numbers(rows, tally)),
        (None, Some(frequent)) => {
            let common: Vec<Common> = frequent
                .top(COMMON)
                .into_iter()
                .map(|(value, count)| Common { fingerprint: Fingerprint(value), count })
                .collect();
            let told: u64 = common.iter().map(|common| common.count).sum();
            Distribution::Categories(Categories { common, rest: tally.counts.values.saturating_sub(told) })
        }
        (None, None) => Distribution::Categories(Categories::default()),
    }
}

fn numbers(rows: u64, tally: &FieldTally) -> Numbers {
    let Figures { mean, min, max, quantiles, .. } = Figures::of(rows, tally, Came::default(), None);
    let Some(sketch) = &tally.sketch else { return Numbers::default() };
    let ranks = sketch.ranks();
    let mut edges: Vec<f64> = Vec::new();
    for part in 1..NUMBER_BINS {
        let edge = ranks.quantile(f64::from(part) / f64::from(NUMBER_BINS));
        // A value that is common enough takes several tenths; nothing lies above the largest.
        if let Some(edge) = edge
            && edges.last().is_none_or(|last| edge > *last)
            && max.is_some_and(|max| edge < max)
        {
            edges.push(edge);
        }
    }
    let mut below = 0;
    let at_most = edges.iter().map(|edge| ranks.at_most(*edge)).chain([sketch.count()]);
    let counts = at_most
        .map(|at_most| {
            let count = at_most - below;
            below = at_most;
            count
        })
        .collect();
    Numbers { mean, min, max, quantiles, edges, counts }
}

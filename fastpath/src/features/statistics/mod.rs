//! Statistics of each feature: what rows look like while a model serves, and what training looked like.
//!
//! `sent` is a request's rows as they came, `sampler` draws the rows that are looked at, `plan` says what is looked at in
//! each feature and `tally` what has been seen: counts, a `sketch` of quantiles, the `frequent` values. `live` keeps
//! tallies while a version serves; `recorder` makes a `baseline` of training data, from which `psi` measures the
//! distance; `figures` are what people read (docs/feature-statistics.md).

mod baseline;
mod figures;
mod frequent;
mod live;
mod plan;
mod psi;
mod recorder;
mod sampler;
mod sent;
mod sketch;
mod tally;

pub use baseline::{Baseline, FILE as BASELINE_FILE, Quantile};
pub use figures::{Drift, Figures, PROBABILITIES, ratio};
pub use live::{FeatureReading, FeatureStatistics, Reading, Refused, RefusedFor, Span};
pub use psi::MIN_ROWS as MIN_PSI_ROWS;
pub use recorder::Recorder;
pub use sent::{Observer, SentRows, Watch};
pub use tally::Counts;

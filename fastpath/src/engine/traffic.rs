//! How the calls of a model are shared among its versions: labels that stand for versions, the version that answers calls
//! which name none, and a canary that gets a share of those.
//!
//! What is said (`Traffic`) is worked out once for the versions that serve (`Defaults`), so that a call of a model
//! without a canary pays for one comparison.

use std::cell::Cell;
use std::collections::BTreeMap;

use crate::features::hash::xxh3_64;
use crate::spec::model::MAX_NAME_BYTES;
use crate::spec::versions::{STABLE, is_label};
use crate::status::Status;

/// 2^64 divided by the golden ratio, made odd. Its multiples fill a circle evenly, and so do those of any multiple of it:
/// each model gets an even spread where a thread deals calls of several in turns.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// What somebody said of a model's traffic.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Traffic {
    pub labels: BTreeMap<String, u64>,
    pub canary: Option<Canary>,
}

/// A version that gets a share of the calls that name no version.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Canary {
    pub version: u64,
    /// 0 to 1.
    pub weight: f64,
}

/// What a call means by its version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked<'a> {
    Default,
    Number(u64),
    Label(&'a str),
}

impl<'a> Asked<'a> {
    /// # Errors
    /// `InvalidArgument`: neither a number nor a label.
    pub fn parse(version: &'a str) -> Result<Self, Status> {
        if version.is_empty() {
            return Ok(Self::Default);
        }
        if is_label(version) {
            return Ok(Self::Label(version));
        }
        let number = version.parse::<u64>().ok().filter(|number| number.to_string() == version);
        number.map(Self::Number).ok_or_else(|| {
            Status::invalid(
                "model_version",
                format!(
                    "Version {:?} is neither a version number nor a label; send a decimal number, a label, or nothing for the default.",
                    shorten(version)
                ),
            )
        })
    }
}

impl Traffic {
    /// The version that a label stands for.
    #[must_use]
    pub fn labelled(&self, label: &str) -> Option<u64> {
        self.labels.get(label).copied()
    }

    /// The version that answers calls which name none, of the numbers that serve (the lowest first): what the label
    /// `stable` says, else the highest that is not tried out. It need not serve where the label says it.
    pub fn stable(&self, serving: impl DoubleEndedIterator<Item = u64>) -> Option<u64> {
        let canary = self.canary.map(|canary| canary.version);
        self.labelled(STABLE).or_else(|| serving.rev().find(|number| Some(*number) != canary))
    }

    /// Who answers calls that name no version, of those that serve.
    #[must_use]
    pub fn defaults<T: Clone>(&self, name: &str, serving: &BTreeMap<u64, T>) -> Defaults<T> {
        let stable = self.stable(serving.keys().copied()).and_then(|number| serving.get(&number));
        let canary = self.canary.and_then(|canary| {
            let share = Share::of(canary.weight);
            let version = serving.get(&canary.version).filter(|_| share != Share::NONE)?;
            Some(Trial { version: version.clone(), share, seed: xxh3_64(name.as_bytes(), 0) })
        });
        Defaults { stable: stable.cloned(), canary }
    }

    /// Of each version that serves, its share of the calls that name none.
    pub fn shares(
        &self,
        serving: impl DoubleEndedIterator<Item = u64> + Clone,
    ) -> impl Iterator<Item = (u64, f64)> {
        let canary = self.canary.filter(|canary| serving.clone().any(|number| number == canary.version));
        let stable = self.stable(serving.clone());
        let tried_out = canary.map_or(0.0, |canary| canary.weight);
        serving.map(move |number| match canary {
            Some(canary) if canary.version == number => (number, tried_out),
            _ if stable == Some(number) => (number, 1.0 - tried_out),
            _ => (number, 0.0),
        })
    }
}

/// Who answers calls that name no version.
#[derive(Clone, Debug)]
pub struct Defaults<T> {
    stable: Option<T>,
    /// None where it does not serve, or gets nothing.
    canary: Option<Trial<T>>,
}

impl<T> Default for Defaults<T> {
    fn default() -> Self {
        Self { stable: None, canary: None }
    }
}

#[derive(Clone, Debug)]
struct Trial<T> {
    version: T,
    share: Share,
    /// Sets the callers of each model apart: who meets the canary of one need not meet that of another.
    seed: u64,
}

impl<T> Defaults<T> {
    /// The stable version, for whoever asks about the model.
    #[must_use]
    pub fn stable(&self) -> Option<&T> {
        self.stable.as_ref()
    }

    /// The version for a call. Calls with the same key meet the same version while the weight is unchanged, and a
    /// greater weight moves keys to the canary and none away; calls without one are dealt evenly.
    #[inline]
    #[must_use]
    pub fn for_call(&self, key: &str) -> Option<&T> {
        match &self.canary {
            Some(trial) if trial.takes(key) => Some(&trial.version),
            None | Some(_) => self.stable.as_ref(),
        }
    }
}

impl<T> Trial<T> {
    fn takes(&self, key: &str) -> bool {
        let point = if key.is_empty() { next_point() } else { xxh3_64(key.as_bytes(), self.seed) };
        self.share.takes(point)
    }
}

/// A share of all 64-bit numbers, the lowest ones, in steps of 2^-53.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Share(u64);

impl Share {
    const NONE: Self = Self(0);
    const BITS: u32 = 53;

    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of 0 to 2^53")]
    fn of(weight: f64) -> Self {
        Self((weight.clamp(0.0, 1.0) * (1_u64 << Self::BITS) as f64) as u64)
    }

    fn takes(self, point: u64) -> bool {
        point >> (u64::BITS - Self::BITS) < self.0
    }
}

/// The next of the points that this thread deals calls by.
fn next_point() -> u64 {
    thread_local! {
        static POINT: Cell<u64> = const { Cell::new(0) };
    }
    let point = POINT.get().wrapping_add(STEP);
    POINT.set(point);
    point
}

/// The front of a text that a caller sent, for a message.
pub(super) fn shorten(text: &str) -> String {
    text.chars().take(MAX_NAME_BYTES).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MODEL: &str = "fraud";

    fn traffic(labels: &[(&str, u64)], canary: Option<(u64, f64)>) -> Traffic {
        let labels = labels.iter().map(|(label, version)| ((*label).to_owned(), *version)).collect();
        Traffic { labels, canary: canary.map(|(version, weight)| Canary { version, weight }) }
    }

    fn serving(numbers: &[u64]) -> BTreeMap<u64, u64> {
        numbers.iter().map(|number| (*number, *number)).collect()
    }

    /// Of versions 7 and 8, with a canary of this weight.
    fn tried_out(weight: f64) -> Defaults<u64> {
        traffic(&[], Some((8, weight))).defaults(MODEL, &serving(&[7, 8]))
    }

    fn choose(defaults: &Defaults<u64>, key: &str) -> Option<u64> {
        defaults.for_call(key).copied()
    }

    #[test]
    fn the_stable_label_answers_by_default_and_else_the_highest_that_is_not_tried_out() {
        let stable = |traffic: Traffic, numbers: &[u64]| traffic.defaults(MODEL, &serving(numbers)).stable;
        assert_eq!(stable(traffic(&[], None), &[2, 10, 9]), Some(10));
        assert_eq!(stable(traffic(&[("stable", 9)], None), &[2, 10, 9]), Some(9));
        assert_eq!(stable(traffic(&[("other", 9)], None), &[2, 10, 9]), Some(10));
        assert_eq!(stable(traffic(&[], Some((10, 0.5))), &[2, 10, 9]), Some(9));
        // Somebody said which version is safe: no other one stands in.
        assert_eq!(stable(traffic(&[("stable", 9)], None), &[2, 10]), None);
        assert_eq!(stable(traffic(&[], Some((10, 0.0))), &[10]), None);
    }

    #[test]
    fn a_canary_that_does_not_serve_gets_nothing() {
        let defaults = traffic(&[], Some((8, 1.0))).defaults(MODEL, &serving(&[7]));
        assert_eq!((choose(&defaults, ""), choose(&defaults, "key")), (Some(7), Some(7)));
    }

    #[test]
    fn all_and_nothing_are_exact() {
        for round in 0..1000 {
            let key = round.to_string();
            assert_eq!((choose(&tried_out(0.0), &key), choose(&tried_out(0.0), "")), (Some(7), Some(7)));
            assert_eq!((choose(&tried_out(1.0), &key), choose(&tried_out(1.0), "")), (Some(8), Some(8)));
        }
    }

    #[test]
    fn callers_of_one_models_canary_are_not_those_of_anothers() {
        let both = |model: &str| traffic(&[], Some((8, 0.5))).defaults(model, &serving(&[7, 8]));
        let (one, other) = (both("fraud"), both("ranking"));
        let keys: Vec<_> = (0..10_000).map(|key| key.to_string()).collect();
        let same = keys.iter().filter(|key| choose(&one, key) == choose(&other, key)).count();
        assert!((4_700..5_300).contains(&same), "{same}");
    }

    #[test]
    fn what_a_version_is_asked_for_by_is_a_number_a_label_or_nothing() {
        assert_eq!(Asked::parse(""), Ok(Asked::Default));
        assert_eq!(Asked::parse("17"), Ok(Asked::Number(17)));
        assert_eq!(Asked::parse("stable"), Ok(Asked::Label("stable")));
        assert_eq!(Asked::parse("2x"), Ok(Asked::Label("2x")));
        for text in ["+2", "02", "-1", "../1", "a b", "99999999999999999999", &"x".repeat(129)] {
            let status = Asked::parse(text).unwrap_err();
            assert_eq!(status.field.as_deref(), Some("model_version"), "{text}");
            assert!(status.message.len() < 400);
        }
    }

    proptest! {
        #[test]
        fn calls_without_a_key_are_dealt_evenly(weight in 0.0..=1.0_f64, calls in 1_u32..5_000) {
            let defaults = tried_out(weight);
            let canary = (0..calls).filter(|_| choose(&defaults, "") == Some(8)).count();
            let away = (canary as f64 - weight * f64::from(calls)).abs();
            // The discrepancy of such a sequence grows with the logarithm of its length.
            prop_assert!(away <= 2.0 + 2.0 * f64::from(calls).ln(), "{canary} of {calls} at {weight}");
        }

        #[test]
        fn calls_dealt_in_turns_with_another_models_are_even_too(weight in 0.05..=0.95_f64, others in 1_usize..5) {
            let (mine, theirs) = (tried_out(weight), tried_out(0.5));
            let deal = |_: &u32| {
                for _ in 0..others {
                    choose(&theirs, "");
                }
                choose(&mine, "") == Some(8)
            };
            let canary = (0..4_000_u32).filter(deal).count() as f64;
            prop_assert!((canary / 4_000.0 - weight).abs() < 0.01, "{canary} of 4000 at {weight}");
        }

        #[test]
        fn keys_fall_to_the_canary_by_its_weight(weight in 0.0..=1.0_f64, salt in any::<u32>()) {
            let defaults = tried_out(weight);
            let keys = 20_000;
            let taken = (0..keys).filter(|key| choose(&defaults, &format!("{salt}-{key}")) == Some(8)).count();
            // Five standard deviations of 20,000 draws.
            prop_assert!((taken as f64 / f64::from(keys) - weight).abs() < 0.018, "{taken} at {weight}");
        }

        #[test]
        fn a_key_meets_one_version_and_a_greater_weight_only_moves_keys_to_the_canary(
            key in ".{1,40}",
            weights in prop::collection::vec(0.0..=1.0_f64, 2..8),
        ) {
            let mut weights = weights;
            weights.sort_by(f64::total_cmp);
            let met: Vec<_> = weights.iter().map(|weight| choose(&tried_out(*weight), &key)).collect();
            prop_assert!(met.is_sorted(), "{key:?}: {met:?} at {weights:?}");
            let again: Vec<_> = weights.iter().map(|weight| choose(&tried_out(*weight), &key)).collect();
            prop_assert_eq!(met, again);
        }

        #[test]
        fn shares_add_up_to_all_calls_where_the_stable_version_serves(
            numbers in prop::collection::btree_set(1_u64..20, 2..6),
            weight in 0.0..=1.0_f64,
        ) {
            let canary = *numbers.iter().next_back().unwrap();
            let shares: Vec<_> = traffic(&[], Some((canary, weight))).shares(numbers.iter().copied()).collect();
            prop_assert_eq!(shares.len(), numbers.len());
            prop_assert!((shares.iter().map(|(_, share)| share).sum::<f64>() - 1.0).abs() < 1e-12);
            prop_assert_eq!(shares.last(), Some(&(canary, weight)));
        }
    }
}

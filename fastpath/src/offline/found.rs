//! From what was seen of the training rows to an operation's parameters.

use super::moments::Moments;
use super::probe::Seen;
use super::quantiles::{quantile, quantile_boundaries, uniform_boundaries};
use crate::features::tally::Counts;
use crate::spec::fit_text::{BucketsBy, Fit, VocabFit, VocabOrder};
use crate::spec::text::OpText;

/// The operation with its parameters, or what is wrong. Not for vocabularies.
pub(super) fn fitted(op: &OpText, seen: Seen) -> Result<OpText, String> {
    let mut op = op.clone();
    match (&mut op, seen) {
        (OpText::Standardize { mean, std, .. }, Seen::Moments(moments)) => {
            let moments = some(moments)?;
            // A constant is left as it is, less its mean, as by scikit-learn's StandardScaler.
            let deviation = Some(moments.std()).filter(|std| *std > 0.0).unwrap_or(1.0);
            (*mean, *std) = (Some(moments.mean), Some(deviation));
        }
        (OpText::MinMax { min, max, .. }, Seen::Moments(moments)) => {
            let Moments { min: low, max: high, .. } = some(moments)?;
            // A constant becomes 0, as by scikit-learn's MinMaxScaler.
            let high = if high > low { high } else { (low + 1.0).max(low.next_up()) };
            (*min, *max) = (Some(low), Some(high));
        }
        (OpText::Clip { min, max, fit: Some(Fit(fit)) }, Seen::Values(mut values)) => {
            if !(0.0 <= fit.low && fit.low <= fit.high && fit.high <= 1.0) {
                return Err(format!(
                    "fit has low = {} and high = {}; they must be shares from 0 to 1, low not above high",
                    fit.low, fit.high
                ));
            }
            let sorted = sort(&mut values)?;
            (*min, *max) = (Some(quantile(sorted, fit.low)), Some(quantile(sorted, fit.high)));
        }
        (OpText::Quantile { quantiles, fit: Some(Fit(fit)), .. }, Seen::Values(mut values)) => {
            if !(2..=65_536).contains(&fit.count) {
                return Err(format!("fit has count = {}; it must be 2 to 65536", fit.count));
            }
            let sorted = sort(&mut values)?;
            let last = (fit.count as usize).min(sorted.len()).max(2) - 1;
            let shares = (0..=last).map(|place| place as f64 / last as f64);
            *quantiles = Some(shares.map(|share| quantile(sorted, share)).collect());
        }
        (OpText::Bucketize { boundaries, fit: Some(Fit(fit)) }, seen) => {
            if !(2..=65_536).contains(&fit.buckets) {
                return Err(format!("fit has buckets = {}; it must be 2 to 65536", fit.buckets));
            }
            *boundaries = Some(match seen {
                Seen::Moments(moments) if fit.by == BucketsBy::Uniform => {
                    let moments = some(moments)?;
                    uniform_boundaries(moments.min, moments.max, fit.buckets)
                }
                Seen::Values(mut values) => quantile_boundaries(sort(&mut values)?, fit.buckets),
                _ => return Err("nothing was seen".to_owned()),
            });
        }
        _ => return Err("nothing was seen".to_owned()),
    }
    Ok(op)
}

fn some(moments: Moments) -> Result<Moments, String> {
    if moments.count == 0 { Err("there is no value to fit it to".to_owned()) } else { Ok(moments) }
}

fn sort(values: &mut [f64]) -> Result<&[f64], String> {
    if values.is_empty() {
        return Err("there is no value to fit it to".to_owned());
    }
    values.sort_unstable_by(f64::total_cmp);
    Ok(values)
}

/// A vocabulary's values in their order. Bytes that are not UTF-8 have no place in one.
pub(super) fn vocabulary(counts: Counts, fit: VocabFit) -> Result<Vec<toml::Value>, String> {
    let Counts { texts, ints } = counts;
    let values = match (texts.is_empty(), ints.is_empty()) {
        (false, false) => {
            return Err("the file is shared by text and integers; give each a file of its own".to_owned());
        }
        (_, true) => {
            let texts = texts.into_iter().filter_map(|(text, count)| {
                String::from_utf8(text.into_vec()).ok().map(|text| (text, count))
            });
            listed(texts.collect(), fit).into_iter().map(toml::Value::String).collect()
        }
        _ => listed(ints.into_iter().collect(), fit).into_iter().map(toml::Value::Integer).collect(),
    };
    let values: Vec<toml::Value> = values;
    if values.is_empty() {
        return Err(format!("no value is there {} times or more", fit.min_count.max(1)));
    }
    Ok(values)
}

fn listed<V: Ord>(counts: Vec<(V, u64)>, fit: VocabFit) -> Vec<V> {
    let mut kept: Vec<(V, u64)> = counts.into_iter().filter(|(_, count)| *count >= fit.min_count).collect();
    kept.sort_unstable_by(|(left, many), (right, more)| more.cmp(many).then_with(|| left.cmp(right)));
    kept.truncate(fit.max_size.map_or(usize::MAX, |size| usize::try_from(size).unwrap_or(usize::MAX)));
    let mut values: Vec<V> = kept.into_iter().map(|(value, _)| value).collect();
    if fit.order == VocabOrder::Value {
        values.sort_unstable();
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(texts: &[(&str, u64)]) -> Counts {
        let mut counts = Counts::default();
        counts.texts.extend(texts.iter().map(|(text, count)| (text.as_bytes().into(), *count)));
        counts
    }

    fn words(fit: VocabFit) -> Result<Vec<String>, String> {
        let counts = counts(&[("c", 2), ("b", 5), ("a", 2), ("rare", 1)]);
        vocabulary(counts, fit)
            .map(|values| values.iter().filter_map(|value| value.as_str().map(str::to_owned)).collect())
    }

    #[test]
    fn frequent_values_come_first_and_equally_frequent_ones_by_value() {
        assert_eq!(words(VocabFit::default()).unwrap(), ["b", "a", "c", "rare"]);
        assert_eq!(words(VocabFit { min_count: 2, ..VocabFit::default() }).unwrap(), ["b", "a", "c"]);
        assert_eq!(words(VocabFit { max_size: Some(2), ..VocabFit::default() }).unwrap(), ["b", "a"]);
        let by_value = VocabFit { order: VocabOrder::Value, max_size: Some(3), ..VocabFit::default() };
        assert_eq!(words(by_value).unwrap(), ["a", "b", "c"]);
        assert!(words(VocabFit { min_count: 9, ..VocabFit::default() }).unwrap_err().contains("9 times"));
    }
}

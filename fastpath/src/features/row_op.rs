//! Operations that take the values of one row together: reductions of lists, vectors, and the columns of an id.
//!
//! Sums are added from the first value to the last, so that every machine computes the same bits.

use smallvec::SmallVec;

use super::fault::{Fault, FaultKind};
use super::number::{Number, NumberOp};
use super::pipeline::Element;

/// The values of one row between two operations.
pub(super) type Numbers = SmallVec<[Number; 16]>;

/// An operation on the values of a row, and the number operations on each of its results.
#[derive(Clone, Debug)]
pub struct RowStep {
    pub op: RowOp,
    pub then: Vec<NumberOp>,
}

/// docs/feature-operations.md gives the formulas.
#[derive(Clone, Debug, PartialEq)]
pub enum RowOp {
    Sum,
    /// `empty` here and below: of no values.
    Mean {
        empty: f64,
    },
    Max {
        empty: Number,
    },
    Min {
        empty: Number,
    },
    Length,
    L2Normalize {
        epsilon: f64,
    },
    OneHot {
        size: usize,
        ignore_unknown: bool,
    },
    FeatureHasher {
        columns: usize,
        alternate_sign: bool,
    },
}

/// The numbers through all steps into `out`, an element each.
pub(super) fn put(
    steps: &[RowStep],
    mut numbers: Numbers,
    element: Element,
    out: &mut [u8],
) -> Result<(), Fault> {
    for (place, step) in steps.iter().enumerate() {
        match (&step.op, &*numbers) {
            // The usual end, without a number for every column.
            (RowOp::OneHot { size, ignore_unknown }, [id])
                if place + 1 == steps.len() && step.then.is_empty() =>
            {
                out.fill(0);
                let Some(column) = hot(*id, *size, *ignore_unknown)? else { return Ok(()) };
                let from = column * element.size_bytes();
                return element.write(Number::Int(1), out.get_mut(from..).unwrap_or_default());
            }
            _ => numbers = step.op.apply(&numbers)?,
        }
        for number in &mut numbers {
            for op in &step.then {
                *number = op.apply(*number)?;
            }
        }
    }
    for (number, out) in numbers.iter().zip(out.chunks_exact_mut(element.size_bytes())) {
        element.write(*number, out)?;
    }
    Ok(())
}

impl RowOp {
    fn apply(&self, numbers: &[Number]) -> Result<Numbers, Fault> {
        let one = |number| Numbers::from_elem(number, 1);
        Ok(match self {
            Self::Sum => one(sum(numbers)?),
            Self::Mean { empty } if numbers.is_empty() => one(Number::Float(*empty)),
            Self::Mean { .. } => one(Number::Float(float_sum(numbers) / numbers.len() as f64)),
            Self::Max { empty } => one(extreme(numbers, |number, best| number > best).unwrap_or(*empty)),
            Self::Min { empty } => one(extreme(numbers, |number, best| number < best).unwrap_or(*empty)),
            Self::Length => one(Number::Int(numbers.len() as i64)),
            Self::L2Normalize { epsilon } => normalized(numbers, *epsilon),
            Self::OneHot { size, ignore_unknown } => {
                let mut columns = Numbers::from_elem(Number::Int(0), *size);
                let id = numbers.first().copied().unwrap_or(Number::Int(-1));
                if let Some(hot) = hot(id, *size, *ignore_unknown)?.and_then(|column| columns.get_mut(column))
                {
                    *hot = Number::Int(1);
                }
                columns
            }
            Self::FeatureHasher { columns, alternate_sign } => hashed(numbers, *columns, *alternate_sign),
        })
    }
}

/// Integers are added exactly.
fn sum(numbers: &[Number]) -> Result<Number, Fault> {
    let ints = numbers.iter().try_fold(Some(0_i64), |sum, number| match number {
        Number::Int(value) => Some(sum.and_then(|sum| sum.checked_add(*value))),
        Number::Float(_) => None,
    });
    match ints {
        Some(Some(sum)) => Ok(Number::Int(sum)),
        Some(None) => Err(FaultKind::SumOverflow.into()),
        None => Ok(Number::Float(float_sum(numbers))),
    }
}

fn float_sum(numbers: &[Number]) -> f64 {
    numbers.iter().fold(0.0, |sum, number| sum + number.float())
}

/// The first of the numbers that no other is `better` than; NaN where there is one.
fn extreme(numbers: &[Number], better: impl Fn(Number, Number) -> bool) -> Option<Number> {
    let is_nan = |number: Number| matches!(number, Number::Float(value) if value.is_nan());
    numbers.iter().copied().reduce(|best, number| {
        let takes = !is_nan(best) && (is_nan(number) || better(number, best));
        if takes { number } else { best }
    })
}

fn normalized(numbers: &[Number], epsilon: f64) -> Numbers {
    let squares = numbers.iter().map(|number| number.float() * number.float());
    let norm = libm::sqrt(squares.fold(0.0, |sum, square| sum + square));
    // Written so that a NaN stays one.
    let norm = if norm < epsilon { epsilon } else { norm };
    // A zero vector stays one, also where epsilon is 0.
    let divisor = if norm == 0.0 { 1.0 } else { norm };
    numbers.iter().map(|number| Number::Float(number.float() / divisor)).collect()
}

/// The column of an id; none of an unknown one that may be.
fn hot(id: Number, size: usize, ignore_unknown: bool) -> Result<Option<usize>, Fault> {
    let Number::Int(value) = id else { return Ok(None) };
    match usize::try_from(value) {
        Ok(column) if column < size => Ok(Some(column)),
        _ if ignore_unknown => Ok(None),
        _ => Err(FaultKind::OutOfRange { value, size: size as i64 }.into()),
    }
}

/// scikit-learn's `FeatureHasher` of strings: each adds 1, or its hash's sign, to the column of its hash's absolute
/// value.
fn hashed(hashes: &[Number], columns: usize, alternate_sign: bool) -> Numbers {
    let mut sums = SmallVec::<[i64; 16]>::from_elem(0, columns);
    for hash in hashes {
        let Number::Int(hash) = *hash else { continue };
        // A 32-bit −2³¹ has no absolute value; scikit-learn takes this column for it.
        let distance =
            if hash == i64::from(i32::MIN) { i64::from(i32::MAX) + 1 - columns as i64 } else { hash.abs() };
        let column = usize::try_from(distance.rem_euclid(columns as i64)).unwrap_or(0);
        if let Some(sum) = sums.get_mut(column) {
            *sum += if alternate_sign && hash < 0 { -1 } else { 1 };
        }
    }
    sums.into_iter().map(Number::Int).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floats(values: &[f64]) -> Numbers {
        values.iter().copied().map(Number::Float).collect()
    }

    fn ints(values: &[i64]) -> Numbers {
        values.iter().copied().map(Number::Int).collect()
    }

    fn one(op: &RowOp, numbers: &[Number]) -> Number {
        *op.apply(numbers).unwrap().first().unwrap()
    }

    #[test]
    fn integers_are_summed_exactly_or_refused() {
        let beyond_floats = (1 << 53) + 1;
        assert_eq!(one(&RowOp::Sum, &ints(&[1 << 53, 1])), Number::Int(beyond_floats));
        assert_eq!(RowOp::Sum.apply(&ints(&[i64::MAX, 1])), Err(FaultKind::SumOverflow.into()));
        assert_eq!(one(&RowOp::Sum, &floats(&[0.5, 1.0])), Number::Float(1.5));
    }

    #[test]
    fn nothing_has_length_and_sum_zero_and_what_is_asked_for_as_mean() {
        assert_eq!(one(&RowOp::Sum, &[]), Number::Int(0));
        assert_eq!(one(&RowOp::Length, &[]), Number::Int(0));
        assert_eq!(one(&RowOp::Mean { empty: -1.0 }, &[]), Number::Float(-1.0));
        assert_eq!(one(&RowOp::Max { empty: Number::Int(7) }, &[]), Number::Int(7));
    }

    #[test]
    fn a_nan_is_the_greatest_and_the_least_wherever_it_stands() {
        for values in [[f64::NAN, 1.0, 2.0], [1.0, f64::NAN, 2.0], [1.0, 2.0, f64::NAN]] {
            for op in [RowOp::Max { empty: Number::Float(0.0) }, RowOp::Min { empty: Number::Float(0.0) }] {
                assert!(one(&op, &floats(&values)).float().is_nan());
            }
        }
    }

    #[test]
    fn a_vector_has_length_one_afterwards_and_zero_stays_zero() {
        let op = RowOp::L2Normalize { epsilon: 1e-12 };
        assert_eq!(op.apply(&floats(&[3.0, 4.0])).unwrap(), floats(&[0.6, 0.8]));
        for epsilon in [0.0, 1e-12] {
            let op = RowOp::L2Normalize { epsilon };
            assert_eq!(op.apply(&floats(&[0.0, 0.0])).unwrap(), floats(&[0.0, 0.0]));
        }
    }

    #[test]
    fn the_least_hash_has_the_column_that_scikit_learn_gives_it() {
        // (2147483647 − (n − 1)) mod n, as its source says.
        for columns in [1, 2, 3, 10, 1_000] {
            let op = RowOp::FeatureHasher { columns, alternate_sign: true };
            let sums = op.apply(&ints(&[i64::from(i32::MIN)])).unwrap();
            let column = (2_147_483_647 - (columns - 1)) % columns;
            assert_eq!(sums.iter().position(|sum| *sum == Number::Int(-1)), Some(column));
        }
    }

    #[test]
    fn one_hot_writes_one_column_whether_it_is_last_or_not() {
        let op = RowOp::OneHot { size: 3, ignore_unknown: false };
        let last = [RowStep { op: op.clone(), then: Vec::new() }];
        let scaled = NumberOp::Scale { mul: 1.0, add: 0.0 };
        let not_last = [RowStep { op, then: vec![scaled] }];
        for steps in [&last, &not_last] {
            let mut out = [7; 12];
            put(steps, ints(&[1]), Element::Fp32, &mut out).unwrap();
            assert_eq!(
                out.as_chunks().0.iter().map(|word| f32::from_le_bytes(*word)).collect::<Vec<_>>(),
                [0.0, 1.0, 0.0]
            );
            assert!(put(steps, ints(&[3]), Element::Fp32, &mut out).is_err());
        }
    }
}

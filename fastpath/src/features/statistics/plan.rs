//! What is looked at in each feature, by its operations and by what training saw.

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::baseline::{Baseline, Distribution};
use crate::features::category::Vocabulary;
use crate::features::number::{Number, NumberOp};
use crate::features::pipeline::Head;
use crate::features::program::{Field, Program, Use};
use crate::features::range::Range;
use crate::spec::text::FeatureType;

/// What is looked at in the features of one model version. Immutable.
#[derive(Clone, Debug)]
pub struct Plan {
    pub fields: Vec<FieldPlan>,
}

/// What is looked at in one feature.
#[derive(Clone, Debug)]
pub struct FieldPlan {
    pub name: String,
    /// Whether its values are numbers to order, not names to tell apart.
    pub numeric: bool,
    /// The uses whose operations bound their value, and how many of their operations to walk for that.
    ranged: Box<[(usize, usize)]>,
    /// The uses with a vocabulary.
    vocabularies: Box<[usize]>,
    pub bins: Bins,
    /// The range of model.toml.
    range: Option<Range>,
    /// The smallest and the largest value of training.
    trained: Option<(f64, f64)>,
}

/// The bins over which values are compared with those of training.
#[derive(Clone, Debug)]
pub enum Bins {
    /// No training to compare with.
    None,
    /// One more bin than edges; a value that equals an edge lies below it.
    Edges(Box<[f64]>),
    /// The bin of each common value, by fingerprint; all others have the last.
    Values(HashMap<u64, usize, RandomState>),
}

/// Where a value lies outside what its feature is made for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outside {
    /// A `clip` or an `identity` changes it, or it is beyond the feature's `range`.
    pub clipped: bool,
    /// It is below the first boundary of a `bucketize`, or not below the last.
    pub boundaries: bool,
    /// It is smaller or larger than every value of training.
    pub training: bool,
}

impl Outside {
    #[must_use]
    pub fn any(self) -> bool {
        self.clipped || self.boundaries || self.training
    }
}

impl Plan {
    #[must_use]
    pub fn new(program: &Program, baseline: Option<&Baseline>) -> Self {
        let plan = |field: &Field| {
            let training = baseline.and_then(|baseline| baseline.features.get(&field.name));
            FieldPlan::new(program, field, training.map(|feature| &feature.distribution))
        };
        Self { fields: program.fields.iter().map(plan).collect() }
    }
}

impl FieldPlan {
    fn new(program: &Program, field: &Field, training: Option<&Distribution>) -> Self {
        let uses =
            || field.uses.clone().filter_map(|index| program.uses.get(index).map(|use_| (index, use_)));
        let ranged = uses().filter_map(|(index, use_)| Some((index, bounded(use_)?))).collect();
        let vocabulary =
            |(index, use_): (usize, &Use)| matches!(use_.pipeline.head, Head::Vocab(_)).then_some(index);
        let (bins, trained) = match training {
            None => (Bins::None, None),
            Some(Distribution::Numbers(numbers)) => {
                (Bins::Edges(numbers.edges.clone().into()), numbers.min.zip(numbers.max))
            }
            Some(Distribution::Categories(categories)) => {
                let fingerprints = categories.common.iter().map(|common| common.fingerprint.0);
                (Bins::Values(fingerprints.zip(0..).collect()), None)
            }
        };
        Self {
            name: field.name.clone(),
            numeric: is_numeric(program, field),
            ranged,
            vocabularies: uses().filter_map(vocabulary).collect(),
            bins,
            range: field.range.clone(),
            trained,
        }
    }

    /// Bins of the comparison with training.
    #[must_use]
    pub fn bin_count(&self) -> usize {
        match &self.bins {
            Bins::None => 0,
            Bins::Edges(edges) => edges.len() + 1,
            Bins::Values(values) => values.len() + 1,
        }
    }

    /// Where a finite number lies outside.
    #[inline]
    pub fn outside(&self, program: &Program, number: Number) -> Outside {
        let value = number.float();
        let mut outside = Outside {
            clipped: self.range.as_ref().is_some_and(|range| range.is_beyond(number)),
            training: self.trained.is_some_and(|(min, max)| value < min || value > max),
            boundaries: false,
        };
        for (index, length) in &self.ranged {
            let ops = program.uses.get(*index).and_then(|use_| use_.pipeline.ops.get(..*length));
            walk(ops.unwrap_or_default(), number, &mut outside);
        }
        outside
    }

    /// Whether a vocabulary of the feature lacks the value; `known` asks one of them.
    #[inline]
    pub fn is_unknown(&self, program: &Program, known: impl Fn(&Vocabulary) -> Option<i64>) -> bool {
        self.vocabularies.iter().any(|index| {
            let Some(Head::Vocab(vocabulary)) = program.uses.get(*index).map(|use_| &use_.pipeline.head)
            else {
                return false;
            };
            known(vocabulary).is_none_or(|id| usize::try_from(id).is_ok_and(|id| id >= vocabulary.len()))
        })
    }
}

/// Takes the number through the operations and notes which bounds it crosses.
fn walk(ops: &[NumberOp], mut number: Number, outside: &mut Outside) {
    for op in ops {
        let value = number.float();
        match op {
            NumberOp::Clip { min, max } => outside.clipped |= value < *min || value > *max,
            NumberOp::Identity { size, .. } => {
                outside.clipped |= matches!(number, Number::Int(id) if !(0..*size).contains(&id));
            }
            NumberOp::Bucketize { boundaries } => {
                let first = boundaries.first().is_some_and(|first| value < *first);
                let last = boundaries.last().is_some_and(|last| value >= *last);
                outside.boundaries |= first || last;
            }
            _ => {}
        }
        // What an operation refuses never gets here.
        let Ok(next) = op.apply(number) else { return };
        number = next;
    }
}

/// How many of a use's operations lead to its last bound; none where it has none.
fn bounded(use_: &Use) -> Option<usize> {
    let bound = |op: &NumberOp| {
        matches!(op, NumberOp::Clip { .. } | NumberOp::Bucketize { .. } | NumberOp::Identity { .. })
    };
    match use_.pipeline.head {
        Head::Number => use_.pipeline.ops.iter().rposition(bound).map(|place| place + 1),
        Head::Hash(_) | Head::Vocab(_) | Head::Time(..) | Head::SignedHash | Head::Tally(_) => None,
    }
}

/// Integers are names where an operation makes an id of them, or only crosses look at them.
#[must_use]
pub fn is_numeric(program: &Program, field: &Field) -> bool {
    match field.kind {
        FeatureType::Float | FeatureType::Bool | FeatureType::Timestamp => true,
        FeatureType::String | FeatureType::Bytes => false,
        FeatureType::Int => program.uses.get(field.uses.clone()).unwrap_or_default().iter().any(|use_| {
            let identity = use_.pipeline.ops.iter().any(|op| matches!(op, NumberOp::Identity { .. }));
            matches!(use_.pipeline.head, Head::Number) && use_.target.is_some() && !identity
        }),
    }
}

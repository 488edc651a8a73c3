//! What has been seen of each feature in some span of time.

use super::frequent::Frequent;
use super::plan::{Bins, FieldPlan, Outside, Plan};
use super::sent::SentRows;
use super::sketch::Sketch;
use crate::features::cell::{Cell, bytes_list, count_varints, varints};
use crate::features::hash::{farmhash64, farmhash64_u64};
use crate::features::number::Number;
use crate::features::program::{Bits, Program};
use crate::features::range::Held;

/// Values of one list that are looked at: a list may have 65,536.
const MAX_VALUES: usize = 64;

/// Rows that have been looked at. Mergeable.
#[derive(Clone, Debug)]
pub struct Tally {
    pub rows: u64,
    /// In the order of the program's.
    pub fields: Vec<FieldTally>,
}

/// How exactly a tally remembers.
#[derive(Clone, Copy, Debug)]
pub struct Precision {
    /// The sketches' k.
    pub sketch: usize,
    /// Common values that are counted; 0: only those that training saw.
    pub frequent: usize,
}

/// What has been seen of one feature.
#[derive(Clone, Debug)]
pub struct FieldTally {
    pub counts: Counts,
    /// Of the finite values.
    pub sum: f64,
    /// Values in each of the plan's bins.
    pub bins: Box<[u64]>,
    pub sketch: Option<Sketch>,
    pub frequent: Option<Frequent>,
}

/// Numbers that only add up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rows that lacked the feature, or had a value that its range takes for missing, so that its default stood in.
    pub defaults: u64,
    /// Values that rows had.
    pub sent: u64,
    /// Values that were looked at: all, but of long lists.
    pub values: u64,
    /// Values that a vocabulary lacks.
    pub unknown: u64,
    /// Values outside in any of the following ways.
    pub out_of_range: u64,
    pub clipped: u64,
    pub outside_boundaries: u64,
    pub outside_training: u64,
    /// NaN and infinities.
    pub not_finite: u64,
}

impl Counts {
    fn add(&mut self, other: &Self) {
        self.defaults += other.defaults;
        self.sent += other.sent;
        self.values += other.values;
        self.unknown += other.unknown;
        self.out_of_range += other.out_of_range;
        self.clipped += other.clipped;
        self.outside_boundaries += other.outside_boundaries;
        self.outside_training += other.outside_training;
        self.not_finite += other.not_finite;
    }
}

impl Tally {
    #[must_use]
    pub fn new(plan: &Plan, precision: Precision) -> Self {
        let field = |field: &FieldPlan| FieldTally {
            counts: Counts::default(),
            sum: 0.0,
            bins: vec![0; field.bin_count()].into(),
            sketch: field.numeric.then(|| Sketch::new(precision.sketch)),
            frequent: (!field.numeric && precision.frequent > 0).then(|| Frequent::new(precision.frequent)),
        };
        Self { rows: 0, fields: plan.fields.iter().map(field).collect() }
    }

    /// Looks at one row. `seen` is room for the program's fields.
    pub fn look(&mut self, plan: &Plan, sent: &SentRows<'_, '_>, row: usize, seen: &mut Bits) {
        self.rows += 1;
        seen.clear();
        sent.visit(row, |index, field, cell| {
            let held = field.range.as_ref().map(|range| range.hold(cell));
            if !matches!(held, Some(Ok(Held::Missing))) {
                seen.insert(index);
            }
            if let (Some(tally), Some(plan)) = (self.fields.get_mut(index), plan.fields.get(index)) {
                tally.put(plan, sent.program, cell);
            }
        });
        for (index, tally) in self.fields.iter_mut().enumerate() {
            tally.counts.defaults += u64::from(!seen.contains(index));
        }
    }

    /// Adds what another tally of the same plan saw.
    pub fn merge(&mut self, other: &Self) {
        self.rows += other.rows;
        for (tally, other) in self.fields.iter_mut().zip(&other.fields) {
            tally.merge(other);
        }
    }

    /// Bytes held.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        let field = |field: &FieldTally| {
            size_of::<FieldTally>()
                + field.bins.len() * size_of::<u64>()
                + field.sketch.as_ref().map_or(0, Sketch::size_bytes)
        };
        size_of::<Self>() + self.fields.iter().map(field).sum::<usize>()
    }
}

impl FieldTally {
    fn put(&mut self, plan: &FieldPlan, program: &Program, cell: Cell<'_>) {
        let count = length(cell);
        self.counts.sent += count as u64;
        // Of a long list every so manieth value, from end to end.
        let step = count.div_ceil(MAX_VALUES).max(1);
        match cell {
            Cell::None => {}
            Cell::Floats(values) => values.iter().step_by(step).for_each(|value| {
                self.number(plan, program, Number::Float(f64::from(f32::from_le_bytes(*value))));
            }),
            Cell::Doubles(values) => values
                .iter()
                .step_by(step)
                .for_each(|value| self.number(plan, program, Number::Float(f64::from_le_bytes(*value)))),
            Cell::Ints(values) => {
                values
                    .iter()
                    .step_by(step)
                    .for_each(|value| self.int(plan, program, i64::from_le_bytes(*value)));
            }
            Cell::Varints(values) => {
                varints(values).flatten().step_by(step).for_each(|value| self.int(plan, program, value));
            }
            Cell::BytesList(list) => {
                bytes_list(list).flatten().step_by(step).for_each(|value| self.text(plan, program, value));
            }
            Cell::Texts(values) => {
                values.iter().step_by(step).for_each(|value| self.text(plan, program, value));
            }
        }
    }

    #[inline]
    fn number(&mut self, plan: &FieldPlan, program: &Program, number: Number) {
        self.counts.values += 1;
        let value = number.float();
        let (Some(sketch), true) = (&mut self.sketch, value.is_finite()) else {
            self.counts.not_finite += 1;
            return;
        };
        self.sum += value;
        sketch.insert(value);
        if let Bins::Edges(edges) = &plan.bins {
            let place = edges.partition_point(|edge| *edge < value);
            if let Some(bin) = self.bins.get_mut(place) {
                *bin += 1;
            }
        }
        self.outside(plan.outside(program, number));
    }

    fn outside(&mut self, outside: Outside) {
        self.counts.clipped += u64::from(outside.clipped);
        self.counts.outside_boundaries += u64::from(outside.boundaries);
        self.counts.outside_training += u64::from(outside.training);
        self.counts.out_of_range += u64::from(outside.any());
    }

    #[inline]
    fn int(&mut self, plan: &FieldPlan, program: &Program, value: i64) {
        if plan.numeric {
            self.number(plan, program, Number::Int(value));
        } else {
            self.category(plan, farmhash64_u64(value.cast_unsigned()));
            self.outside(plan.outside(program, Number::Int(value)));
        }
        let unknown = plan.is_unknown(program, |vocabulary| vocabulary.int(value).ok());
        self.counts.unknown += u64::from(unknown);
    }

    #[inline]
    fn text(&mut self, plan: &FieldPlan, program: &Program, value: &[u8]) {
        self.category(plan, farmhash64(value));
        let unknown = plan.is_unknown(program, |vocabulary| vocabulary.text(value).ok());
        self.counts.unknown += u64::from(unknown);
    }

    #[inline]
    fn category(&mut self, plan: &FieldPlan, fingerprint: u64) {
        self.counts.values += 1;
        if let Bins::Values(places) = &plan.bins {
            let rest = places.len();
            let place = places.get(&fingerprint).copied().unwrap_or(rest);
            if let Some(bin) = self.bins.get_mut(place) {
                *bin += 1;
            }
        }
        if let Some(frequent) = &mut self.frequent {
            frequent.insert(fingerprint);
        }
    }

    fn merge(&mut self, other: &Self) {
        self.counts.add(&other.counts);
        self.sum += other.sum;
        for (bin, other) in self.bins.iter_mut().zip(&other.bins) {
            *bin += other;
        }
        if let (Some(sketch), Some(other)) = (&mut self.sketch, &other.sketch) {
            sketch.merge(other);
        }
        if let (Some(frequent), Some(other)) = (&mut self.frequent, &other.frequent) {
            frequent.merge(other);
        }
    }
}

/// How many values a cell has; 0 where it is broken, which decoding has refused.
fn length(cell: Cell<'_>) -> usize {
    match cell {
        Cell::None => 0,
        Cell::Floats(values) => values.len(),
        Cell::Doubles(values) | Cell::Ints(values) => values.len(),
        Cell::Varints(values) => count_varints(values).unwrap_or(0),
        Cell::BytesList(list) => bytes_list(list).count(),
        Cell::Texts(values) => values.len(),
    }
}

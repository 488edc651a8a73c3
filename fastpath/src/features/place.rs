//! Writes the values of one feature in one row where one use of it wants them.

use super::cell::{Cell, bytes_list, count_varints, varints};
use super::fault::{Fault, FaultKind};
use super::hash::farmhash64;
use super::list_form::ListForm;
use super::number::Number;
use super::pipeline::Pipeline;
use super::program::{Field, MAX_LIST, Target, Use};
use super::template::TemplateColumn;
use super::time::milliseconds;
use crate::spec::text::{FeatureType, Keep};
use crate::wire::reader::is_text;

/// One tensor's data while rows are being filled.
#[derive(Debug)]
pub(super) enum Buffer {
    Fixed {
        row_bytes: usize,
        data: Vec<u8>,
    },
    /// `sent`: how many values each list had before it was cut, where other lists must be as long.
    Jagged {
        values: Vec<u8>,
        lengths: Vec<u32>,
        sent: Option<Vec<u32>>,
    },
}

impl Buffer {
    /// Where in a column's data the elements of a row from `offset_bytes` on are.
    #[inline]
    pub fn offset(&self, row: usize, offset_bytes: usize) -> usize {
        match self {
            Self::Fixed { row_bytes, .. } => row * *row_bytes + offset_bytes,
            Self::Jagged { .. } => 0,
        }
    }

    /// The elements of a row from `offset_bytes` on.
    #[inline]
    pub fn place(&mut self, row: usize, offset_bytes: usize, length: usize) -> &mut [u8] {
        match self {
            Self::Fixed { row_bytes, data } => {
                let from = row * *row_bytes + offset_bytes;
                data.get_mut(from..from + length).unwrap_or_default()
            }
            Self::Jagged { .. } => &mut [],
        }
    }

    /// A row more of a jagged column, with the template's values.
    #[inline]
    pub fn push_default(&mut self, template: &TemplateColumn) {
        if let (
            Self::Jagged { values, lengths, sent },
            TemplateColumn::Jagged { values: default, count, sent: sent_count, .. },
        ) = (self, template)
        {
            values.extend_from_slice(default);
            lengths.push(*count);
            if let Some(sent) = sent {
                sent.push(*sent_count);
            }
        }
    }

    /// A row more, the template's.
    pub fn push_template(&mut self, template: &TemplateColumn) {
        if let (Self::Fixed { data, .. }, TemplateColumn::Fixed(row)) = (&mut *self, template) {
            data.extend_from_slice(row);
        }
        self.push_default(template);
    }

    /// How many values each row's list had; nothing where nobody asks.
    pub fn sent(&self) -> &[u32] {
        match self {
            Self::Jagged { sent: Some(sent), .. } => sent,
            _ => &[],
        }
    }
}

/// Where one use's values go. `buffer` is none where they only serve crosses and ages.
pub(super) struct Place<'a> {
    pub buffer: Option<(&'a mut Buffer, Target)>,
    pub row: usize,
    pub use_: &'a Use,
}

impl Place<'_> {
    /// The values as they came, through the use's operations, into the row. Gives how many of them the tensor took.
    pub fn put(self, kind: FeatureType, cell: Cell<'_>) -> Result<usize, Fault> {
        match (kind, cell) {
            (FeatureType::Float, Cell::Floats(values)) => self.write(
                values.len(),
                values.iter().map(|value| Ok(f64::from(f32::from_le_bytes(*value)))),
                Pipeline::float,
            ),
            (FeatureType::Float, Cell::Doubles(values)) => self.write(
                values.len(),
                values.iter().map(|value| Ok(f64::from_le_bytes(*value))),
                Pipeline::float,
            ),
            (FeatureType::Float, Cell::Ints(values)) => {
                self.write(values.len(), ints(values), |pipeline, value| pipeline.float(value as f64))
            }
            (FeatureType::Float, Cell::Varints(values)) => {
                self.write(count_varints(values)?, varints(values), |pipeline, value| {
                    pipeline.float(value as f64)
                })
            }
            (FeatureType::Int | FeatureType::Timestamp, Cell::Varints(values)) => {
                self.write(count_varints(values)?, varints(values), Pipeline::int)
            }
            (FeatureType::Int | FeatureType::Timestamp, Cell::Ints(values)) => {
                self.write(values.len(), ints(values), Pipeline::int)
            }
            (FeatureType::Bool, Cell::Varints(values)) => {
                self.write(count_varints(values)?, varints(values), bool_step)
            }
            (FeatureType::Bool, Cell::Ints(values)) => self.write(values.len(), ints(values), bool_step),
            (FeatureType::String, Cell::BytesList(list)) => {
                self.write(count_list(list)?, bytes_list(list), text_step)
            }
            (FeatureType::String, Cell::Texts(values)) => {
                self.write(values.len(), values.iter().map(|value| Ok(*value)), text_step)
            }
            (FeatureType::Bytes, Cell::BytesList(list)) => {
                self.write(count_list(list)?, bytes_list(list), Pipeline::bytes)
            }
            (FeatureType::Bytes, Cell::Texts(values)) => {
                self.write(values.len(), values.iter().map(|value| Ok(*value)), Pipeline::bytes)
            }
            (_, Cell::None) => self.write(0, std::iter::empty(), Pipeline::int),
            (kind, cell) => Err(wrong_kind(kind, &cell).into()),
        }
    }

    #[inline]
    fn write<V>(
        self,
        count: usize,
        mut values: impl Iterator<Item = Result<V, Fault>>,
        step: impl Fn(&Pipeline, V) -> Result<Number, Fault>,
    ) -> Result<usize, Fault> {
        let Self { buffer, row, use_ } = self;
        let pipeline = &use_.pipeline;
        let element = pipeline.element;
        let size = element.size_bytes();
        match &use_.list {
            ListForm::Scalar => {
                let (1, Some(value)) = (count, values.next()) else {
                    return Err(FaultKind::Count { expected: 1, came: count }.into());
                };
                let value = value?;
                let Some((buffer, target)) = buffer else { return Ok(1) };
                let out = buffer.place(row, target.offset_bytes, size * target.width);
                pipeline.put(step(pipeline, value)?, out).map(|()| 1)
            }
            ListForm::Fixed { length } => {
                if count != *length {
                    return Err(FaultKind::Count { expected: *length, came: count }.into());
                }
                let Some((buffer, target)) = buffer else { return Ok(count) };
                let out = buffer.place(row, target.offset_bytes, size * target.width);
                if pipeline.row.is_empty() {
                    for (value, out) in values.zip(out.chunks_exact_mut(size)) {
                        element.write(step(pipeline, value?)?, out)?;
                    }
                } else {
                    let numbers = values.map(|value| step(pipeline, value?)).collect::<Result<_, _>>()?;
                    pipeline.put_all(numbers, out)?;
                }
                Ok(count)
            }
            ListForm::Together { max, keep } => {
                let Some((buffer, target)) = buffer else { return Ok(0) };
                let skip = skipped(count, *max, *keep)?;
                let kept = (count - skip).min(*max);
                let out = buffer.place(row, target.offset_bytes, size * target.width);
                pass(&mut values, skip)?;
                let numbers = values.by_ref().take(kept).map(|value| step(pipeline, value?));
                pipeline.put_all(numbers.collect::<Result<_, _>>()?, out)?;
                pass(&mut values, count).map(|()| kept)
            }
            ListForm::Padded { max, keep, pad } => {
                let Some((buffer, target)) = buffer else { return Ok(0) };
                let skip = skipped(count, *max, *keep)?;
                let kept = (count - skip).min(*max);
                let mut out = buffer.place(row, target.offset_bytes, size * max).chunks_exact_mut(size);
                pass(&mut values, skip)?;
                // Zip looks for the place before the value, so a value too many stays where it is.
                for (out, value) in out.by_ref().zip(values.by_ref()).take(kept) {
                    element.write(step(pipeline, value?)?, out)?;
                }
                out.for_each(|out| out.copy_from_slice(pad));
                pass(&mut values, count).map(|()| kept)
            }
            ListForm::Jagged { max, keep } => {
                let Some((Buffer::Jagged { values: data, lengths, sent }, _)) = buffer else { return Ok(0) };
                let skip = skipped(count, *max, *keep)?;
                let kept = (count - skip).min(*max);
                let from = data.len();
                data.resize(from + kept * size, 0);
                let out = data.get_mut(from..).unwrap_or_default().chunks_exact_mut(size);
                pass(&mut values, skip)?;
                for (out, value) in out.zip(values.by_ref()) {
                    element.write(step(pipeline, value?)?, out)?;
                }
                pass(&mut values, count)?;
                // At most MAX_LIST.
                lengths.push(u32::try_from(kept).unwrap_or(u32::MAX));
                if let Some(sent) = sent {
                    sent.push(u32::try_from(count).unwrap_or(u32::MAX));
                }
                Ok(kept)
            }
        }
    }
}

/// Passes over at most so many values that no tensor takes; a broken one is refused all the same.
#[inline]
fn pass<V>(values: &mut impl Iterator<Item = Result<V, Fault>>, most: usize) -> Result<(), Fault> {
    values.take(most).try_for_each(|value| value.map(drop))
}

/// How many values in front are left out.
#[inline]
pub(super) fn skipped(count: usize, max: usize, keep: Keep) -> Result<usize, Fault> {
    if count > MAX_LIST {
        return Err(FaultKind::TooLong { limit: MAX_LIST, came: count }.into());
    }
    Ok(match keep {
        Keep::First => 0,
        Keep::Last => count.saturating_sub(max),
    })
}

/// How many elements a `BytesList` has.
fn count_list(list: &[u8]) -> Result<usize, Fault> {
    bytes_list(list).try_fold(0, |count, item| item.map(|_| count + 1))
}

#[inline]
fn text_step(pipeline: &Pipeline, value: &[u8]) -> Result<Number, Fault> {
    if !is_text(value) {
        return Err(FaultKind::NotUtf8.into());
    }
    pipeline.bytes(value)
}

fn bool_step(pipeline: &Pipeline, value: i64) -> Result<Number, Fault> {
    if !(0..=1).contains(&value) {
        return Err(FaultKind::NotBool { value }.into());
    }
    pipeline.int(value)
}

fn ints(values: &[[u8; 8]]) -> impl Iterator<Item = Result<i64, Fault>> {
    values.iter().map(|value| Ok(i64::from_le_bytes(*value)))
}

#[cold]
fn wrong_kind(kind: FeatureType, cell: &Cell<'_>) -> FaultKind {
    FaultKind::WrongKind { expected: expected(kind), came: cell.kind() }
}

/// What callers send for a feature of this type.
pub(super) fn expected(kind: FeatureType) -> &'static str {
    match kind {
        FeatureType::Float => "floats (or integers)",
        FeatureType::Int => "integers",
        FeatureType::Bool => "integers 0 or 1",
        FeatureType::Timestamp => "integers (a timestamp)",
        FeatureType::String => "text",
        FeatureType::Bytes => "bytes",
    }
}

/// What crosses and ages need of a scalar: a timestamp in milliseconds, a fingerprint of text, or
/// the integer itself.
pub(super) fn slot_value(field: &Field, cell: Cell<'_>) -> Result<u64, Fault> {
    let one = |count: usize| {
        if count == 1 {
            Ok(())
        } else {
            Err::<_, Fault>(FaultKind::Count { expected: 1, came: count }.into())
        }
    };
    let text = |value: &[u8]| {
        if field.kind == FeatureType::String && std::str::from_utf8(value).is_err() {
            return Err(FaultKind::NotUtf8.into());
        }
        Ok(farmhash64(value))
    };
    let int = |value: i64| match field.kind {
        FeatureType::Timestamp => Ok(milliseconds(value, field.unit).cast_unsigned()),
        FeatureType::Bool if !(0..=1).contains(&value) => Err(FaultKind::NotBool { value }.into()),
        _ => Ok(value.cast_unsigned()),
    };
    match (field.kind, cell) {
        (FeatureType::Int | FeatureType::Bool | FeatureType::Timestamp, Cell::Varints(values)) => {
            one(count_varints(values)?)?;
            varints(values).next().unwrap_or(Ok(0)).and_then(int)
        }
        (FeatureType::Int | FeatureType::Bool | FeatureType::Timestamp, Cell::Ints(values)) => {
            one(values.len())?;
            int(values.first().map_or(0, |value| i64::from_le_bytes(*value)))
        }
        (FeatureType::String | FeatureType::Bytes, Cell::BytesList(list)) => {
            one(bytes_list(list).count())?;
            text(bytes_list(list).next().unwrap_or(Ok(b""))?)
        }
        (FeatureType::String | FeatureType::Bytes, Cell::Texts(values)) => {
            one(values.len())?;
            text(values.first().copied().unwrap_or_default())
        }
        (kind, cell) => Err(wrong_kind(kind, &cell).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::program::FieldShape;
    use super::*;
    use crate::spec::text::TimeUnit;

    #[test]
    fn a_bool_that_only_crosses_look_at_is_checked_too() {
        let field = Field {
            name: "active".to_owned(),
            kind: FeatureType::Bool,
            unit: TimeUnit::Seconds,
            shape: FieldShape::Scalar,
            uses: 0..0,
            slot: Some(0),
            range: None,
            quick: None,
            per_request: false,
        };
        assert_eq!(slot_value(&field, Cell::Varints(&[1])), Ok(1));
        let refused = Err(FaultKind::NotBool { value: 7 }.into());
        assert_eq!(slot_value(&field, Cell::Varints(&[7])), refused);
        assert_eq!(slot_value(&field, Cell::Ints(&[7i64.to_le_bytes()])), refused);
    }

    #[test]
    fn a_broken_varint_is_refused_also_where_no_tensor_takes_it() {
        let broken = [&[1, 2][..], &[0xff; 11], &[3, 4]].concat();
        let values = || super::super::cell::varints(&broken);
        assert!(pass(&mut values(), 2).is_ok());
        assert!(pass(&mut values(), 3).is_err());
    }
}

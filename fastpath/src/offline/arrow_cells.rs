//! Reads Arrow arrays as a request's columns: memory of 32- and 64-bit floats, of 64-bit integers and of text is borrowed,
//! everything else is widened, a chunk at a time.
//!
//! Arrow is little-endian in memory here, as on every machine that penstock is built for.

use std::borrow::Cow;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Date64Type, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, OffsetSizeTrait};
use arrow_buffer::Buffer;
use arrow_schema::{DataType, TimeUnit as ArrowUnit};

use crate::features::RowsError;
use crate::features::columns::{Parsed, Texts, Values};
use crate::features::fault::{FaultKind, Place};
use crate::spec::text::TimeUnit;

const DAY_S: i64 = 86_400;

/// One feature of a chunk's rows.
pub(super) struct Cells<'t> {
    name: &'t str,
    unit: TimeUnit,
    /// One bit a row, from the lowest of the first byte on; none: every row has values.
    validity: Option<Buffer>,
    /// Values of each row; empty for scalars.
    lengths: Vec<u32>,
    values: ArrayRef,
}

impl<'t> Cells<'t> {
    /// `unit` is the one in which the feature takes times.
    pub fn new(name: &'t str, unit: TimeUnit, rows: ArrayRef) -> Result<Self, RowsError> {
        let nulls = rows.logical_nulls().filter(|nulls| nulls.null_count() > 0);
        let (lengths, values) = match rows.data_type() {
            DataType::List(_) => by_offsets::<i32>(&rows),
            DataType::LargeList(_) => by_offsets::<i64>(&rows),
            DataType::FixedSizeList(_, size) => {
                let lists = rows.as_fixed_size_list();
                (vec![u32::try_from(*size).unwrap_or(0); lists.len()], lists.values().clone())
            }
            _ => (Vec::new(), rows),
        };
        let validity = nulls.map(|nulls| nulls.inner().sliced());
        let cells = Self { name, unit, validity, lengths, values };
        if !cells.lengths.is_empty() && cells.values.logical_null_count() > 0 {
            cells.check_elements()?;
        }
        Ok(cells)
    }

    /// The column as the decoder of requests takes it.
    pub fn parsed(&self) -> Result<Parsed<'_>, RowsError> {
        let values = values(&self.values, self.unit)
            .map_err(|(position, kind)| self.wrong(self.row_of(position), kind))?;
        Ok(Parsed {
            name: self.name.as_bytes(),
            values,
            lengths: &self.lengths,
            per_row: 1,
            validity: self.validity.as_ref().map_or(&[], Buffer::as_slice),
            place: Place::Column,
        })
    }

    /// Lists hold no nulls; what lies under a row that is null itself does not count.
    fn check_elements(&self) -> Result<(), RowsError> {
        let Some(nulls) = self.values.logical_nulls() else { return Ok(()) };
        let mut from = 0;
        for (row, length) in self.lengths.iter().enumerate() {
            let to = from + *length as usize;
            if self.has(row) && (from..to).any(|position| nulls.is_null(position)) {
                return Err(self.wrong(row, FaultKind::NullInList));
            }
            from = to;
        }
        Ok(())
    }

    fn has(&self, row: usize) -> bool {
        let Some(validity) = &self.validity else { return true };
        validity.get(row / 8).is_some_and(|byte| byte >> (row % 8) & 1 == 1)
    }

    fn row_of(&self, position: usize) -> usize {
        let mut behind = 0;
        let row = self.lengths.iter().position(|length| {
            behind += *length as usize;
            position < behind
        });
        row.unwrap_or(position)
    }

    fn wrong(&self, row: usize, kind: FaultKind) -> RowsError {
        RowsError::feature(Place::Column(row), self.name.as_bytes(), kind)
    }
}

/// The number of values of each list, and the values of all.
fn by_offsets<O: OffsetSizeTrait>(rows: &ArrayRef) -> (Vec<u32>, ArrayRef) {
    let lists = rows.as_list::<O>();
    let offsets = lists.value_offsets();
    let place = |offset: Option<&O>| offset.map_or(0, |offset| offset.as_usize());
    // Longer lists than 32 bits count are refused by the feature's own limit.
    let length = |pair: &[O]| u32::try_from(place(pair.last()) - place(pair.first())).unwrap_or(u32::MAX);
    let lengths = offsets.windows(2).map(length).collect();
    let (from, to) = (place(offsets.first()), place(offsets.last()));
    (lengths, lists.values().slice(from, to - from))
}

/// All values of an array; where one cannot be taken, its position and why.
fn values(array: &ArrayRef, unit: TimeUnit) -> Result<Values<'_>, (usize, FaultKind)> {
    Ok(match array.data_type() {
        DataType::Float32 => Values::Floats(memory::<Float32Type>(array)),
        DataType::Float64 => Values::Doubles(memory::<Float64Type>(array)),
        DataType::Int64 => Values::FixedInts(memory::<Int64Type>(array)),
        DataType::Timestamp(ArrowUnit::Second, _) if unit == TimeUnit::Seconds => {
            Values::FixedInts(memory::<TimestampSecondType>(array))
        }
        DataType::Timestamp(ArrowUnit::Millisecond, _) if unit == TimeUnit::Milliseconds => {
            Values::FixedInts(memory::<TimestampMillisecondType>(array))
        }
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            if dictionary.values().is_empty() {
                // Every row is null.
                return picked(dictionary.values(), unit, std::iter::repeat_n(0, array.len()));
            }
            return picked(dictionary.values(), unit, dictionary.normalized_keys().into_iter());
        }
        _ => return picked(array, unit, 0..array.len()),
    })
}

/// An array's memory, as it is.
fn memory<T: ArrowPrimitiveType>(array: &ArrayRef) -> Cow<'_, [u8]> {
    Cow::Borrowed(array.as_primitive::<T>().values().inner().as_slice())
}

/// The values at so many places, one after the other.
fn picked(
    array: &ArrayRef,
    unit: TimeUnit,
    places: impl Iterator<Item = usize>,
) -> Result<Values<'_>, (usize, FaultKind)> {
    Ok(match array.data_type() {
        DataType::Null => Values::None,
        DataType::Boolean => {
            let bits = array.as_boolean().values();
            ints(places, |place| i64::from(place < bits.len() && bits.value(place)))
        }
        DataType::Int8 => primitive::<Int8Type>(array, places, i64::from),
        DataType::Int16 => primitive::<Int16Type>(array, places, i64::from),
        DataType::Int32 => primitive::<Int32Type>(array, places, i64::from),
        DataType::Int64 => primitive::<Int64Type>(array, places, i64::from),
        DataType::UInt8 => primitive::<UInt8Type>(array, places, i64::from),
        DataType::UInt16 => primitive::<UInt16Type>(array, places, i64::from),
        DataType::UInt32 => primitive::<UInt32Type>(array, places, i64::from),
        DataType::UInt64 => return unsigned(array, places),
        DataType::Float16 => {
            let halves = array.as_primitive::<Float16Type>().values();
            let single = |place: usize| {
                halves.get(place).map_or(0.0_f32, |half: &half::f16| half.to_f32()).to_le_bytes()
            };
            Values::Floats(Cow::Owned(places.flat_map(single).collect()))
        }
        DataType::Float32 => {
            let singles = array.as_primitive::<Float32Type>().values();
            let bytes = |place: usize| singles.get(place).copied().unwrap_or_default().to_le_bytes();
            Values::Floats(Cow::Owned(places.flat_map(bytes).collect()))
        }
        DataType::Float64 => {
            let doubles = array.as_primitive::<Float64Type>().values();
            let bytes = |place: usize| doubles.get(place).copied().unwrap_or_default().to_le_bytes();
            Values::Doubles(Cow::Owned(places.flat_map(bytes).collect()))
        }
        DataType::Timestamp(from, _) => times(array, *from, unit, places),
        DataType::Date32 => {
            let day = DAY_S * per_second(unit);
            primitive::<Date32Type>(array, places, move |days| i64::from(days) * day)
        }
        DataType::Date64 => {
            primitive::<Date64Type>(array, places, move |time| converted(time, 1_000, per_second(unit)))
        }
        _ => Values::Texts(texts(array, places).ok_or_else(|| {
            let kind = array.data_type().to_string();
            (0, FaultKind::Untaken { kind })
        })?),
    })
}

fn ints<'a>(places: impl Iterator<Item = usize>, value: impl Fn(usize) -> i64) -> Values<'a> {
    Values::Ints(places.map(|place| value(place).to_le_bytes()).collect())
}

fn primitive<'a, T: ArrowPrimitiveType>(
    array: &ArrayRef,
    places: impl Iterator<Item = usize>,
    widen: impl Fn(T::Native) -> i64,
) -> Values<'a> {
    let values = array.as_primitive::<T>().values();
    ints(places, |place| values.get(place).map_or(0, |value| widen(*value)))
}

fn unsigned<'a>(
    array: &ArrayRef,
    places: impl Iterator<Item = usize>,
) -> Result<Values<'a>, (usize, FaultKind)> {
    let values = array.as_primitive::<UInt64Type>().values();
    let one = |(position, place): (usize, usize)| {
        let value = values.get(place).copied().unwrap_or_default();
        match i64::try_from(value) {
            Ok(value) => Ok(value.to_le_bytes()),
            Err(_) if array.is_null(place) => Ok([0; 8]),
            Err(_) => Err((position, FaultKind::TooLarge { value })),
        }
    };
    places.enumerate().map(one).collect::<Result<_, _>>().map(Values::Ints)
}

fn times<'a>(
    array: &ArrayRef,
    from: ArrowUnit,
    unit: TimeUnit,
    places: impl Iterator<Item = usize>,
) -> Values<'a> {
    let to = per_second(unit);
    match from {
        ArrowUnit::Second => {
            primitive::<TimestampSecondType>(array, places, move |time| converted(time, 1, to))
        }
        ArrowUnit::Millisecond => {
            primitive::<TimestampMillisecondType>(array, places, move |time| converted(time, 1_000, to))
        }
        ArrowUnit::Microsecond => {
            primitive::<TimestampMicrosecondType>(array, places, move |time| converted(time, 1_000_000, to))
        }
        ArrowUnit::Nanosecond => primitive::<TimestampNanosecondType>(array, places, move |time| {
            converted(time, 1_000_000_000, to)
        }),
    }
}

fn per_second(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Seconds => 1,
        TimeUnit::Milliseconds => 1_000,
    }
}

/// A time in a unit of `from` a second in one of `to` a second, rounded down.
fn converted(time: i64, from: i64, to: i64) -> i64 {
    if from > to { time.div_euclid(from / to) } else { time.saturating_mul(to / from) }
}

/// Text or bytes; none where the array holds neither. A null's place is empty: its view need not be valid.
fn texts(array: &ArrayRef, places: impl Iterator<Item = usize>) -> Option<Texts<'_>> {
    fn collected<'a>(
        array: &'a ArrayRef,
        places: impl Iterator<Item = usize>,
        text: impl Fn(usize) -> &'a [u8],
    ) -> Texts<'a> {
        let nulls = array.nulls();
        let one = |place| {
            let here = place < array.len() && nulls.is_none_or(|nulls| nulls.is_valid(place));
            if here { text(place) } else { b"" }
        };
        places.map(one).collect()
    }
    Some(match array.data_type() {
        DataType::Utf8 => {
            let texts = array.as_string::<i32>();
            collected(array, places, |place| texts.value(place).as_bytes())
        }
        DataType::LargeUtf8 => {
            let texts = array.as_string::<i64>();
            collected(array, places, |place| texts.value(place).as_bytes())
        }
        DataType::Utf8View => {
            let texts = array.as_string_view();
            collected(array, places, |place| texts.value(place).as_bytes())
        }
        DataType::Binary => {
            let texts = array.as_binary::<i32>();
            collected(array, places, |place| texts.value(place))
        }
        DataType::LargeBinary => {
            let texts = array.as_binary::<i64>();
            collected(array, places, |place| texts.value(place))
        }
        DataType::BinaryView => {
            let texts = array.as_binary_view();
            collected(array, places, |place| texts.value(place))
        }
        DataType::FixedSizeBinary(_) => {
            let texts = array.as_fixed_size_binary();
            collected(array, places, |place| texts.value(place))
        }
        _ => return None,
    })
}

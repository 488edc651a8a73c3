//! Decodes the tensors of a `ModelInferRequest`: the model's inputs themselves, or its features, one
//! tensor each.

use std::borrow::Cow;
use std::hash::{BuildHasher, Hasher};

use super::clock::Clock;
use super::columns::{Parsed, Texts, Values, fill};
use super::fault::{FaultKind, Place, RowsError};
use super::program::{FieldShape, Program};
use super::rows::{Column, Dims, RowBlock};
use super::template::Template;
use smallvec::SmallVec;

use crate::spec::InputSpec;
use crate::spec::error::nearest;
use crate::spec::text::FeatureType;
use crate::wire::Datatype;
use crate::wire::infer_request::{InferRequest, InputTensor};
use crate::wire::predict_request::MAX_ROWS;
use crate::wire::tensor_contents::append_raw;

/// Decodes requests to a model without features.
pub fn decode_inputs(inputs: &[InputSpec], request: &InferRequest<'_>) -> Result<RowBlock, RowsError> {
    check_raw_count(request)?;
    let mut block =
        RowBlock { rows: 0, groups: 0, columns: SmallVec::with_capacity(inputs.len()), shape_key: 0 };
    let mut key = foldhash::fast::FixedState::default().build_hasher();
    let mut any_size = false;
    for (index, spec) in inputs.iter().enumerate() {
        let (place, tensor) = find(request, index, &spec.name)?;
        expect_datatype(tensor, &[spec.datatype])?;
        let dims = spec.dims.as_deref().unwrap_or_default();
        let rows = check_shape(tensor, dims)?;
        same_rows(&mut block.rows, index == 0, rows, tensor)?;
        let mut data = Vec::new();
        append_data(request, place, tensor, spec.datatype, &mut data)?;
        if spec.datatype == Datatype::Bool && data.iter().any(|byte| *byte > 1) {
            return Err(wrong(tensor, "has a BOOL element that is neither 0 nor 1"));
        }
        let sent = tensor.shape.get(1..).unwrap_or_default();
        if dims.contains(&-1) {
            any_size = true;
            for dim in sent {
                key.write_i64(*dim);
            }
        }
        block.columns.push(Column::Fixed { data, dims: Dims::from_slice(sent) });
    }
    if request.inputs.len() > inputs.len() {
        refuse_surplus(request, inputs.iter().map(|spec| spec.name.as_str()))?;
    }
    block.groups = block.rows;
    if any_size {
        block.shape_key = key.finish() | 1;
    }
    Ok(block)
}

/// Decodes requests to a model with features: one tensor a feature, rows first. `check_rows` may refuse it before the
/// rows are built, which take more memory than the request does.
pub fn decode_features(
    program: &Program,
    request: &InferRequest<'_>,
    clock: Clock,
    check_rows: impl FnOnce(usize) -> Result<(), RowsError>,
) -> Result<RowBlock, RowsError> {
    check_raw_count(request)?;
    let mut rows = 0;
    let mut buffers = Vec::with_capacity(request.inputs.len());
    for (place, tensor) in request.inputs.iter().enumerate() {
        let Some(field) = program.fields.iter().find(|field| field.name == tensor.name) else {
            let kind = FaultKind::Unknown { nearest: program.nearest_name(tensor.name.as_bytes()) };
            return Err(wrong(tensor, &kind.to_string()));
        };
        let datatype = expect_datatype(tensor, datatypes(field.kind))?;
        let dims: &[i64] = match (field.shape, tensor.shape.len()) {
            (FieldShape::Scalar, 2) => &[1],
            (FieldShape::Scalar, _) => &[],
            (FieldShape::List, _) => &[-1],
            (FieldShape::Fixed(length), _) => &[length as i64],
        };
        let sent = check_shape(tensor, dims)?;
        same_rows(&mut rows, place == 0, sent, tensor)?;
        let mut data = Vec::new();
        append_data(request, place, tensor, datatype, &mut data)?;
        let per_row = tensor.shape.get(1).map_or(1, |dim| usize::try_from(*dim).unwrap_or(0));
        buffers.push((tensor, datatype, data, per_row));
    }
    check_rows(rows)?;
    let columns: Vec<Parsed<'_>> = buffers
        .iter()
        .map(|(tensor, datatype, data, per_row)| {
            Ok(Parsed {
                name: tensor.name.as_bytes(),
                values: values(tensor, *datatype, data)?,
                lengths: &[],
                per_row: *per_row,
                validity: &[],
                place: Place::Tensor,
            })
        })
        .collect::<Result<_, RowsError>>()?;
    fill(program, Template::at(program, clock)?, rows, &columns)
}

/// Rows of zeros; a dimension of any size is 1.
#[must_use]
pub fn zeros(inputs: &[InputSpec], rows: usize) -> RowBlock {
    let column = |input: &InputSpec| {
        let dims: Dims = input.dims.iter().flatten().map(|dim| (*dim).max(1)).collect();
        let elements = dims.iter().map(|dim| usize::try_from(*dim).unwrap_or(1)).product::<usize>();
        Column::Fixed { data: vec![0; rows * elements * input.datatype.size_bytes()], dims }
    };
    RowBlock { rows, groups: rows, columns: inputs.iter().map(column).collect(), shape_key: 0 }
}

/// The datatypes in which a feature may come.
fn datatypes(kind: FeatureType) -> &'static [Datatype] {
    match kind {
        FeatureType::Float => &[Datatype::Fp32, Datatype::Fp64],
        FeatureType::Int | FeatureType::Timestamp => &[Datatype::Int64, Datatype::Int32],
        FeatureType::Bool => &[Datatype::Bool],
        FeatureType::String | FeatureType::Bytes => &[Datatype::Bytes],
    }
}

fn values<'a>(tensor: &InputTensor<'_>, datatype: Datatype, data: &'a [u8]) -> Result<Values<'a>, RowsError> {
    Ok(match datatype {
        Datatype::Fp32 => Values::Floats(Cow::Borrowed(data)),
        Datatype::Fp64 => Values::Doubles(Cow::Borrowed(data)),
        Datatype::Int32 => {
            let (words, _) = data.as_chunks::<4>();
            Values::Ints(
                words.iter().map(|word| i64::from(i32::from_le_bytes(*word)).to_le_bytes()).collect(),
            )
        }
        Datatype::Bool => Values::Ints(data.iter().map(|byte| i64::from(*byte).to_le_bytes()).collect()),
        Datatype::Bytes => Values::Texts(split_bytes(tensor, data)?),
        _ => Values::FixedInts(Cow::Borrowed(data)),
    })
}

/// The elements of a BYTES tensor: each a 4-byte little-endian length and so many bytes.
fn split_bytes<'a>(tensor: &InputTensor<'_>, data: &'a [u8]) -> Result<Texts<'a>, RowsError> {
    let expected = elements(tensor)?;
    let mut out = SmallVec::with_capacity(expected.min(data.len()));
    let mut rest = data;
    while let Some((length, behind)) = rest.split_first_chunk::<4>() {
        let length = usize::try_from(u32::from_le_bytes(*length)).ok();
        let Some((element, behind)) = length.and_then(|length| behind.split_at_checked(length)) else {
            return Err(wrong(
                tensor,
                &format!("has a BYTES element {} whose length goes past the end of its data", out.len()),
            ));
        };
        out.push(element);
        rest = behind;
    }
    if !rest.is_empty() || out.len() != expected {
        return Err(wrong(
            tensor,
            &format!("holds {} BYTES elements, but its shape {:?} needs {expected}", out.len(), tensor.shape),
        ));
    }
    Ok(out)
}

fn check_raw_count(request: &InferRequest<'_>) -> Result<(), RowsError> {
    if !request.raw.is_empty() && request.raw.len() != request.inputs.len() {
        return Err(RowsError::request(
            "raw_input_contents",
            format!(
                "The request has {} raw_input_contents, but {} inputs; send one for each input, in order.",
                request.raw.len(),
                request.inputs.len()
            ),
        ));
    }
    Ok(())
}

/// The request's tensor of this name; the usual place is looked at first.
fn find<'r, 'a>(
    request: &'r InferRequest<'a>,
    expected: usize,
    name: &str,
) -> Result<(usize, &'r InputTensor<'a>), RowsError> {
    if let Some(tensor) = request.inputs.get(expected)
        && tensor.name == name
    {
        return Ok((expected, tensor));
    }
    request.inputs.iter().enumerate().find(|(_, tensor)| tensor.name == name).ok_or_else(|| {
        let sent = request.inputs.iter().map(|tensor| tensor.name);
        let hint =
            nearest(name, sent).map_or_else(|| ".".to_owned(), |sent| format!("; is {sent:?} meant for it?"));
        RowsError::request(format!("inputs.{name}"), format!("Input {name:?} is missing{hint}"))
    })
}

/// More inputs came than the model has: names the one that is unknown or there twice.
#[cold]
fn refuse_surplus<'n>(
    request: &InferRequest<'_>,
    mut known: impl Iterator<Item = &'n str> + Clone,
) -> Result<(), RowsError> {
    for (index, tensor) in request.inputs.iter().enumerate() {
        let twice = request.inputs.iter().take(index).any(|other| other.name == tensor.name);
        if twice {
            return Err(wrong(tensor, "is there twice; send it once"));
        }
        if !known.clone().any(|name| name == tensor.name) {
            let takes = known.clone().collect::<Vec<_>>().join(", ");
            return Err(wrong(tensor, &format!("is not an input of this model, which takes {takes}")));
        }
    }
    known.next().map_or(Ok(()), |_| Ok(()))
}

fn expect_datatype(tensor: &InputTensor<'_>, allowed: &[Datatype]) -> Result<Datatype, RowsError> {
    allowed.iter().copied().find(|datatype| datatype.name() == tensor.datatype).ok_or_else(|| {
        let allowed = allowed.iter().map(|datatype| datatype.name()).collect::<Vec<_>>().join(" or ");
        wrong(tensor, &format!("has datatype {:?}; the model takes {allowed}", tensor.datatype))
    })
}

/// Checks all dimensions behind the first, and gives the first: the rows.
fn check_shape(tensor: &InputTensor<'_>, dims: &[i64]) -> Result<usize, RowsError> {
    let fits = match tensor.shape.split_first() {
        Some((rows, rest)) if *rows >= 0 && rest.len() == dims.len() => rest
            .iter()
            .zip(dims)
            .all(|(sent, dim)| if *dim == -1 { (0..=1 << 32).contains(sent) } else { sent == dim }),
        _ => false,
    };
    let rows = tensor.shape.first().and_then(|rows| usize::try_from(*rows).ok());
    match rows {
        Some(rows) if fits && rows <= MAX_ROWS => Ok(rows),
        _ => {
            let takes: Vec<i64> = std::iter::once(-1).chain(dims.iter().copied()).collect();
            Err(wrong(
                tensor,
                &format!(
                    "has shape {:?}; the model takes {takes:?}, where -1 is any size and the first is the rows",
                    tensor.shape
                ),
            ))
        }
    }
}

fn same_rows(rows: &mut usize, first: bool, sent: usize, tensor: &InputTensor<'_>) -> Result<(), RowsError> {
    if first {
        *rows = sent;
    }
    if *rows == sent {
        return Ok(());
    }
    Err(wrong(tensor, &format!("has {sent} rows, but the inputs before it have {rows}")))
}

fn elements(tensor: &InputTensor<'_>) -> Result<usize, RowsError> {
    tensor
        .shape
        .iter()
        .try_fold(1usize, |product, dim| product.checked_mul(usize::try_from(*dim).ok()?))
        .ok_or_else(|| wrong(tensor, &format!("has shape {:?}, whose product is too large", tensor.shape)))
}

/// The tensor's data in the raw form, checked against its shape.
fn append_data(
    request: &InferRequest<'_>,
    place: usize,
    tensor: &InputTensor<'_>,
    datatype: Datatype,
    out: &mut Vec<u8>,
) -> Result<(), RowsError> {
    match (request.raw.get(place), tensor.contents) {
        (Some(_), Some(contents)) if !contents.is_empty() => {
            return Err(wrong(tensor, "has both contents and raw_input_contents; send one of them"));
        }
        (Some(raw), _) => out.extend_from_slice(raw),
        (None, Some(contents)) => {
            append_raw(contents, datatype, out)
                .map_err(|error| wrong(tensor, &format!("is wrong: {error}")))?;
        }
        (None, None) => {}
    }
    if datatype == Datatype::Bytes {
        return Ok(());
    }
    let elements = elements(tensor)?;
    if elements.checked_mul(datatype.size_bytes()) != Some(out.len()) {
        return Err(wrong(
            tensor,
            &format!(
                "has {} bytes of data, but its shape {:?} of {} needs {elements} elements of {} bytes",
                out.len(),
                tensor.shape,
                datatype.name(),
                datatype.size_bytes()
            ),
        ));
    }
    Ok(())
}

fn wrong(tensor: &InputTensor<'_>, what: &str) -> RowsError {
    let name: String = tensor.name.chars().take(128).collect();
    let end = if what.ends_with('?') { "" } else { "." };
    RowsError::request(format!("inputs.{name}"), format!("Input {name:?} {what}{end}"))
}

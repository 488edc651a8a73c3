//! The caller's side of `ModelInfer`, with raw contents: writes a `ModelInferRequest`, reads a `ModelInferResponse`.

use smallvec::SmallVec;

use super::datatype::Datatype;
use super::error::{WireError, WireErrorKind};
use super::reader::{Reader, WireType};
use super::writer::{Writer, varint_len};

/// One input, row-major; its data is written by the caller.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    pub name: &'a str,
    pub datatype: Datatype,
    pub shape: &'a [i64],
}

/// The message without its last fields: the inputs' data, each of which `Writer::bytes(RAW_INPUT, …)` appends in order.
#[must_use]
pub fn encode(
    model_name: &str,
    model_version: &str,
    id: &str,
    inputs: &[Input<'_>],
    outputs: &[&str],
    data_bytes: usize,
) -> Writer {
    let named: usize = inputs.iter().map(|input| input.name.len() + 64).sum();
    let asked: usize = outputs.iter().map(|output| output.len() + 8).sum();
    let texts = model_name.len() + model_version.len() + id.len() + 16;
    let mut out = Writer::with_capacity(texts + named + asked + data_bytes);
    out.string(1, model_name);
    out.string(2, model_version);
    out.string(3, id);
    for Input { name, datatype, shape } in inputs {
        let dims: usize = shape.iter().map(|dim| varint_len(dim.cast_unsigned())).sum();
        let packed = if dims == 0 { 0 } else { field_len(dims) };
        out.length(5, field_len(name.len()) + field_len(datatype.name().len()) + packed);
        out.bytes(1, name.as_bytes());
        out.bytes(2, datatype.name().as_bytes());
        out.packed_int64(3, shape.iter().copied());
    }
    for name in outputs {
        out.length(6, field_len(name.len()));
        out.bytes(1, name.as_bytes());
    }
    out
}

/// `raw_input_contents`.
pub const RAW_INPUT: u32 = 7;

/// Bytes of a length-delimited field whose number is below 16.
fn field_len(content: usize) -> usize {
    1 + varint_len(content as u64) + content
}

/// A response; text and data are slices of the message.
#[derive(Debug, Default)]
pub struct InferResponse<'a> {
    pub model_name: &'a str,
    pub model_version: &'a str,
    pub id: &'a str,
    pub outputs: SmallVec<[OutputTensor<'a>; 2]>,
    /// `raw_output_contents`, one an output, in order.
    pub raw: SmallVec<[&'a [u8]; 2]>,
}

#[derive(Debug, Default)]
pub struct OutputTensor<'a> {
    pub name: &'a str,
    pub datatype: &'a str,
    pub shape: SmallVec<[i64; 4]>,
}

impl<'a> InferResponse<'a> {
    pub fn parse(message: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(message);
        let mut response = Self::default();
        while let Some((number, wire_type)) = reader.field()? {
            match (number, wire_type) {
                (1, WireType::Length) => response.model_name = reader.string("model_name")?,
                (2, WireType::Length) => response.model_version = reader.string("model_version")?,
                (3, WireType::Length) => response.id = reader.string("id")?,
                (5, WireType::Length) => response.outputs.push(OutputTensor::parse(reader.message()?)?),
                (6, WireType::Length) => response.raw.push(reader.bytes()?),
                _ => reader.skip(number, wire_type)?,
            }
        }
        Ok(response)
    }
}

impl<'a> OutputTensor<'a> {
    fn parse(mut reader: Reader<'a>) -> Result<Self, WireError> {
        let mut tensor = Self::default();
        while let Some((number, wire_type)) = reader.field()? {
            match (number, wire_type) {
                (1, WireType::Length) => tensor.name = reader.string("outputs.name")?,
                (2, WireType::Length) => tensor.datatype = reader.string("outputs.datatype")?,
                (3, WireType::Length) => {
                    let mut dims = reader.message()?;
                    while !dims.is_empty() {
                        tensor.shape.push(dims.varint()?.cast_signed());
                    }
                }
                (3, WireType::Varint) => tensor.shape.push(reader.varint()?.cast_signed()),
                _ => reader.skip(number, wire_type)?,
            }
        }
        Ok(tensor)
    }

    /// Whether so many bytes are the elements that the shape says; `BYTES` elements differ in size, and are not counted.
    pub fn check(&self, data: &[u8], whole: &Reader<'_>) -> Result<(), WireError> {
        let Some(datatype) = Datatype::parse(self.datatype) else { return Ok(()) };
        if datatype == Datatype::Bytes {
            return Ok(());
        }
        let elements = self
            .shape
            .iter()
            .try_fold(datatype.size_bytes(), |product, dim| product.checked_mul(usize::try_from(*dim).ok()?));
        if elements == Some(data.len()) { Ok(()) } else { Err(whole.error(WireErrorKind::Truncated)) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::infer_request::InferRequest;
    use super::super::infer_response::{self, OutputRows};
    use super::*;

    #[test]
    fn what_a_caller_writes_is_what_a_server_reads() {
        let long = "n".repeat(300);
        let inputs = [
            Input { name: &long, datatype: Datatype::Fp32, shape: &[1, 300] },
            Input { name: "scalar", datatype: Datatype::Int64, shape: &[] },
        ];
        let mut message = encode("fraud", "1", "r-1", &inputs, &["score", ""], 8);
        message.bytes(RAW_INPUT, b"data");
        message.bytes(RAW_INPUT, b"");
        let read = InferRequest::parse(message.as_slice()).unwrap();
        assert_eq!((read.model_name, read.model_version, read.id), ("fraud", "1", "r-1"));
        let inputs: Vec<_> =
            read.inputs.iter().map(|input| (input.name, input.datatype, input.shape.to_vec())).collect();
        assert_eq!(inputs, [(long.as_str(), "FP32", vec![1, 300]), ("scalar", "INT64", vec![])]);
        assert_eq!(read.outputs.iter().map(|output| output.name).collect::<Vec<_>>(), ["score", ""]);
        assert_eq!(read.raw.to_vec(), [&b"data"[..], b""]);
    }

    #[test]
    fn what_a_server_writes_is_what_a_caller_reads() {
        let output =
            OutputRows { name: "score", datatype: Datatype::Fp32, rows: 2, dims: &[1], data: &[7; 8] };
        let message = infer_response::encode("fraud", "1", "r-1", &[output]);
        let read = InferResponse::parse(&message).unwrap();
        assert_eq!((read.model_name, read.model_version, read.id), ("fraud", "1", "r-1"));
        let tensor = &read.outputs[0];
        assert_eq!((tensor.name, tensor.datatype, tensor.shape.as_slice()), ("score", "FP32", &[2, 1][..]));
        assert_eq!(read.raw.to_vec(), [&[7; 8][..]]);
        let whole = Reader::new(&message);
        assert_eq!(tensor.check(&[7; 8], &whole), Ok(()));
        assert!(tensor.check(&[7; 7], &whole).is_err());
    }

    #[test]
    fn a_shape_that_is_negative_or_overflows_is_not_filled() {
        let whole = Reader::new(&[]);
        for shape in [&[-1, 0][..], &[i64::MAX, i64::MAX]] {
            let tensor = OutputTensor { name: "y", datatype: "FP32", shape: SmallVec::from(shape) };
            assert!(tensor.check(&[], &whole).is_err());
        }
    }
}

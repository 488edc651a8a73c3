//! `inference.ModelInferRequest`, borrowed from the bytes that came.

use smallvec::SmallVec;

use super::error::{WireError, WireErrorKind};
use super::infer_parameters::{self, MAX_PARAMETERS, Parameters, Refused};
use super::reader::{Reader, WireType};

/// Most inputs, and most requested outputs, of a request.
pub const MAX_TENSORS: usize = 64;
/// Most dimensions of a tensor.
pub const MAX_DIMS: usize = 8;

/// A request; text and tensors are slices of the message.
#[derive(Debug, Default)]
pub struct InferRequest<'a> {
    pub model_name: &'a str,
    pub model_version: &'a str,
    pub id: &'a str,
    pub inputs: SmallVec<[InputTensor<'a>; 2]>,
    pub outputs: SmallVec<[RequestedOutput<'a>; 2]>,
    /// `raw_input_contents`, one an input, in order.
    pub raw: SmallVec<[&'a [u8]; 2]>,
    pub parameters: Parameters<'a>,
}

/// One input tensor.
#[derive(Debug, Default)]
pub struct InputTensor<'a> {
    pub name: &'a str,
    /// A parameter that asks for what penstock does not have.
    pub refused: Option<Refused<'a>>,
    pub datatype: &'a str,
    pub shape: SmallVec<[i64; 4]>,
    /// The `InferTensorContents` message, where the tensor's data is typed.
    pub contents: Option<Reader<'a>>,
}

/// An output that the caller wants.
#[derive(Clone, Copy, Debug, Default)]
pub struct RequestedOutput<'a> {
    pub name: &'a str,
    pub refused: Option<Refused<'a>>,
}

impl<'a> InferRequest<'a> {
    /// The path of a refused parameter, and why it is.
    #[must_use]
    pub fn refusal(&self) -> Option<(String, String)> {
        let of_inputs = self.inputs.iter().map(|input| ("inputs.", input.name, input.refused));
        let of_outputs = self.outputs.iter().map(|output| ("outputs.", output.name, output.refused));
        let of_tensors = of_inputs.chain(of_outputs).find_map(|(kind, name, refused)| {
            refused.map(|refused| (format!("{kind}{}.parameters.", shorten(name)), refused))
        });
        let of_request = || self.parameters.refused.map(|refused| ("parameters.".to_owned(), refused));
        let (mut path, refused) = of_tensors.or_else(of_request)?;
        path.push_str(&shorten(refused.name));
        let sentence = refused.sentence(&path);
        Some((path, sentence))
    }

    pub fn parse(message: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(message);
        let mut request = Self::default();
        let mut parameters = 0;
        while let Some((number, wire_type)) = reader.field()? {
            match (number, wire_type) {
                (1, WireType::Length) => request.model_name = reader.string("model_name")?,
                (2, WireType::Length) => request.model_version = reader.string("model_version")?,
                (3, WireType::Length) => request.id = reader.string("id")?,
                (4, WireType::Length) => {
                    let (name, value) = infer_parameters::entry(reader.message()?)?;
                    count(&mut parameters, &reader, "parameters", MAX_PARAMETERS)?;
                    request.parameters.take(name, value);
                }
                (5, WireType::Length) => {
                    limit(request.inputs.len(), &reader, "inputs", MAX_TENSORS)?;
                    let input = InputTensor::parse(reader.message()?)?;
                    request.inputs.push(input);
                }
                (6, WireType::Length) => {
                    limit(request.outputs.len(), &reader, "outputs", MAX_TENSORS)?;
                    let output = RequestedOutput::parse(reader.message()?)?;
                    request.outputs.push(output);
                }
                (7, WireType::Length) => {
                    limit(request.raw.len(), &reader, "raw_input_contents", MAX_TENSORS)?;
                    request.raw.push(reader.bytes()?);
                }
                _ => reader.skip(number, wire_type)?,
            }
        }
        Ok(request)
    }
}

impl<'a> InputTensor<'a> {
    fn parse(mut reader: Reader<'a>) -> Result<Self, WireError> {
        let mut tensor = Self::default();
        let mut parameters = 0;
        while let Some((number, wire_type)) = reader.field()? {
            match (number, wire_type) {
                (1, WireType::Length) => tensor.name = reader.string("inputs.name")?,
                (2, WireType::Length) => tensor.datatype = reader.string("inputs.datatype")?,
                (3, WireType::Length) => {
                    let mut dims = reader.message()?;
                    while !dims.is_empty() {
                        limit(tensor.shape.len(), &dims, "inputs.shape", MAX_DIMS)?;
                        tensor.shape.push(dims.varint()?.cast_signed());
                    }
                }
                (3, WireType::Varint) => {
                    limit(tensor.shape.len(), &reader, "inputs.shape", MAX_DIMS)?;
                    tensor.shape.push(reader.varint()?.cast_signed());
                }
                (4, WireType::Length) => {
                    take_parameter(&mut tensor.refused, reader.message()?)?;
                    count(&mut parameters, &reader, "inputs.parameters", MAX_PARAMETERS)?;
                }
                (5, WireType::Length) => tensor.contents = Some(reader.message()?),
                _ => reader.skip(number, wire_type)?,
            }
        }
        Ok(tensor)
    }
}

impl<'a> RequestedOutput<'a> {
    fn parse(mut reader: Reader<'a>) -> Result<Self, WireError> {
        let mut output = Self::default();
        let mut parameters = 0;
        while let Some((number, wire_type)) = reader.field()? {
            match (number, wire_type) {
                (1, WireType::Length) => output.name = reader.string("outputs.name")?,
                (2, WireType::Length) => {
                    take_parameter(&mut output.refused, reader.message()?)?;
                    count(&mut parameters, &reader, "outputs.parameters", MAX_PARAMETERS)?;
                }
                _ => reader.skip(number, wire_type)?,
            }
        }
        Ok(output)
    }
}

/// One parameter of an input or a requested output.
fn take_parameter<'a>(refused: &mut Option<Refused<'a>>, entry: Reader<'a>) -> Result<(), WireError> {
    let (name, value) = infer_parameters::entry(entry)?;
    if let Err(why) = infer_parameters::of_tensor(name, value) {
        infer_parameters::refuse(refused, Refused { name, why });
    }
    Ok(())
}

/// As much of a name as goes back to its sender.
fn shorten(name: &str) -> String {
    name.chars().take(128).collect()
}

pub(super) fn limit(
    have: usize,
    reader: &Reader<'_>,
    field: &'static str,
    limit: usize,
) -> Result<(), WireError> {
    if have >= limit { Err(reader.error(WireErrorKind::TooMany { field, limit })) } else { Ok(()) }
}

fn count(have: &mut usize, reader: &Reader<'_>, field: &'static str, most: usize) -> Result<(), WireError> {
    limit(*have, reader, field, most)?;
    *have += 1;
    Ok(())
}

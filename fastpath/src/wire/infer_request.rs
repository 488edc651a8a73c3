//! `inference.ModelInferRequest`, borrowed from the bytes that came.

use smallvec::SmallVec;

use super::error::{WireError, WireErrorKind};
use super::reader::{Reader, WireType};
use super::routing_key::{ROUTING_KEY, RoutingKey};

/// Most inputs, and most requested outputs, of a request.
pub const MAX_TENSORS: usize = 64;
/// Most dimensions of a tensor.
pub const MAX_DIMS: usize = 8;
/// Most parameters of a request or tensor.
pub const MAX_PARAMETERS: usize = 64;

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
    /// Like `InputTensor::refused_parameter`, of the request itself.
    pub refused_parameter: Option<&'a str>,
    /// Calls with the same one meet the same version.
    pub routing_key: RoutingKey<'a>,
}

/// One input tensor.
#[derive(Debug, Default)]
pub struct InputTensor<'a> {
    pub name: &'a str,
    /// A parameter that asks for what penstock does not have: client shared memory, or classification.
    pub refused_parameter: Option<&'a str>,
    pub datatype: &'a str,
    pub shape: SmallVec<[i64; 4]>,
    /// The `InferTensorContents` message, where the tensor's data is typed.
    pub contents: Option<Reader<'a>>,
}

/// An output that the caller wants.
#[derive(Clone, Copy, Debug, Default)]
pub struct RequestedOutput<'a> {
    pub name: &'a str,
    pub refused_parameter: Option<&'a str>,
}

impl<'a> InferRequest<'a> {
    /// The path of a parameter that asks for what penstock does not have.
    #[must_use]
    pub fn refused_parameter(&self) -> Option<String> {
        let of_inputs = self.inputs.iter().map(|input| ("inputs.", input.name, input.refused_parameter));
        let of_outputs =
            self.outputs.iter().map(|output| ("outputs.", output.name, output.refused_parameter));
        let mut all = of_inputs.chain(of_outputs);
        all.find_map(|(kind, name, parameter)| {
            parameter.map(|parameter| format!("{kind}{name}.parameters.{parameter}"))
        })
        .or_else(|| self.refused_parameter.map(|parameter| format!("parameters.{parameter}")))
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
                    let (name, value) = parameter(reader.message()?)?;
                    count(&mut parameters, &reader, "parameters", MAX_PARAMETERS)?;
                    refuse_parameter(&mut request.refused_parameter, name);
                    if name == ROUTING_KEY {
                        request.routing_key = RoutingKey::parse(value)?;
                    }
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
                    let (name, _) = parameter(reader.message()?)?;
                    count(&mut parameters, &reader, "parameters", MAX_PARAMETERS)?;
                    refuse_parameter(&mut tensor.refused_parameter, name);
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
                    let (name, _) = parameter(reader.message()?)?;
                    count(&mut parameters, &reader, "outputs.parameters", MAX_PARAMETERS)?;
                    refuse_parameter(&mut output.refused_parameter, name);
                }
                _ => reader.skip(number, wire_type)?,
            }
        }
        Ok(output)
    }
}

/// The key of a `map<string, InferParameter>` entry, and its value, which is not looked into.
fn parameter(mut entry: Reader<'_>) -> Result<(&str, Reader<'_>), WireError> {
    let (mut name, mut value) = ("", Reader::new(&[]));
    while let Some((number, wire_type)) = entry.field()? {
        match (number, wire_type) {
            (1, WireType::Length) => name = entry.string("parameters")?,
            (2, WireType::Length) => value = entry.message()?,
            _ => entry.skip(number, wire_type)?,
        }
    }
    Ok((name, value))
}

/// Whether a parameter asks for what penstock does not have: client shared memory, or classification.
#[must_use]
pub fn is_refused(name: &str) -> bool {
    name.starts_with("shared_memory_") || name == "classification"
}

fn refuse_parameter<'a>(refused: &mut Option<&'a str>, name: &'a str) {
    if is_refused(name) {
        // A map has no order on the wire; the last name of the alphabet is the same in every run.
        *refused = (*refused).max(Some(name));
    }
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

//! `penstock.v1.PredictRequest`, borrowed from the bytes that came.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::error::WireError;
use super::infer_request::{MAX_TENSORS, limit};
use super::reader::{Reader, WireType};

/// Most rows of a request, whatever the model allows.
pub const MAX_ROWS: usize = 65_536;
/// Most columns of a request.
pub const MAX_COLUMNS: usize = 4_096;
/// Bytes of a short name and one value: how many columns a request may have, to make room for them at once.
const LEAST_COLUMN_BYTES: usize = 32;

/// A request; text and rows are slices of the message.
#[derive(Debug, Default)]
pub struct PredictRequest<'a> {
    pub model_name: &'a str,
    pub model_version: &'a str,
    pub id: &'a str,
    /// An Example message. Owned only where a caller sent the field in several parts.
    pub context: Option<Cow<'a, [u8]>>,
    /// Example messages.
    pub examples: SmallVec<[Reader<'a>; 1]>,
    pub columns: Vec<Column<'a>>,
    pub outputs: SmallVec<[&'a str; 2]>,
    pub receipt: bool,
    pub unordered: bool,
    /// Calls with the same one meet the same version; empty: none.
    pub routing_key: &'a str,
}

/// One feature for all rows.
#[derive(Debug, Default)]
pub struct Column<'a> {
    /// UTF-8.
    pub name: &'a [u8],
    pub kind: ColumnKind,
    /// The message of a repeated field 1. Owned only where a caller sent it in several parts.
    pub values: Cow<'a, [u8]>,
    /// Values of each row; empty: one a row.
    pub row_lengths: SmallVec<[u32; 4]>,
    pub validity: &'a [u8],
}

/// Which values a column has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColumnKind {
    #[default]
    None,
    Floats,
    Doubles,
    Ints,
    FixedInts,
    Strings,
    Bytes,
}

impl<'a> PredictRequest<'a> {
    pub fn parse(message: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(message);
        let mut request = Self::default();
        while let Some((number, wire_type)) = reader.field()? {
            match (number, wire_type) {
                (1, WireType::Length) => request.model_name = reader.string("model_name")?,
                (2, WireType::Length) => request.model_version = reader.string("model_version")?,
                (3, WireType::Length) => request.id = reader.string("id")?,
                // Parts of a message merge as their bytes laid end to end do.
                (4, WireType::Length) => {
                    let part = reader.bytes()?;
                    match &mut request.context {
                        None => request.context = Some(Cow::Borrowed(part)),
                        Some(before) => before.to_mut().extend_from_slice(part),
                    }
                }
                (5, WireType::Length) => {
                    limit(request.examples.len(), &reader, "examples", MAX_ROWS)?;
                    request.examples.push(reader.message()?);
                }
                (6, WireType::Length) => {
                    limit(request.columns.len(), &reader, "columns", MAX_COLUMNS)?;
                    if request.columns.is_empty() {
                        let most = reader.rest().len() / LEAST_COLUMN_BYTES + 1;
                        request.columns.reserve(most.min(MAX_COLUMNS));
                    }
                    // In its place at once: moving what was just written makes the processor wait.
                    request.columns.resize_with(request.columns.len() + 1, Column::default);
                    if let Some(column) = request.columns.last_mut() {
                        column.parse(reader.message()?)?;
                    }
                }
                (7, WireType::Length) => {
                    limit(request.outputs.len(), &reader, "outputs", MAX_TENSORS)?;
                    request.outputs.push(reader.string("outputs")?);
                }
                (8, WireType::Varint) => request.receipt = reader.varint()? != 0,
                (9, WireType::Varint) => request.unordered = reader.varint()? != 0,
                (10, WireType::Length) => request.routing_key = reader.string("routing_key")?,
                _ => reader.skip(number, wire_type)?,
            }
        }
        Ok(request)
    }
}

impl<'a> Column<'a> {
    fn parse(&mut self, mut reader: Reader<'a>) -> Result<(), WireError> {
        while let Some((number, wire_type)) = reader.field()? {
            match (number, wire_type) {
                (1, WireType::Length) => self.name = reader.text("columns.name")?,
                (2, WireType::Length) => self.add(ColumnKind::Floats, reader.bytes()?),
                (3, WireType::Length) => self.add(ColumnKind::Doubles, reader.bytes()?),
                (4, WireType::Length) => self.add(ColumnKind::Ints, reader.bytes()?),
                (5, WireType::Length) => self.add(ColumnKind::FixedInts, reader.bytes()?),
                (6, WireType::Length) => self.add(ColumnKind::Strings, reader.bytes()?),
                (7, WireType::Length) => self.add(ColumnKind::Bytes, reader.bytes()?),
                (8, WireType::Length) => {
                    let mut lengths = reader.message()?;
                    self.push_short_lengths(&mut lengths);
                    while !lengths.is_empty() {
                        self.push_length(lengths.varint()?, &lengths)?;
                    }
                }
                (8, WireType::Varint) => {
                    let length = reader.varint()?;
                    self.push_length(length, &reader)?;
                }
                (9, WireType::Length) => self.validity = reader.bytes()?,
                _ => reader.skip(number, wire_type)?,
            }
        }
        Ok(())
    }

    /// Parts of one kind are joined; of two kinds the last counts, as in every oneof.
    fn add(&mut self, kind: ColumnKind, part: &'a [u8]) {
        if kind == self.kind {
            self.values.to_mut().extend_from_slice(part);
        } else {
            self.values = Cow::Borrowed(part);
            self.kind = kind;
        }
    }

    /// All lengths, where each is one byte and they are not too many.
    fn push_short_lengths(&mut self, lengths: &mut Reader<'_>) {
        let bytes = lengths.rest();
        if bytes.is_ascii() && bytes.len() <= MAX_ROWS - self.row_lengths.len() {
            self.row_lengths.extend(bytes.iter().map(|length| u32::from(*length)));
            *lengths = Reader::new(&[]);
        }
    }

    fn push_length(&mut self, length: u64, reader: &Reader<'_>) -> Result<(), WireError> {
        limit(self.row_lengths.len(), reader, "columns.row_lengths", MAX_ROWS)?;
        // uint32 on the wire: the low 32 bits count, as in every protobuf parser.
        let [a, b, c, d, ..] = length.to_le_bytes();
        self.row_lengths.push(u32::from_le_bytes([a, b, c, d]));
        Ok(())
    }
}

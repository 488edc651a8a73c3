//! Header blocks, field by field (RFC 7541, sections 3 and 6).

use std::fmt;

use super::table::Table;
use super::{huffman, integer};

/// What a connection's table may hold before anything is said of it (RFC 9113, section 6.5.2).
const DEFAULT_TABLE_BYTES: usize = 4_096;
/// What a connection keeps for strings between its blocks; more was needed once, and is given back.
const KEPT_BYTES: usize = 4_096;

/// Why a block cannot be read. The table is then not what the peer believes it is: its connection cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// An index is 0, or points behind the table.
    Index,
    /// An integer has more than five octets.
    IntegerTooLarge,
    /// The block ends within an integer, or before one.
    IntegerCutOff,
    /// The block ends within a string.
    StringCutOff,
    /// A string is no Huffman code, has EOS in it, or is not padded with EOS's first bits.
    Huffman,
    /// A table size is larger than the settings allow.
    TableTooLarge,
    /// A table size stands behind a field.
    TableSizeBehindField,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Index => "a header block points to a field that is not in the table",
            Self::IntegerTooLarge => "a header block has an integer of more than five octets",
            Self::IntegerCutOff => "a header block ends within an integer",
            Self::StringCutOff => "a header block ends within a string",
            Self::Huffman => "a header block has a string whose Huffman code is broken",
            Self::TableTooLarge => "a header block asks for a larger table than is allowed",
            Self::TableSizeBehindField => "a header block changes the table's size behind its first field",
        })
    }
}

impl std::error::Error for Error {}

/// Reads the blocks of one connection, in the order in which they come: each may change what the next mean.
pub struct Decoder {
    table: Table,
    max_table_bytes: usize,
    /// A name and a value, as long as they are needed, that were Huffman codes.
    name: Vec<u8>,
    value: Vec<u8>,
}

impl Decoder {
    /// `max_table_bytes` is what `SETTINGS_HEADER_TABLE_SIZE` allows the peer.
    ///
    /// The table starts with the protocol's 4,096 bytes even so: the peer uses these until it has read the settings, and
    /// says so in a block when it uses more, or must do with less.
    #[must_use]
    pub fn new(max_table_bytes: usize) -> Self {
        let table = Table::new(DEFAULT_TABLE_BYTES);
        Self { table, max_table_bytes, name: Vec::new(), value: Vec::new() }
    }

    /// Calls `field` with each name and value of a block, in order, and gives whether the table is as it was: such a block
    /// means the same when it comes again.
    ///
    /// A few bytes can stand for 4 kB in the table, so that who keeps fields has to count their bytes. Fields in front of
    /// an error are given, too.
    #[inline]
    pub fn decode(&mut self, block: &[u8], mut field: impl FnMut(&[u8], &[u8])) -> Result<bool, Error> {
        let (mut is_unchanged, mut rest) = self.read_table_sizes(block)?;
        while let Some((&first, behind)) = rest.split_first() {
            match first {
                0x80.. => {
                    let (index, behind) = integer::read(first, 0x7f, behind)?;
                    let (name, value) = self.table.get(index).ok_or(Error::Index)?;
                    field(name, value);
                    rest = behind;
                }
                0x40.. => {
                    let (index, behind) = integer::read(first, 0x3f, behind)?;
                    rest = self.read_literal(index, true, behind, &mut field)?;
                    is_unchanged = false;
                }
                0x20.. => return Err(Error::TableSizeBehindField),
                // Without indexing and never indexed: to who does not send it on, these are the same.
                _ => {
                    let (index, behind) = integer::read(first, 0x0f, behind)?;
                    rest = self.read_literal(index, false, behind, &mut field)?;
                }
            }
        }
        Ok(is_unchanged)
    }

    /// Reads the table sizes at the front of a block (RFC 7541, section 4.2), and gives whether they change nothing, and what
    /// is behind them.
    #[inline]
    fn read_table_sizes<'block>(&mut self, block: &'block [u8]) -> Result<(bool, &'block [u8]), Error> {
        let mut is_unchanged = true;
        let mut rest = block;
        while let Some((&first @ 0x20..0x40, behind)) = rest.split_first() {
            let (size, behind) = integer::read(first, 0x1f, behind)?;
            if size > self.max_table_bytes {
                return Err(Error::TableTooLarge);
            }
            is_unchanged &= size == self.table.max_size();
            self.table.resize(size);
            rest = behind;
        }
        Ok((is_unchanged, rest))
    }

    /// Reads a field whose value, and at index 0 its name, too, stands in the block; gives what is behind it.
    fn read_literal<'block>(
        &mut self,
        index: usize,
        is_added: bool,
        rest: &'block [u8],
        field: &mut impl FnMut(&[u8], &[u8]),
    ) -> Result<&'block [u8], Error> {
        let behind = if index == 0 {
            let (name, rest) = read_string(rest, &mut self.name)?;
            let (value, behind) = read_string(rest, &mut self.value)?;
            field(name, value);
            if is_added {
                self.table.insert(name, value);
            }
            behind
        } else {
            let (name, _) = self.table.get(index).ok_or(Error::Index)?;
            let (value, behind) = read_string(rest, &mut self.value)?;
            field(name, value);
            if is_added {
                self.table.insert_with_name_of(index, value);
            }
            behind
        };
        for scratch in [&mut self.name, &mut self.value] {
            if scratch.capacity() > KEPT_BYTES {
                *scratch = Vec::new();
            }
        }
        Ok(behind)
    }
}

/// Reads a string (RFC 7541, section 5.2): a part of the block, or what `scratch` then holds. Gives what is behind it, too.
#[inline]
fn read_string<'a, 'block: 'a>(
    rest: &'block [u8],
    scratch: &'a mut Vec<u8>,
) -> Result<(&'a [u8], &'block [u8]), Error> {
    let (&first, rest) = rest.split_first().ok_or(Error::IntegerCutOff)?;
    let (length, rest) = integer::read(first, 0x7f, rest)?;
    let (string, behind) = rest.split_at_checked(length).ok_or(Error::StringCutOff)?;
    if first < 0x80 {
        return Ok((string, behind));
    }
    scratch.clear();
    huffman::decode(string, scratch)?;
    Ok((scratch, behind))
}

//! The zip directory at the end of the file (APPNOTE.TXT 6.3.10, sections 4.3.12 to 4.3.16), with zip64.

use std::collections::HashSet;

use super::entry::{Entry, Method, place};
use super::error::ModelFileError;
use super::source::Source;

const END: &[u8; 4] = b"PK\x05\x06";
const END_BYTES: usize = 22;
const END64_LOCATOR: &[u8; 4] = b"PK\x06\x07";
const END64_LOCATOR_BYTES: usize = 20;
const END64: &[u8; 4] = b"PK\x06\x06";
const END64_BYTES: usize = 56;
const HEADER: &[u8; 4] = b"PK\x01\x02";
const HEADER_BYTES: usize = 46;
/// Some million entries; a file that claims more has no memory made for it.
const MOST_DIRECTORY: usize = 256 << 20;
/// A comment's length has 16 bits.
const MOST_COMMENT: u64 = 0xFFFF;
const ZIP64_EXTRA: u16 = 1;
const ENCRYPTED: u16 = 1;

/// What the file holds, in the order in which it lies there.
#[derive(Debug)]
pub struct Directory {
    pub entries: Vec<Entry>,
    /// Where it begins, which is where the entries end.
    pub at: u64,
    /// From there to the end of the file, as it was read.
    pub bytes: Vec<u8>,
}

impl Directory {
    pub fn read(source: &(impl Source + ?Sized)) -> Result<Self, ModelFileError> {
        let place = find(source)?;
        let length = usize_of(source.length()? - place.at)?;
        if length > MOST_DIRECTORY {
            return Err(ModelFileError::Directory("it is longer than a directory can be"));
        }
        let mut bytes = vec![0; length];
        source.read_exact_at(&mut bytes, place.at)?;
        let central = bytes.get(..usize_of(place.bytes)?).ok_or(DAMAGED_END)?;
        let mut entries = parse(central, place.entries)?;
        entries.sort_by_key(|entry| entry.header_at);
        Ok(Self { entries, at: place.at, bytes })
    }
}

const DAMAGED_END: ModelFileError = ModelFileError::Directory("its end does not say where it lies");

struct Place {
    at: u64,
    bytes: u64,
    entries: u64,
}

fn usize_of(number: u64) -> Result<usize, ModelFileError> {
    usize::try_from(number).map_err(|_| DAMAGED_END)
}

fn find(source: &(impl Source + ?Sized)) -> Result<Place, ModelFileError> {
    let length = source.length()?;
    let tail_at = length.saturating_sub(END_BYTES as u64 + MOST_COMMENT);
    let mut tail = vec![0; usize_of(length - tail_at)?];
    source.read_exact_at(&mut tail, tail_at)?;
    let ends_here = |at: &usize| {
        let end = tail.get(*at..).unwrap_or_default();
        let comment = u16_at(end, 20).map(usize::from);
        end.starts_with(END) && comment.is_some_and(|comment| END_BYTES + comment == end.len())
    };
    let at = (0..tail.len()).rev().find(ends_here).ok_or(ModelFileError::NotAnArchive)?;
    let end = tail.get(at..).unwrap_or_default();
    let end_at = tail_at + at as u64;
    let (place, behind) = match end64(source, end_at)? {
        Some((place, at)) => (place, at),
        None => (end32(end).ok_or(DAMAGED_END)?, end_at),
    };
    if place.at.checked_add(place.bytes) != Some(behind) {
        return Err(DAMAGED_END);
    }
    Ok(place)
}

fn end32(end: &[u8]) -> Option<Place> {
    // Archives in several parts are not written by anybody.
    if (u16_at(end, 4)?, u16_at(end, 6)?) != (0, 0) {
        return None;
    }
    Some(Place {
        entries: u64::from(u16_at(end, 10)?),
        bytes: u64::from(u32_at(end, 12)?),
        at: u64::from(u32_at(end, 16)?),
    })
}

/// What the zip64 end says, where there is one, and where that begins.
fn end64(source: &(impl Source + ?Sized), end_at: u64) -> Result<Option<(Place, u64)>, ModelFileError> {
    let Some(locator_at) = end_at.checked_sub(END64_LOCATOR_BYTES as u64) else { return Ok(None) };
    let mut locator = [0; END64_LOCATOR_BYTES];
    source.read_exact_at(&mut locator, locator_at)?;
    if !locator.starts_with(END64_LOCATOR) {
        return Ok(None);
    }
    let at = u64_at(&locator, 8)
        .filter(|at| at.checked_add(END64_BYTES as u64).is_some_and(|end| end <= locator_at));
    let at = at.ok_or(DAMAGED_END)?;
    let mut end = [0; END64_BYTES];
    source.read_exact_at(&mut end, at)?;
    let place =
        || Some(Place { entries: u64_at(&end, 32)?, bytes: u64_at(&end, 40)?, at: u64_at(&end, 48)? });
    match place() {
        Some(place) if end.starts_with(END64) => Ok(Some((place, at))),
        _ => Err(DAMAGED_END),
    }
}

fn parse(mut central: &[u8], count: u64) -> Result<Vec<Entry>, ModelFileError> {
    const CUT: ModelFileError = ModelFileError::Directory("an entry of it is cut or has no beginning");
    let mut entries = Vec::new();
    let mut names = HashSet::new();
    let mut top: Option<String> = None;
    while !central.is_empty() {
        let (raw, rest) = Raw::split(central).ok_or(CUT)?;
        central = rest;
        let name = std::str::from_utf8(raw.name)
            .map_err(|_| ModelFileError::Directory("a name in it is not UTF-8 text"))?;
        let top = top.get_or_insert_with(|| name.split('/').next().unwrap_or_default().to_owned());
        let entry = raw.entry(name, top)?;
        if !names.insert(name.to_owned()) {
            return Err(ModelFileError::entry(&entry.name, "it is there twice"));
        }
        entries.push(entry);
    }
    if entries.len() as u64 != count {
        return Err(ModelFileError::Directory("it has another number of entries than its end says"));
    }
    let total = entries.iter().try_fold(0_usize, |sum, entry| sum.checked_add(entry.bytes));
    if total.is_none() {
        return Err(ModelFileError::Directory("its entries are longer than any memory"));
    }
    Ok(entries)
}

/// The fields of one entry of the directory.
struct Raw<'a> {
    flags: u16,
    method: u16,
    checksum: u32,
    packed_bytes: u64,
    bytes: u64,
    header_at: u64,
    name: &'a [u8],
}

impl<'a> Raw<'a> {
    fn split(central: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let rest = central.get(HEADER_BYTES..).filter(|_| central.starts_with(HEADER))?;
        let (name, rest) = rest.split_at_checked(usize::from(u16_at(central, 28)?))?;
        let (extra, rest) = rest.split_at_checked(usize::from(u16_at(central, 30)?))?;
        let (_comment, rest) = rest.split_at_checked(usize::from(u16_at(central, 32)?))?;
        let mut long = zip64_numbers(extra)?;
        // Each number that does not fit into 32 bits stands in the extra field, in this order.
        let mut number = |at| match u32_at(central, at)? {
            u32::MAX => long.split_off_first_number(),
            short => Some(u64::from(short)),
        };
        let raw = Self {
            flags: u16_at(central, 8)?,
            method: u16_at(central, 10)?,
            checksum: u32_at(central, 16)?,
            bytes: number(24)?,
            packed_bytes: number(20)?,
            header_at: number(42)?,
            name,
        };
        Some((raw, rest))
    }

    fn entry(&self, full_name: &str, top: &str) -> Result<Entry, ModelFileError> {
        let wrong = |what| ModelFileError::entry(full_name, what);
        let (name, role) = place(full_name, top).ok_or_else(|| wrong("its name is no plain path"))?;
        let length = |number: u64| usize::try_from(number).map_err(|_| wrong("it is longer than any memory"));
        let entry = Entry {
            name,
            full_name: full_name.to_owned(),
            role,
            method: match self.method {
                0 => Method::Stored,
                8 => Method::Deflated,
                _ => return Err(wrong("it is compressed in a way that torch does not read")),
            },
            checksum: self.checksum,
            packed_bytes: length(self.packed_bytes)?,
            bytes: length(self.bytes)?,
            header_at: self.header_at,
        };
        entry.check(self.flags & ENCRYPTED != 0)?;
        Ok(entry)
    }
}

/// The 64-bit numbers of the extra field that has them.
struct Numbers<'a>(&'a [u8]);

impl Numbers<'_> {
    fn split_off_first_number(&mut self) -> Option<u64> {
        let (first, rest) = self.0.split_at_checked(8)?;
        self.0 = rest;
        u64_at(first, 0)
    }
}

/// None where the extra fields do not end where they should.
fn zip64_numbers(mut extra: &[u8]) -> Option<Numbers<'_>> {
    while !extra.is_empty() {
        let (id, length) = (u16_at(extra, 0)?, usize::from(u16_at(extra, 2)?));
        let (field, rest) = extra.get(4..)?.split_at_checked(length)?;
        if id == ZIP64_EXTRA {
            return Some(Numbers(field));
        }
        extra = rest;
    }
    Some(Numbers(&[]))
}

pub fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|number| u16::from_le_bytes(*number))
}

pub fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|number| u32::from_le_bytes(*number))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|number| u64::from_le_bytes(*number))
}

//! One pass over the file, from front to end: entries into memory, their checksums, the digest of the whole.
//!
//! What is used comes from this pass alone, so that a digest of it speaks for all that torch is given: headers are read
//! here, and the directory, which had to be read before, is compared with the one that the pass meets.

use std::collections::BTreeMap;

use super::directory::{Directory, u16_at};
use super::entry::{Entry, Method, Role};
use super::error::ModelFileError;
use super::memory::Memory;
use super::pace::Pace;
use super::source::Source;
use flate2::{Decompress, FlushDecompress, Status};
use ring::digest::{Context, SHA256};

/// Read at a time, in a fraction of a millisecond; between two reads whoever wants the core has it.
const CHUNK: usize = 256 << 10;
/// For bytes that are only looked at.
const SCRATCH: usize = 64 << 10;
const HEADER: &[u8; 4] = b"PK\x03\x04";
const HEADER_BYTES: usize = 30;

/// What an archive holds that torch reads.
#[derive(Default)]
pub struct Contents {
    /// By the entry's name below the archive's folder.
    pub storages: BTreeMap<String, Memory>,
    pub kept: BTreeMap<String, Vec<u8>>,
    pub sha256: Option<[u8; 32]>,
}

/// Reads all entries; with `digest`, the bytes between them too.
pub fn read(
    source: &(impl Source + ?Sized),
    directory: &Directory,
    digest: bool,
    pace: Pace,
) -> Result<Contents, ModelFileError> {
    source.will_be_read_once();
    let mut pass = Pass {
        source,
        at: 0,
        digest: digest.then(|| Context::new(&SHA256)),
        scratch: vec![0; SCRATCH],
        pace,
    };
    let mut contents = Contents::default();
    for entry in &directory.entries {
        pass.enter(entry, directory.at)?;
        match entry.role {
            Role::Storage => {
                let mut memory = Memory::zeroed(entry.bytes)?;
                pass.entry(entry, &mut memory)?;
                contents.storages.insert(entry.name.clone(), memory);
            }
            Role::Kept => {
                let mut bytes = vec![0; entry.bytes];
                pass.entry(entry, &mut bytes)?;
                contents.kept.insert(entry.name.clone(), bytes);
            }
            // The next entry's way leads over it.
            Role::Other => {}
        }
    }
    pass.skip_to(directory.at)?;
    pass.compare(&directory.bytes)?;
    contents.sha256 = pass.finish();
    Ok(contents)
}

/// The whole file as it is, and its digest.
pub fn read_whole(source: &(impl Source + ?Sized), pace: Pace) -> Result<(Memory, [u8; 32]), ModelFileError> {
    source.will_be_read_once();
    let length = source.length()?;
    let length = usize::try_from(length).map_err(|_| ModelFileError::Memory { bytes: usize::MAX })?;
    let mut memory = Memory::zeroed(length)?;
    let mut pass = Pass { source, at: 0, digest: Some(Context::new(&SHA256)), scratch: Vec::new(), pace };
    pass.take(&mut memory)?;
    let digest = pass.finish().unwrap_or_default();
    Ok((memory, digest))
}

struct Pass<'a, S: ?Sized> {
    source: &'a S,
    at: u64,
    digest: Option<Context>,
    scratch: Vec<u8>,
    pace: Pace,
}

impl<S: Source + ?Sized> Pass<'_, S> {
    /// Fills `into`, with the bytes that come next.
    fn take(&mut self, into: &mut [u8]) -> Result<(), ModelFileError> {
        self.take_with(into, |_| ())
    }

    fn take_with(&mut self, into: &mut [u8], mut look: impl FnMut(&[u8])) -> Result<(), ModelFileError> {
        for chunk in into.chunks_mut(CHUNK) {
            self.source.read_exact_at(chunk, self.at)?;
            self.at += chunk.len() as u64;
            if let Some(digest) = &mut self.digest {
                digest.update(chunk);
            }
            look(chunk);
            self.pace.rest();
        }
        Ok(())
    }

    fn skip_to(&mut self, end: u64) -> Result<(), ModelFileError> {
        if self.digest.is_none() {
            self.at = end;
            return Ok(());
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        while self.at < end {
            let some = usize::try_from(end - self.at).unwrap_or(SCRATCH).min(SCRATCH);
            self.take(scratch.get_mut(..some).unwrap_or_default())?;
        }
        self.scratch = scratch;
        Ok(())
    }

    /// Goes to the first byte of an entry, by its header, which must agree with the directory.
    fn enter(&mut self, entry: &Entry, end: u64) -> Result<(), ModelFileError> {
        let wrong = |what| ModelFileError::entry(&entry.name, what);
        if entry.header_at < self.at {
            return Err(wrong("it overlaps another entry"));
        }
        let fits = |at: u64, bytes: usize| at.checked_add(bytes as u64).is_some_and(|last| last <= end);
        if !fits(entry.header_at, HEADER_BYTES) {
            return Err(wrong("it lies outside the file"));
        }
        self.skip_to(entry.header_at)?;
        let mut header = [0; HEADER_BYTES];
        self.take(&mut header)?;
        let method = match entry.method {
            Method::Stored => 0,
            Method::Deflated => 8,
        };
        if !header.starts_with(HEADER) || u16_at(&header, 8) != Some(method) {
            return Err(wrong("where it should begin, there is no header of it"));
        }
        let length = |at| usize::from(u16_at(&header, at).unwrap_or_default());
        let (name, extra) = (length(26), length(28));
        if !fits(self.at + (name + extra) as u64, entry.packed_bytes) {
            return Err(wrong("it lies outside the file"));
        }
        let mut names = vec![0; name + extra];
        self.take(&mut names)?;
        if names.get(..name) != Some(entry.full_name.as_bytes()) {
            return Err(wrong("its header has another name"));
        }
        Ok(())
    }

    fn entry(&mut self, entry: &Entry, into: &mut [u8]) -> Result<(), ModelFileError> {
        let mut checksum = crc32fast::Hasher::new();
        match entry.method {
            Method::Stored => self.take_with(into, |chunk| checksum.update(chunk))?,
            Method::Deflated => {
                self.inflate(entry, into)?;
                checksum.update(into);
            }
        }
        let found = checksum.finalize();
        if found != entry.checksum {
            let (name, expected) = (entry.name.clone(), entry.checksum);
            return Err(ModelFileError::Checksum { name, found, expected });
        }
        Ok(())
    }

    fn inflate(&mut self, entry: &Entry, into: &mut [u8]) -> Result<(), ModelFileError> {
        let broken = || ModelFileError::entry(&entry.name, "it cannot be decompressed");
        let mut inflate = Decompress::new(false);
        let mut packed = vec![0; entry.packed_bytes.min(SCRATCH)];
        let mut left = entry.packed_bytes;
        let mut status = Status::Ok;
        while left > 0 {
            let chunk = packed.get_mut(..left.min(SCRATCH)).unwrap_or_default();
            self.take(chunk)?;
            left -= chunk.len();
            let mut rest = &*chunk;
            while !rest.is_empty() {
                let (before, out) =
                    (inflate.total_in(), usize::try_from(inflate.total_out()).unwrap_or(into.len()));
                let flush = if left == 0 { FlushDecompress::Finish } else { FlushDecompress::None };
                status = inflate
                    .decompress(rest, into.get_mut(out..).unwrap_or_default(), flush)
                    .map_err(|_| broken())?;
                let used = usize::try_from(inflate.total_in() - before).unwrap_or(0);
                rest = rest.get(used..).unwrap_or_default();
                let stuck = used == 0 && usize::try_from(inflate.total_out()).ok() == Some(out);
                if status == Status::StreamEnd || stuck {
                    break;
                }
            }
            if status == Status::StreamEnd || !rest.is_empty() {
                break;
            }
        }
        let whole = left == 0 && inflate.total_out() == into.len() as u64;
        if status == Status::StreamEnd && whole { Ok(()) } else { Err(broken()) }
    }

    /// Reads on to the end of the file, which must be as it was.
    fn compare(&mut self, directory: &[u8]) -> Result<(), ModelFileError> {
        let mut again = vec![0; directory.len()];
        self.take(&mut again)?;
        if again == directory && self.source.length()? == self.at {
            Ok(())
        } else {
            Err(ModelFileError::Changed)
        }
    }

    fn finish(self) -> Option<[u8; 32]> {
        self.digest.and_then(|digest| digest.finish().as_ref().try_into().ok())
    }
}

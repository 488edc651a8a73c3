//! The archive that is left for torch: pickles and code, uncompressed, with no storage.
//!
//! Its names are those that `torch.package` uses, because only that way into torch takes storages that are there already.

use super::error::ModelFileError;

/// Any name: all entries of an archive of torch's lie in one folder.
const FOLDER: &str = "model";
const VERSION_NEEDED: u16 = 20;
const END_BYTES: usize = 22;

/// A zip archive of stored entries, in memory.
#[derive(Default)]
pub struct Writer {
    out: Vec<u8>,
    directory: Vec<u8>,
    entries: u16,
}

impl Writer {
    pub fn add(&mut self, name: &str, bytes: &[u8]) -> Result<(), ModelFileError> {
        let too_large = || ModelFileError::entry(name, "code and pickles before it leave no room for it");
        let full_name = format!("{FOLDER}/{name}");
        let header_at = u32::try_from(self.out.len()).map_err(|_| too_large())?;
        let length = u32::try_from(bytes.len()).map_err(|_| too_large())?;
        let name_length = u16::try_from(full_name.len()).map_err(|_| too_large())?;
        self.entries = self.entries.checked_add(1).filter(|count| *count < u16::MAX).ok_or_else(too_large)?;
        // From the version to the length of the extra field, which header and directory have in common.
        let mut fields = Vec::with_capacity(26);
        fields.extend_from_slice(&VERSION_NEEDED.to_le_bytes());
        // No flags, stored, no time, no date.
        fields.extend_from_slice(&[0; 8]);
        fields.extend_from_slice(&crc32fast::hash(bytes).to_le_bytes());
        fields.extend_from_slice(&length.to_le_bytes());
        fields.extend_from_slice(&length.to_le_bytes());
        fields.extend_from_slice(&name_length.to_le_bytes());
        fields.extend_from_slice(&[0; 2]);

        self.out.extend_from_slice(b"PK\x03\x04");
        self.out.extend_from_slice(&fields);
        self.out.extend_from_slice(full_name.as_bytes());
        self.out.extend_from_slice(bytes);

        self.directory.extend_from_slice(b"PK\x01\x02");
        self.directory.extend_from_slice(&VERSION_NEEDED.to_le_bytes());
        self.directory.extend_from_slice(&fields);
        // No comment, first part, no attributes.
        self.directory.extend_from_slice(&[0; 10]);
        self.directory.extend_from_slice(&header_at.to_le_bytes());
        self.directory.extend_from_slice(full_name.as_bytes());
        Ok(())
    }

    pub fn finish(mut self) -> Result<Vec<u8>, ModelFileError> {
        let too_large =
            |_| ModelFileError::Directory("code and pickles do not fit into an archive for torch");
        let at = u32::try_from(self.out.len()).map_err(too_large)?;
        let length = u32::try_from(self.directory.len()).map_err(too_large)?;
        self.out.reserve(self.directory.len() + END_BYTES);
        self.out.append(&mut self.directory);
        self.out.extend_from_slice(b"PK\x05\x06\0\0\0\0");
        self.out.extend_from_slice(&self.entries.to_le_bytes());
        self.out.extend_from_slice(&self.entries.to_le_bytes());
        self.out.extend_from_slice(&length.to_le_bytes());
        self.out.extend_from_slice(&at.to_le_bytes());
        self.out.extend_from_slice(&[0; 2]);
        Ok(self.out)
    }
}

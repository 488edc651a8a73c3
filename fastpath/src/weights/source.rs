//! Where an archive's bytes come from.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use rustix::fs::{Advice, fadvise};

/// Bytes of known length that can be read at any place.
pub trait Source {
    fn length(&self) -> io::Result<u64>;

    /// Fills `into` from `at` on; fails where the bytes end before.
    fn read_exact_at(&self, into: &mut [u8], at: u64) -> io::Result<()>;

    /// Says that all of it will be read once, from front to end.
    fn will_be_read_once(&self) {}
}

impl Source for File {
    fn length(&self) -> io::Result<u64> {
        let metadata = self.metadata()?;
        if metadata.is_file() {
            Ok(metadata.len())
        } else {
            Err(io::Error::other("it is not a regular file"))
        }
    }

    fn read_exact_at(&self, into: &mut [u8], at: u64) -> io::Result<()> {
        FileExt::read_exact_at(self, into, at)
    }

    fn will_be_read_once(&self) {
        // Hints: a file system that knows neither reads all the same. NoReuse keeps a large file from driving out of
        // the page cache what others use.
        let _ = fadvise(self, 0, None, Advice::Sequential);
        let _ = fadvise(self, 0, None, Advice::NoReuse);
    }
}

/// A file that is in memory already.
impl Source for Vec<u8> {
    fn length(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }

    fn read_exact_at(&self, into: &mut [u8], at: u64) -> io::Result<()> {
        let from =
            usize::try_from(at).ok().and_then(|at| self.get(at..)).and_then(|rest| rest.get(..into.len()));
        into.copy_from_slice(from.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

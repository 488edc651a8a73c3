//! Memory of one storage: aligned as torch aligns its own, and returned to the system once it is let go of.

use std::ffi::c_void;
use std::mem;
use std::ops::{Deref, DerefMut};
use std::ptr::{self, NonNull};

use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};

use super::error::ModelFileError;
use super::pace::Pace;
use super::reclaim;
use crate::batch::AlignedBytes;

/// Storages from here on are mapped, each by itself: the system has all of their memory back when they go, whatever
/// the allocator keeps. Smaller ones would waste a part of a page each.
const LEAST_MAPPED: usize = 64 << 10;

/// What is unmapped at a time, so that no thread that wants a page waits for long.
const PIECE: usize = 1 << 20;

/// Zeroed bytes that begin at a multiple of 64.
pub struct Memory(Kind);

enum Kind {
    Small(AlignedBytes),
    Mapped(Pages),
}

impl Memory {
    pub fn zeroed(len: usize) -> Result<Self, ModelFileError> {
        if len >= LEAST_MAPPED {
            return Ok(Self(Kind::Mapped(Pages::map(len)?)));
        }
        let mut bytes = AlignedBytes::default();
        bytes.resize(len);
        Ok(Self(Kind::Small(bytes)))
    }
}

impl Deref for Memory {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Kind::Small(bytes) => bytes,
            Kind::Mapped(pages) => pages.bytes(),
        }
    }
}

impl DerefMut for Memory {
    fn deref_mut(&mut self) -> &mut [u8] {
        match &mut self.0 {
            Kind::Small(bytes) => bytes,
            Kind::Mapped(pages) => pages.bytes_mut(),
        }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        if let Kind::Mapped(pages) = mem::replace(&mut self.0, Kind::Small(AlignedBytes::default())) {
            reclaim::unmap_later(pages);
        }
    }
}

/// A private mapping without a file; unmapped when dropped.
pub struct Pages {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: the mapping belongs to this value alone, and its bytes are plain memory.
unsafe impl Send for Pages {}
// SAFETY: as above; through a shared reference it is only read.
unsafe impl Sync for Pages {}

impl Pages {
    fn map(len: usize) -> Result<Self, ModelFileError> {
        let refused = ModelFileError::Memory { bytes: len };
        if isize::try_from(len).is_err() {
            return Err(refused);
        }
        // SAFETY: a new mapping at a place that the system chooses touches no other memory.
        let start = unsafe {
            mmap_anonymous(ptr::null_mut(), len, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE)
        };
        let start = start.ok().and_then(|start| NonNull::new(start.cast::<u8>())).ok_or(refused)?;
        Ok(Self { start, len })
    }

    pub fn len(&self) -> usize {
        self.len
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: `map` got `len` bytes, zeroed and so initialised, which stay mapped for as long as self lives.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `bytes`; the exclusive borrow of self is one of the bytes.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        let mut pace = Pace::gentle();
        let mut len = self.len;
        while len > 0 {
            let rest = (len - 1) / PIECE * PIECE;
            // SAFETY: bytes from `rest` to `len` are the mapping's own, `rest` being a multiple of the page size, and
            // nobody has a reference to them any more.
            let _ = unsafe { munmap(self.start.as_ptr().add(rest).cast::<c_void>(), len - rest) };
            len = rest;
            if len > 0 {
                pace.rest();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_zeroed_writable_and_begins_at_a_multiple_of_64() {
        for len in [0, 1, 100, LEAST_MAPPED - 1, LEAST_MAPPED, LEAST_MAPPED + 1, 2 * PIECE, 2 * PIECE + 5] {
            let mut memory = Memory::zeroed(len).unwrap();
            assert_eq!((memory.len(), memory.as_ptr().addr() % 64), (len, 0));
            assert!(memory.iter().all(|byte| *byte == 0));
            memory.fill(7);
            assert!(memory.iter().all(|byte| *byte == 7));
        }
    }

    #[test]
    fn memory_that_no_system_has_is_an_error() {
        for len in [usize::MAX, isize::MAX.unsigned_abs()] {
            assert!(matches!(Memory::zeroed(len), Err(ModelFileError::Memory { bytes }) if bytes == len));
        }
    }

    #[test]
    fn memory_may_be_dropped_on_another_thread() {
        let memory = Memory::zeroed(3 * PIECE).unwrap();
        std::thread::spawn(move || drop(memory)).join().unwrap();
    }
}

//! Memory for packed tensors: aligned for vector instructions, large ones used again from batch to batch.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use parking_lot::Mutex;

/// A cache line, and the alignment that torch gives its own tensors on a CPU.
const ALIGN: usize = 64;

/// Smaller ones are left to the allocator, which has them ready for each thread without a lock.
const LEAST_KEPT_BYTES: usize = 4 << 10;
/// Buffers that a pool keeps: two batches of a model with sixteen inputs.
const KEPT_BUFFERS: usize = 32;
/// Bytes that a pool keeps, so that one burst of huge batches does not hold its memory for ever.
const KEPT_BYTES: usize = 64 << 20;

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Chunk([u8; ALIGN]);

/// Bytes that begin at a multiple of 64. Always initialised; after `resize` their values are whatever was
/// there before, or zero.
#[derive(Default)]
pub struct AlignedBytes {
    chunks: Vec<Chunk>,
    len: usize,
}

impl AlignedBytes {
    /// Makes it `len` bytes long. Grows the memory where it is too small and never shrinks it.
    pub fn resize(&mut self, len: usize) {
        let chunks = len.div_ceil(ALIGN);
        if chunks > self.chunks.len() {
            // What it held is worthless: a fresh zeroed allocation, not a copy of the old one.
            self.chunks = vec![Chunk([0; ALIGN]); chunks];
        }
        self.len = len;
    }

    fn capacity(&self) -> usize {
        self.chunks.len() * ALIGN
    }
}

impl Deref for AlignedBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: `chunks` holds at least `len` initialised bytes in one allocation (`resize` keeps
        // len <= chunks.len() * 64, and `Chunk` is 64 bytes without padding); u8 has no alignment.
        unsafe { std::slice::from_raw_parts(self.chunks.as_ptr().cast(), self.len) }
    }
}

impl DerefMut for AlignedBytes {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `deref`; the exclusive borrow of self is one of the chunks, and every byte value is
        // a valid chunk.
        unsafe { std::slice::from_raw_parts_mut(self.chunks.as_mut_ptr().cast(), self.len) }
    }
}

impl fmt::Debug for AlignedBytes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("AlignedBytes").field("len", &self.len).finish_non_exhaustive()
    }
}

/// Buffers between two uses. One for each model version; shared by its model threads and by whoever still
/// holds a tensor.
#[derive(Debug, Default)]
pub struct BufferPool {
    free: Mutex<Vec<AlignedBytes>>,
}

/// A buffer that goes back to its pool when dropped, on whatever thread that happens.
#[derive(Debug)]
pub struct PooledBytes {
    bytes: AlignedBytes,
    /// None for a small one.
    pool: Option<Arc<BufferPool>>,
}

impl BufferPool {
    /// A buffer of `len` bytes: the smallest free one that holds them, or else the largest, grown. Its
    /// content is whatever was there before.
    pub fn take(self: &Arc<Self>, len: usize) -> PooledBytes {
        let is_kept = len >= LEAST_KEPT_BYTES;
        let free = if is_kept { self.take_free(len) } else { None };
        let mut bytes = free.unwrap_or_default();
        bytes.resize(len);
        PooledBytes { bytes, pool: is_kept.then(|| Arc::clone(self)) }
    }

    fn take_free(&self, len: usize) -> Option<AlignedBytes> {
        let mut free = self.free.lock();
        // Sorted by capacity.
        let place = free.partition_point(|bytes| bytes.capacity() < len);
        let place = place.min(free.len().checked_sub(1)?);
        Some(free.remove(place))
    }

    fn give(&self, bytes: AlignedBytes) {
        let mut free = self.free.lock();
        let held: usize = free.iter().map(AlignedBytes::capacity).sum();
        if free.len() < KEPT_BUFFERS && held + bytes.capacity() <= KEPT_BYTES {
            let place = free.partition_point(|each| each.capacity() < bytes.capacity());
            free.insert(place, bytes);
        }
    }
}

impl Deref for PooledBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl DerefMut for PooledBytes {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

impl Drop for PooledBytes {
    fn drop(&mut self) {
        if let Some(pool) = &self.pool {
            pool.give(std::mem::take(&mut self.bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_begin_at_a_multiple_of_64_whatever_their_length() {
        for len in [0, 1, 63, 64, 65, 100_000] {
            let mut bytes = AlignedBytes::default();
            bytes.resize(len);
            assert_eq!((bytes.as_ptr().addr() % ALIGN, bytes.len()), (0, len));
        }
    }

    #[test]
    fn a_buffer_is_used_again_by_the_next_batch_of_its_size_or_less() {
        let pool = Arc::new(BufferPool::default());
        let first = pool.take(10_000);
        let address = first.as_ptr().addr();
        drop(first);
        let second = pool.take(9_000);
        assert_eq!((second.as_ptr().addr(), second.len()), (address, 9_000));
    }

    #[test]
    fn a_small_tensor_does_not_take_the_buffer_of_a_large_one() {
        let pool = Arc::new(BufferPool::default());
        let (large, small) = (pool.take(100_000), pool.take(LEAST_KEPT_BYTES));
        let addresses = (large.as_ptr().addr(), small.as_ptr().addr());
        drop((large, small));
        let small = pool.take(LEAST_KEPT_BYTES);
        let large = pool.take(100_000);
        assert_eq!((large.as_ptr().addr(), small.as_ptr().addr()), addresses);
    }

    #[test]
    fn what_a_pool_keeps_is_bounded_in_number_and_bytes() {
        let pool = Arc::new(BufferPool::default());
        let many: Vec<_> = (0..2 * KEPT_BUFFERS).map(|_| pool.take(LEAST_KEPT_BYTES)).collect();
        drop(many);
        drop(pool.take(LEAST_KEPT_BYTES - 1));
        assert_eq!(pool.free.lock().len(), KEPT_BUFFERS);
        pool.free.lock().clear();
        drop(pool.take(KEPT_BYTES + 1));
        assert!(pool.free.lock().is_empty());
    }

    #[test]
    fn a_buffer_outlives_its_pool() {
        let pool = Arc::new(BufferPool::default());
        let mut bytes = pool.take(LEAST_KEPT_BYTES);
        drop(pool);
        bytes.fill(7);
        assert!(bytes.iter().all(|byte| *byte == 7));
    }
}

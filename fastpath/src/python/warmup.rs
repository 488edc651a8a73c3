//! The batches that a version runs before it serves.

use std::sync::Arc;

use crate::batch::BufferPool;
use crate::batch::PackError;
use crate::engine::Version;
use crate::engine::run::{Tensor, tensors};
use crate::features::{RowBlock, RowsError};
use crate::rest::warmup_rows;
use crate::status::Status;

/// Rows of several requests that run together and answer nobody.
pub struct WarmUp {
    version: Arc<Version>,
    blocks: Vec<Arc<RowBlock>>,
}

impl WarmUp {
    /// So many rows: of `recent`, from the place `from` on and round again, as far as they fit; then default ones.
    pub fn of(
        version: &Arc<Version>,
        rows: usize,
        recent: &[Arc<RowBlock>],
        from: usize,
    ) -> Result<Self, RowsError> {
        let mut left = rows;
        let mut blocks = Vec::new();
        let (before, after) = recent.split_at(from.checked_rem(recent.len()).unwrap_or(0));
        let round: Vec<_> = after.iter().chain(before).collect();
        while let Some(some) = round.iter().position(|block| block.rows <= left).filter(|_| left > 0) {
            for block in round.iter().skip(some) {
                if block.rows <= left {
                    left -= block.rows;
                    blocks.push(Arc::clone(block));
                }
            }
        }
        if left > 0 {
            blocks.push(Arc::new(version.model.default_rows(left)?));
        }
        Ok(Self { version: Arc::clone(version), blocks })
    }

    /// The rows of a request as the HTTP port takes it.
    pub fn of_request(version: &Arc<Version>, body: &[u8]) -> Result<Self, Status> {
        let block = warmup_rows::decode(&version.model, body)?;
        Ok(Self { version: Arc::clone(version), blocks: vec![Arc::new(block)] })
    }

    pub fn version(&self) -> &Arc<Version> {
        &self.version
    }

    pub fn rows(&self) -> usize {
        self.blocks.iter().map(|block| block.rows).sum()
    }

    pub fn tensors(&self, pool: &Arc<BufferPool>) -> Result<Vec<Tensor>, PackError> {
        let blocks: Vec<&RowBlock> = self.blocks.iter().map(AsRef::as_ref).collect();
        tensors(&self.version.model, &blocks, pool)
    }
}

//! Tensors that tell the values of a padded list from its padding: how many there are, or a mask.

use super::number::Number;
use super::pipeline::Element;
use super::place::Buffer;
use super::program::Target;
use crate::spec::inputs::PaddingPart;

/// One such tensor of a padded list.
#[derive(Clone, Debug)]
pub struct Padding {
    pub part: PaddingPart,
    pub element: Element,
    pub target: Target,
}

impl Padding {
    /// Says of a row that so many of the list's values are in it.
    pub(super) fn put(&self, columns: &mut [Buffer], row: usize, kept: usize) {
        let Self { part, element, target } = self;
        let size = element.size_bytes();
        let Some(buffer) = columns.get_mut(target.column) else { return };
        let out = buffer.place(row, target.offset_bytes, size * target.width);
        for (place, out) in out.chunks_exact_mut(size).enumerate() {
            let number = match part {
                PaddingPart::Lengths => kept as i64,
                PaddingPart::Mask => i64::from(place < kept),
            };
            // At most MAX_LIST, which each datatype that a length may have can hold.
            let _ = element.write(Number::Int(number), out);
        }
    }
}

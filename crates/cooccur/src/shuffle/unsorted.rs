//! The cells dealt to one row stripe: packed blocks in memory and in files, until they are laid out.

use std::sync::Arc;

use wordmill_formats::{CellBlock, CellPacker, FormatError, FrameFile, PackedFrame};

/// A tag: the group, then the part of the source, then the number of the block.
pub(super) const GROUP_SHIFT: u32 = 48;
pub(super) const PART_SHIFT: u32 = 24;

/// The cells of a row stripe: blocks, each of one group of tiles. Blocks of files are numbered first.
#[derive(Default)]
pub(super) struct UnsortedCells {
    /// The tag of a frame is its place in the order.
    pub files: Vec<FrameFile>,
    /// Shared with the dealt cells, which keep it until the stripe is written.
    pub held: Arc<Vec<(u64, PackedFrame)>>,
}

impl UnsortedCells {
    /// The blocks of a group in the order of the source, each with its number of cells.
    pub fn blocks(&self, group: u32) -> Vec<(usize, u64)> {
        let of_files = self.files.iter().flat_map(FrameFile::entries);
        let of_files = of_files.map(|entry| (entry.tag, u64::from(entry.items)));
        let of_held = self.held.iter().map(|(tag, frame)| (*tag, u64::from(frame.items())));
        let all = of_files.chain(of_held).enumerate();
        let ours = all.filter(|(_, (tag, _))| tag >> GROUP_SHIFT == u64::from(group));
        let mut blocks: Vec<(u64, usize, u64)> =
            ours.map(|(index, (tag, cells))| (tag, index, cells)).collect();
        blocks.sort_unstable();
        blocks.into_iter().map(|(_, index, cells)| (index, cells)).collect()
    }

    /// A block that is in memory.
    pub fn held(&self, index: usize) -> Option<&PackedFrame> {
        self.place(index).1.map(|place| &self.held[place].1)
    }

    /// Unpacks a block.
    pub fn unpack(
        &self,
        index: usize,
        packer: &mut CellPacker,
        block: &mut CellBlock,
    ) -> Result<(), FormatError> {
        match self.place(index) {
            (_, Some(place)) => {
                packer.unpack_frame(&self.held[place].1, block).expect("what was packed unpacks");
                Ok(())
            }
            ((file, frame), None) => packer.unpack(&self.files[file], frame, block),
        }
    }

    /// The file and frame of a block, or its index among those in memory.
    fn place(&self, mut index: usize) -> ((usize, usize), Option<usize>) {
        for (file, frames) in self.files.iter().enumerate() {
            match index.checked_sub(frames.entries().len()) {
                None => return ((file, index), None),
                Some(rest) => index = rest,
            }
        }
        ((0, 0), Some(index))
    }
}

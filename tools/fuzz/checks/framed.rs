//! Framed files and what stands in their frames: runs, loose cells, tiles, tokens, words, remaps.
//!
//! A frame may unpack to 64 MiB, however short it is, so every bound has that as its fixed part.

use std::path::Path;
use std::sync::Arc;

use wordmill_formats::{
    CellBlock, CellCodes, CellPacker, FormatError, FrameFile, Kind, MAX_FRAME_BYTES, Segment,
    Storage, StripeFile, TileSection, TokenShard, WordListReader, read_remap,
};

use super::{Read, Target, repair};

/// A frame at its largest and the items in it.
const FRAME_BYTES: usize = 2 * MAX_FRAME_BYTES;
/// The footer as read, its settings as a map, and the index, beside a copy of the file.
const TIMES: usize = 32;

/// Cells of a tile read at a time: few, so that sections of the seeds have parts.
const PIECE_CELLS: u64 = 8;

/// The readers of framed files.
pub const TARGETS: &[Target] = &[
    framed("frames", read_frames, |bytes| repair::framed(bytes, Kind::RUN)),
    framed(
        "runs",
        |storage, path| read_cells(storage, path, Kind::RUN),
        |bytes| repair::framed(bytes, Kind::RUN),
    ),
    framed(
        "loose",
        |storage, path| read_cells(storage, path, Kind::LOOSE),
        |bytes| repair::framed(bytes, Kind::LOOSE),
    ),
    framed("tiles", read_tiles, |bytes| {
        // The kinds of tiles have different readers: what calls itself slots stays that.
        let slots = bytes.get(8..12) == Some(&Kind::SLOTS.name);
        repair::framed(bytes, if slots { Kind::SLOTS } else { Kind::TILES })
    }),
    framed("tokens", read_tokens, |bytes| repair::framed(bytes, Kind::TOKENS)),
    framed("words", read_words, |bytes| repair::framed(bytes, Kind::WORDS)),
    framed("remaps", read_ids, |bytes| repair::framed(bytes, Kind::REMAP)),
];

const fn framed(
    name: &'static str,
    read: fn(&Arc<dyn Storage>, &Path) -> Result<(), FormatError>,
    repair: fn(&[u8]) -> Option<Vec<u8>>,
) -> Target {
    Target { name, read: Read::Stored(read), repair, fixed_bytes: FRAME_BYTES, times: TIMES }
}

fn read_frames(storage: &Arc<dyn Storage>, path: &Path) -> Result<(), FormatError> {
    FrameFile::open(storage, path, Kind::RUN)?.verify()
}

/// Blocks of cells, whose codes depend on the unit that stands among the settings of their matrix.
fn read_cells(storage: &Arc<dyn Storage>, path: &Path, kind: Kind) -> Result<(), FormatError> {
    let file = FrameFile::open(storage, path, kind)?;
    for codes in [CellCodes::None, CellCodes::of_unit(60, 1)] {
        let mut packer = CellPacker::new(codes);
        let mut block = CellBlock::default();
        for index in 0..file.entries().len() {
            match packer.unpack(&file, index, &mut block) {
                // A frame that is no block with these codes may be one with the others.
                Err(error) if error.is_bad_artefact() => continue,
                unpacked => unpacked?,
            }
            let mut cells = 0;
            block.for_each(|_| cells += 1);
            assert_eq!(cells, block.len(), "rows have as many cells as there are columns");
        }
    }
    Ok(())
}

fn read_tiles(storage: &Arc<dyn Storage>, path: &Path) -> Result<(), FormatError> {
    let stripe = StripeFile::open(storage, path)?;
    let mut cells = Vec::new();
    // A grid may have more stripes than a fuzzer has time for; most of them are empty then.
    for column in 0..stripe.grid().grid.min(64) {
        for section in [TileSection::Hot, TileSection::Cold] {
            let parts = stripe.parts(column, section, PIECE_CELLS);
            let mut read = 0;
            for part in 0..parts {
                cells.clear();
                stripe.segment(column, section, Segment { part, parts }, &mut cells)?;
                read += cells.len() as u64;
            }
            assert_eq!(read, stripe.cells(column, section));
        }
    }
    Ok(())
}

fn read_tokens(storage: &Arc<dyn Storage>, path: &Path) -> Result<(), FormatError> {
    let shard = TokenShard::open(storage, path)?;
    let (mut buffer, mut ids) = (Vec::new(), Vec::new());
    (0..shard.frames()).try_for_each(|frame| shard.read(frame, &mut buffer, &mut ids))
}

fn read_words(storage: &Arc<dyn Storage>, path: &Path) -> Result<(), FormatError> {
    let mut list = WordListReader::open(storage, path)?;
    let mut words = 0;
    while list.advance()?.is_some() {
        words += 1;
    }
    assert_eq!(words, list.words(), "a list has as many words as it says");
    Ok(())
}

fn read_ids(storage: &Arc<dyn Storage>, path: &Path) -> Result<(), FormatError> {
    read_remap(storage, path, 9).map(drop)
}

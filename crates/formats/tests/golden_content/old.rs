//! Layouts of earlier versions, written byte by byte; today's readers must still read them.

use std::path::Path;
use std::sync::Arc;

use wordmill_formats::{
    Dtype, FormatError, FrameFile, FrameWriter, Kind, Storage, TensorWriter, TileCell, TileSection,
    WORD_TENSORS, WordTensors, put_varint, write_words,
};

use super::blocks::{GRID, cold_cells, read_stripe};
use super::tensors::{self, BIAS, CONTEXT_BIAS, DIM, Known, PARENTS};
use super::{Golden, Made};

/// A spill run of version 1: nothing but frames.
pub const SPILL_RUN: Golden = Golden {
    name: "spill.run",
    made: Made::Framed(Kind { version: 1, ..Kind::RUN }),
    write: write_run,
    read: read_run,
    holds: || format!("60 {:?}", run_frames()),
};

/// A stripe of version 1: cells in their order.
pub const STRIPE: Golden = Golden {
    name: "stripe.tiles",
    made: Made::Framed(Kind { version: 1, ..Kind::TILES }),
    write: write_stripe,
    read: read_stripe,
    holds: || format!("1 {GRID:?} \"9\" {:?}", tiles()),
};

/// Vectors of version 1: without norms.
pub const BOTH_SIDES: Golden = Golden {
    name: "both-sides.safetensors",
    write: |storage, path| {
        write_vectors(storage, path, |writer| {
            let context = tensors::context_vectors();
            writer.tensor("context_vectors", Dtype::F32, &[6, DIM as u64], &context)?;
            writer.tensor("word_bias", Dtype::F32, &[6], BIAS)?;
            writer.tensor("context_bias", Dtype::F32, &[6], CONTEXT_BIAS)
        })
    },
    ..tensors::BOTH_SIDES
};

/// The same with a tree.
pub const TREE: Golden = Golden {
    name: "tree.safetensors",
    write: |storage, path| {
        write_vectors(storage, path, |writer| {
            let nodes = &tensors::context_vectors()[DIM..];
            writer.tensor("node_vectors", Dtype::F32, &[5, DIM as u64], nodes)?;
            writer.tensor("tree_parents", Dtype::U32, &[11], PARENTS)
        })
    },
    ..tensors::TREE
};

fn write_vectors(
    storage: &Arc<dyn Storage>,
    path: &Path,
    rest: impl FnOnce(&mut TensorWriter) -> Result<(), FormatError>,
) -> Result<(), FormatError> {
    let settings = [("model".into(), "golden".into()), ("dim".into(), DIM.to_string())].into();
    let mut names = WORD_TENSORS.to_vec();
    names.extend(["word_vectors", "context_vectors", "word_bias", "context_bias"]);
    names.extend(["node_vectors", "tree_parents"]);
    let mut writer = TensorWriter::create(storage, path, "vectors", &names, &settings)?;
    write_words(&mut writer, WordTensors::Wide, &Known)?;
    writer.tensor("word_vectors", Dtype::F32, &[6, DIM as u64], &tensors::word_vectors())?;
    rest(&mut writer)?;
    write_words(&mut writer, WordTensors::Narrow, &Known)?;
    writer.finish().map(drop)
}

type Frame = (u64, u32, Vec<u8>);

/// A frame that packs well, one that does not, an empty one, and one of varints.
fn run_frames() -> Vec<Frame> {
    let mut varints = Vec::new();
    (0..64).step_by(3).for_each(|shift| put_varint(1 << shift, &mut varints));
    vec![(7, 1000, vec![7; 1000]), (8, 3, b"xyz".to_vec()), (9, 0, vec![]), (1 << 40, 22, varints)]
}

fn write_run(storage: &Arc<dyn Storage>, path: &Path) -> Result<(), FormatError> {
    let mut writer = FrameWriter::create(storage, path, Kind { version: 1, ..Kind::RUN })?;
    writer.set("unit", 60);
    for (tag, items, payload) in run_frames() {
        writer.frame(tag, items, &payload)?;
    }
    writer.finish().map(drop)
}

fn read_run(storage: &Arc<dyn Storage>, path: &Path) -> Result<String, FormatError> {
    let file = FrameFile::open(storage, path, Kind::RUN)?;
    let mut frames: Vec<Frame> = Vec::new();
    for (index, entry) in file.entries().iter().enumerate() {
        frames.push((entry.tag, entry.items, file.read(index, &mut Vec::new())?.to_vec()));
    }
    Ok(format!("{} {frames:?}", file.number("unit")?))
}

/// Each section and its cells: wide rows, a wide column and a payload of more than 32 bits are in
/// one section each.
fn tiles() -> Vec<(u32, TileSection, Vec<TileCell>)> {
    let cell = |row, column, payload| TileCell { row, column, payload };
    vec![
        (0, TileSection::Hot, vec![cell(0, 0, 900_000), cell(70_000, 1, 800_000)]),
        (0, TileSection::Cold, cold_cells()),
        (1, TileSection::Hot, vec![cell(1, 99_999, u64::from(u32::MAX))]),
        (1, TileSection::Cold, vec![cell(2, 3, 1 << 40), cell(3, 2, 4), cell(4, 4, u64::MAX)]),
    ]
}

fn write_stripe(storage: &Arc<dyn Storage>, path: &Path) -> Result<(), FormatError> {
    let mut writer = FrameWriter::create(storage, path, Kind { version: 1, ..Kind::TILES })?;
    let settings = [("grid", 2), ("rows", GRID.rows), ("columns", GRID.columns), ("stripe", 1)];
    settings.iter().for_each(|(key, value)| writer.set(key, value));
    writer.set("seed", 9);
    for (column_stripe, section, cells) in tiles() {
        let tag = u64::from(column_stripe) * 2 + u64::from(section == TileSection::Cold);
        writer.frame(tag, cells.len() as u32, &encode(&cells))?;
    }
    writer.finish().map(drop)
}

fn encode(cells: &[TileCell]) -> Vec<u8> {
    let wide_rows = cells.iter().any(|cell| cell.row > u32::from(u16::MAX));
    let wide_columns = cells.iter().any(|cell| cell.column > u32::from(u16::MAX));
    let wide_payloads = cells.iter().any(|cell| cell.payload > u64::from(u32::MAX));
    let mut out =
        vec![u8::from(wide_rows) | u8::from(wide_columns) << 1 | u8::from(wide_payloads) << 2];
    let mut put = |id: u32, wide: bool| match wide {
        true => out.extend_from_slice(&id.to_le_bytes()),
        false => out.extend_from_slice(&(id as u16).to_le_bytes()),
    };
    cells.iter().for_each(|cell| put(cell.row, wide_rows));
    cells.iter().for_each(|cell| put(cell.column, wide_columns));
    cells.iter().for_each(|cell| put(cell.payload as u32, true));
    if wide_payloads {
        cells.iter().for_each(|cell| put((cell.payload >> 32) as u32, true));
    }
    out
}

//! Files of blocks of cells: spill runs and tiles.

use std::path::Path;
use std::sync::Arc;

use wordmill_formats::{
    CellBlock, CellCodes, CellPacker, FormatError, FrameFile, FrameWriter, Kind, Segment, Storage,
    StripeFile, StripeLayout, StripeWriter, TileCell, TileGrid, TileSection,
};

use super::{Golden, Made};

/// A spill run.
pub const SPILL_RUN: Golden = Golden {
    name: "spill-v2.run",
    made: Made::Framed(Kind::RUN),
    write: write_run,
    read: read_run,
    holds: || format!("{:?}", [sorted(wide_cells()), sorted(cold_cells()), vec![]]),
};

/// A stripe.
pub const STRIPE: Golden = Golden {
    name: "stripe-v2.tiles",
    made: Made::Framed(Kind::TILES),
    write: write_stripe,
    read: read_stripe,
    holds: || {
        let (hot, cold) = (drawn(wide_cells(), 0), drawn(cold_cells(), 1));
        let shuffled = [(0, TileSection::Hot, hot), (0, TileSection::Cold, cold)];
        let empty = [(1, TileSection::Hot, vec![]), (1, TileSection::Cold, vec![])];
        format!("1 {GRID:?} \"9\" {:?}", [shuffled, empty].concat())
    },
};

/// A spill run of pairs counted in four samples: version 3.
pub const THINNED_RUN: Golden =
    Golden { name: "spill-v3.run", write: write_thinned_run, ..SPILL_RUN };

/// A stripe of such pairs.
pub const THINNED_STRIPE: Golden =
    Golden { name: "stripe-v3.tiles", write: write_thinned_stripe, ..STRIPE };

/// A stripe in slots.
pub const SLOTS: Golden = Golden {
    name: "slots.tiles",
    made: Made::Framed(Kind::SLOTS),
    write: write_slots,
    read: read_slots,
    holds: || format!("{:?}", [sorted(wide_cells()), sorted(cold_cells()), sorted(wide_cells())]),
};

/// The grid of the stripes.
pub const GRID: TileGrid = TileGrid { grid: 2, rows: 200_000, columns: 200_000 };

fn cell(row: u32, column: u32, payload: u64) -> TileCell {
    TileCell { row, column, payload }
}

/// Cells of small numbers.
pub fn cold_cells() -> Vec<TileCell> {
    (0..120u32).map(|i| cell(i * 37 % 1000, i * 11 % 500, u64::from(i) + 1)).collect()
}

/// Cells with wide steps and payloads.
fn wide_cells() -> Vec<TileCell> {
    vec![
        cell(0, 0, 60),
        cell(0, 99_000, 1 << 40),
        cell(3, 5, u64::from(u16::MAX)),
        cell(70_000, 99_999, u64::MAX),
    ]
}

fn sorted(mut cells: Vec<TileCell>) -> Vec<TileCell> {
    cells.sort_by_key(|cell| (cell.row, cell.column));
    cells
}

fn block(cells: Vec<TileCell>) -> CellBlock {
    let mut block = CellBlock::default();
    block.fill(&sorted(cells));
    block
}

fn write_run(storage: &Arc<dyn Storage>, path: &Path) -> Result<(), FormatError> {
    write_run_of(storage, path, (Kind { version: 2, ..Kind::RUN }, 360_360, 1))
}

fn write_thinned_run(storage: &Arc<dyn Storage>, path: &Path) -> Result<(), FormatError> {
    write_run_of(storage, path, (Kind::RUN, 10_080, 4))
}

fn write_run_of(
    storage: &Arc<dyn Storage>,
    path: &Path,
    (kind, unit, samples): (Kind, u64, u64),
) -> Result<(), FormatError> {
    let mut writer = FrameWriter::create(storage, path, kind)?;
    let mut packer = CellPacker::new(CellCodes::of_unit(unit, samples));
    for (tag, cells) in [wide_cells(), cold_cells(), vec![]].into_iter().enumerate() {
        writer.append(packer.pack(tag as u64, &block(cells)).unwrap())?;
    }
    writer.finish().map(drop)
}

fn read_run(storage: &Arc<dyn Storage>, path: &Path) -> Result<String, FormatError> {
    let file = FrameFile::open(storage, path, Kind::RUN)?;
    let codes = match file.version() {
        2 => CellCodes::of_unit(360_360, 1),
        _ => CellCodes::of_unit(10_080, 4),
    };
    let mut packer = CellPacker::new(codes);
    let mut frames = Vec::new();
    for index in 0..file.entries().len() {
        let (mut block, mut cells) = (CellBlock::default(), Vec::new());
        packer.unpack(&file, index, &mut block)?;
        block.for_each(|cell| cells.push(cell));
        frames.push(cells);
    }
    Ok(format!("{frames:?}"))
}

fn write_stripe(storage: &Arc<dyn Storage>, path: &Path) -> Result<(), FormatError> {
    write_stripe_of(storage, path, (60, 1))
}

fn write_thinned_stripe(storage: &Arc<dyn Storage>, path: &Path) -> Result<(), FormatError> {
    write_stripe_of(storage, path, (10_080, 4))
}

fn write_stripe_of(
    storage: &Arc<dyn Storage>,
    path: &Path,
    (unit, samples): (u64, u64),
) -> Result<(), FormatError> {
    let layout =
        StripeLayout { grid: GRID, stripe: 1, seed: 9, unit: Some(unit), samples, slots: 0 };
    let mut writer = StripeWriter::create(storage, path, layout)?;
    writer.frame(0, TileSection::Hot, &block(wide_cells()))?;
    writer.frame(0, TileSection::Cold, &block(cold_cells()))?;
    writer.finish().map(drop)
}

fn write_slots(storage: &Arc<dyn Storage>, path: &Path) -> Result<(), FormatError> {
    let layout = StripeLayout { grid: GRID, stripe: 1, seed: 9, unit: None, samples: 1, slots: 2 };
    let mut writer = StripeWriter::create(storage, path, layout)?;
    for (slot, cells) in [(0, wide_cells()), (1, cold_cells()), (2, wide_cells())] {
        writer.slot(1, slot, &block(cells))?;
    }
    writer.finish().map(drop)
}

fn read_slots(storage: &Arc<dyn Storage>, path: &Path) -> Result<String, FormatError> {
    let stripe = StripeFile::open(storage, path)?;
    let mut all = Vec::new();
    let [first, second] = [0, 1].map(|part| Segment { part, parts: 2 });
    let hot = (TileSection::Hot, Segment::WHOLE);
    for (section, segment) in [hot, (TileSection::Cold, first), (TileSection::Cold, second)] {
        let mut cells = Vec::new();
        stripe.segment(1, section, segment, &mut cells)?;
        stripe.segment(0, section, segment, &mut cells)?;
        all.push(cells);
    }
    Ok(format!("{all:?}"))
}

/// Reads a stripe in three segments per section.
pub fn read_stripe(storage: &Arc<dyn Storage>, path: &Path) -> Result<String, FormatError> {
    let stripe = StripeFile::open(storage, path)?;
    let mut tiles = Vec::new();
    for column_stripe in 0..stripe.grid().grid {
        for section in [TileSection::Hot, TileSection::Cold] {
            let mut cells = Vec::new();
            for part in 0..3 {
                stripe.segment(column_stripe, section, Segment { part, parts: 3 }, &mut cells)?;
            }
            assert_eq!(stripe.cells(column_stripe, section), cells.len() as u64);
            tiles.push((column_stripe, section, cells));
        }
    }
    let seed = stripe.file().setting("seed").unwrap_or_default();
    Ok(format!("{} {:?} {seed:?} {tiles:?}", stripe.stripe(), stripe.grid()))
}

/// The order of a frame, computed here independently: see `tiles.rs`.
fn drawn(cells: Vec<TileCell>, tag: u64) -> Vec<TileCell> {
    let mix = |mut z: u64| {
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let mut order = sorted(cells);
    let mut state = mix(9 ^ mix(tag ^ mix(0)));
    for last in (1..order.len()).rev() {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        order.swap(last, (((mix(state) >> 32) * (last as u64 + 1)) >> 32) as usize);
    }
    order
}

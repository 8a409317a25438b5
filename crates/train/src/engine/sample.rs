//! The gradient after an epoch if nothing is held out, over a sample of the trained cells.
//!
//! Ids are dealt to stripes in order of frequency, so each stripe has the same mix of words and a few tiles represent
//! all: four row stripes and four column stripes, drawn by the seed, and from each of their tiles about as many cells
//! as one frame has. The sample is always the same, so that epochs can be compared. One thread evaluates it between two
//! rotations.

use wordmill_formats::{Segment, TileSection};

use super::checkpoint::Position;
use super::model::Model;
use super::pass::{Pass, PassCells, Tally};
use super::run::{LOOK, Run};
use crate::error::TrainError;
use crate::random::Stream;
use crate::stripes::{MatrixSide, TileStripes};

/// Stripes per side in the sample.
const STRIPES: usize = 4;
/// Approximate number of cells per tile.
const CELLS: u64 = 4096;

/// Tally of a pass that looks at the sample.
pub(crate) fn look(
    run: &Run<'_>,
    position: &Position,
    model: &mut Model,
) -> Result<Tally, TrainError> {
    let grid = run.stripes.len();
    let mut stream = Stream::new(run.plan.seed, &[LOOK[0], LOOK[1], 1]);
    let mut some = || {
        let mut stripes: Vec<u32> = (0..grid as u32).collect();
        stream.shuffle(&mut stripes);
        stripes.truncate(STRIPES);
        stripes
    };
    let (rows, columns) = (some(), some());
    let rate = run.rate(position, grid as u32);
    let (mut sum, mut cells) = (Tally::default(), PassCells::default());
    for &row in &rows {
        let mut row_stripe = model.lend(MatrixSide::Rows, row)?;
        for &column in &columns {
            let tile = TileStripes { row, column };
            run.some_cells(tile, &mut cells)?;
            let mut column_stripe = model.lend(MatrixSide::Columns, column)?;
            let key = [LOOK[0], LOOK[1], u64::from(row), u64::from(column), 1];
            let (frozen, seed) = (run.frozen, run.plan.seed);
            let grid = grid as u32;
            let pass = Pass { tile, grid, rotations: 1, rate, look: true, key, seed, frozen };
            let tally = run.objective.pass(&pass, &cells, &mut row_stripe, &mut column_stripe)?;
            sum += tally;
            model.take_back(MatrixSide::Columns, column, column_stripe);
        }
        model.take_back(MatrixSide::Rows, row, row_stripe);
    }
    Ok(sum)
}

impl Run<'_> {
    /// The sample's cells of a tile: a part of either section, drawn by the seed.
    fn some_cells(&self, tile: TileStripes, cells: &mut PassCells) -> Result<(), TrainError> {
        let TileStripes { row, column } = tile;
        let file = &self.stripes[row as usize];
        let sections = [TileSection::Hot, TileSection::Cold];
        let all: u64 = sections.iter().map(|&section| file.cells(column, section)).sum();
        let parts = u32::try_from(all.div_ceil(CELLS)).unwrap_or(u32::MAX).max(1);
        let mut stream = Stream::new(self.plan.seed, &[u64::from(row), u64::from(column), 1]);
        cells.hot.clear();
        cells.cold.clear();
        let PassCells { hot, cold } = &mut *cells;
        for (section, kept) in sections.into_iter().zip([hot, cold]) {
            // Cold cells in slots are read slot by slot, hot cells of such a file at once.
            let slots = file.slots();
            let read = match (section, slots) {
                (_, 0) => parts,
                (TileSection::Hot, _) => 1,
                (TileSection::Cold, slots) => slots,
            };
            let part = stream.below(read);
            file.segment(column, section, Segment { part, parts: read }, kept)?;
            if slots > 0 {
                let share = read as f32 / parts.max(slots) as f32;
                kept.retain(|_| stream.unit() < share);
            }
        }
        let held_out = self.held_out_cells();
        held_out.retain(tile, &mut cells.hot, false);
        held_out.retain(tile, &mut cells.cold, false);
        Ok(())
    }
}

//! The constants of a training in tiles, and what follows from them alone: the rate of a round, the cells of a tile,
//! the error that names where numbers are no longer finite.

use wordmill_flow::StageProgress;
use wordmill_formats::{FormatError, Segment, StripeFile, TileSection};

use super::checkpoint::{Position, rate_share};
use super::curve::HeldOut;
use super::model::Model;
use super::order::Tile;
use super::pass::{Objective, PassCells};
use super::plan::Plan;
use crate::error::TrainError;
use crate::start::frozen::Frozen;
use crate::stripes::{MatrixSide, Place, Stripe, TileStripes};

/// Used in place of epoch and rotation for a rotation that looks.
pub(crate) const LOOK: [u64; 2] = [u64::MAX, u64::MAX];

/// What stays the same during a run.
pub(crate) struct Run<'a> {
    pub plan: &'a Plan,
    pub objective: &'a dyn Objective,
    pub stripes: &'a [StripeFile],
    pub progress: &'a StageProgress,
    /// The word of an id.
    pub word: &'a (dyn Fn(u32) -> String + Sync),
    /// Words whose vectors do not move.
    pub frozen: &'a Frozen,
}

impl Run<'_> {
    /// Fails if a number of the model is not finite, since checkpoints must be finite.
    pub fn check_finite(&self, position: &Position, model: &Model) -> Result<(), TrainError> {
        for (side, number) in model.all() {
            if let Some(row) = model.show(side, number, Stripe::bad_row)? {
                let place = Place { side, number, grid: self.stripes.len() as u32 };
                return Err(self.diverged(position, "", Some(place.id(row)).zip(Some(side))));
            }
        }
        Ok(())
    }

    /// The error that names where numbers are no longer finite.
    pub fn diverged(
        &self,
        position: &Position,
        tile: &str,
        row: Option<(u32, MatrixSide)>,
    ) -> TrainError {
        let row = match row {
            Some((id, MatrixSide::Rows)) => format!(", vector of {:?}", (self.word)(id)),
            Some((id, MatrixSide::Columns)) => match self.objective.layout().columns_name {
                "node_vectors" => format!(", vector of node {id}"),
                _ => format!(", context vector of {:?}", (self.word)(id)),
            },
            None => String::new(),
        };
        TrainError::Diverged {
            name: self.plan.name.clone(),
            epoch: position.log.epoch + 1,
            rotation: position.rotation + 1,
            place: format!("{tile}{row}"),
            rate: self.plan.rate * rate_share(position.log.halvings),
        }
    }

    /// The rate falls with the rounds done, as word2vec's falls with the words done.
    pub fn rate(&self, position: &Position, round: u32) -> f32 {
        let grid = self.stripes.len() as u64;
        let done = position.rotations_done(self.plan.rotations) * grid + u64::from(round);
        let total = u64::from(self.plan.epochs) * u64::from(self.plan.rotations) * grid;
        let left = 1.0 - done as f64 / total as f64;
        let share = rate_share(position.log.halvings) * self.plan.schedule.share(left);
        (self.plan.rate * share) as f32
    }

    /// The cells of a tile that a rotation trains.
    pub fn cells(
        &self,
        Tile { row, column, .. }: Tile,
        rotation: u32,
        cells: &mut PassCells,
    ) -> Result<(), FormatError> {
        let file = &self.stripes[row as usize];
        let segment = Segment { part: rotation, parts: self.plan.rotations };
        let hot = if self.objective.hot_every_rotation() { Segment::WHOLE } else { segment };
        cells.hot.clear();
        cells.cold.clear();
        file.segment(column, TileSection::Hot, hot, &mut cells.hot)?;
        file.segment(column, TileSection::Cold, segment, &mut cells.cold)?;
        let held_out = self.held_out_cells();
        held_out.retain(TileStripes { row, column }, &mut cells.hot, false);
        held_out.retain(TileStripes { row, column }, &mut cells.cold, false);
        Ok(())
    }

    /// Selects the held-out cells.
    pub fn held_out_cells(&self) -> HeldOut {
        HeldOut::new(&self.plan.curve, self.plan.seed, self.stripes.len() as u32)
    }

    /// The held-out cells of a tile, of all rotations, in order.
    pub fn held_out(
        &self,
        Tile { row, column, .. }: Tile,
        cells: &mut PassCells,
    ) -> Result<(), FormatError> {
        let file = &self.stripes[row as usize];
        let parts = self.plan.rotations;
        let held_out = self.held_out_cells();
        let mut read = Vec::new();
        let PassCells { hot, cold } = cells;
        let every = self.objective.hot_every_rotation();
        for (section, kept, parts) in [
            (TileSection::Hot, hot, if every { 1 } else { parts }),
            (TileSection::Cold, cold, parts),
        ] {
            kept.clear();
            for part in 0..parts {
                read.clear();
                file.segment(column, section, Segment { part, parts }, &mut read)?;
                held_out.retain(TileStripes { row, column }, &mut read, true);
                kept.append(&mut read);
            }
            kept.sort_by_key(|cell| (cell.row, cell.column));
        }
        Ok(())
    }
}

//! The interface between engine and objective: an [`Objective`] makes a [`Pass`] over the cells of one tile and returns
//! a [`Tally`].

use wordmill_formats::{FormatError, TileCell, VectorsWriter};

use crate::error::TrainError;
use crate::random::Stream;
use crate::start::frozen::{Fixed, Frozen};
use crate::stripes::{Place, Stripe, StripeShape, TileStripes};

/// The shapes of the two matrices that an objective trains.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Shape of a row, the same on both sides.
    pub shape: StripeShape,
    /// Number of rows of the column side (contexts or nodes).
    pub columns: u32,
    /// Tensor name of the column side in the vectors file.
    pub columns_name: &'static str,
}

/// The cells of one tile that a pass may visit.
#[derive(Clone, Debug, Default)]
pub struct PassCells {
    /// Hot cells: all of them or this rotation's segment, as the objective chooses.
    pub hot: Vec<TileCell>,
    /// This rotation's segment of the cold cells.
    pub cold: Vec<TileCell>,
}

/// Where and when a pass happens.
#[derive(Clone, Copy, Debug)]
pub struct Pass<'a> {
    /// Row stripe and column stripe.
    pub tile: TileStripes,
    /// Stripes per side.
    pub grid: u32,
    /// Rotations per epoch.
    pub rotations: u32,
    /// Rate of this round.
    pub rate: f32,
    /// Whether to compute losses and gradients only, without changing any number.
    pub look: bool,
    /// Key of the random stream.
    pub(crate) key: [u64; 5],
    pub(crate) seed: u64,
    /// Words whose vectors do not move.
    pub(crate) frozen: &'a Frozen,
}

/// The result of a pass.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    /// Sum of losses.
    pub loss: f64,
    /// Sum of the weights that the mean is taken over.
    pub weight: f64,
    /// Gradient steps.
    pub visits: u64,
    /// Sum of squared norms of gradients, of a pass that looks.
    pub square: f64,
}

/// What a pass over a tile does.
pub trait Objective: Sync {
    /// The shapes of the model.
    fn layout(&self) -> Layout;
    /// Sets the initial values of a stripe; vectors and biases are zeros, accumulators ones.
    fn init(&self, place: Place, stripe: &mut Stripe);
    /// Bytes that a pass over this many cells needs, beside the cells as they are read.
    fn pass_bytes(&self, cells: u64) -> u64;
    /// Whether a pass sees all hot cells of the tile (they are visited a fraction at a time) or
    /// one segment of them.
    fn hot_every_rotation(&self) -> bool;
    /// Visits the cells of a tile.
    fn pass(
        &self,
        pass: &Pass<'_>,
        cells: &PassCells,
        rows: &mut Stripe,
        columns: &mut Stripe,
    ) -> Result<Tally, TrainError>;
    /// Writes the tensors that the vectors file has besides the two matrices; `biases` are those of
    /// rows and columns, if any.
    fn extras(
        &self,
        _writer: &mut VectorsWriter,
        _biases: [Vec<f32>; 2],
    ) -> Result<(), FormatError> {
        Ok(())
    }
    /// Settings to be stored with the vectors, for people and for queries.
    fn settings(&self) -> Vec<(&'static str, String)>;
    /// Advice for the error of an epoch without a visit.
    fn advice(&self) -> &'static str;
}

impl PassCells {
    /// Part `part` of `parts` of the cold cells.
    pub(crate) fn cold_part(&self, part: usize, parts: usize) -> &[TileCell] {
        let cells = self.cold.len();
        &self.cold[cells * part / parts..cells * (part + 1) / parts]
    }
}

impl<'a> Pass<'a> {
    /// The rows of the tile that do not move.
    pub(crate) fn fixed(&self) -> Fixed<'a> {
        self.frozen.of_stripe(self.tile.row, self.grid)
    }

    /// The epoch, from 0.
    #[cfg(test)]
    pub(crate) fn epoch(&self) -> u64 {
        self.key[0]
    }

    /// The random stream of this pass.
    pub(crate) fn stream(&self) -> Stream {
        Stream::new(self.seed, &self.key)
    }
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.loss += other.loss;
        self.weight += other.weight;
        self.visits += other.visits;
        self.square += other.square;
    }
}

//! An objective whose passes tests observe or disturb; everything else is that of the inner one.

use wordmill_formats::{FormatError, VectorsWriter};

use crate::engine::{Layout, Pass, PassCells, Tally};
use crate::stripes::Place;
use crate::{Objective, Stripe, TrainError};

/// Calls `around` in place of each pass of `inner`, with that pass as an argument.
pub(crate) struct Wrapped<F> {
    pub inner: Box<dyn Objective>,
    pub around: F,
}

impl<F> Objective for Wrapped<F>
where
    F: Fn(
            &dyn Objective,
            (&Pass<'_>, &PassCells),
            &mut Stripe,
            &mut Stripe,
        ) -> Result<Tally, TrainError>
        + Sync,
{
    fn layout(&self) -> Layout {
        self.inner.layout()
    }

    fn init(&self, place: Place, stripe: &mut Stripe) {
        self.inner.init(place, stripe);
    }

    fn pass_bytes(&self, cells: u64) -> u64 {
        self.inner.pass_bytes(cells)
    }

    fn hot_every_rotation(&self) -> bool {
        self.inner.hot_every_rotation()
    }

    fn pass(
        &self,
        pass: &Pass<'_>,
        cells: &PassCells,
        rows: &mut Stripe,
        columns: &mut Stripe,
    ) -> Result<Tally, TrainError> {
        (self.around)(&*self.inner, (pass, cells), rows, columns)
    }

    fn extras(&self, writer: &mut VectorsWriter, biases: [Vec<f32>; 2]) -> Result<(), FormatError> {
        self.inner.extras(writer, biases)
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        self.inner.settings()
    }

    fn advice(&self) -> &'static str {
        self.inner.advice()
    }
}

//! The two matrices of a windows trainer: initial values, checkpoints, publication.
//!
//! For each side (`words`, `outs`) and stripe a checkpoint (see `checkpoint.rs`) has a tensor `SIDE.000` (f32, flat,
//! padding included).

use std::collections::BTreeMap;

use wordmill_formats::{
    Dtype, FormatError, Published, RunDir, TensorReader, TensorWriter, VectorsWriter, Words,
};

use super::batch::{Recipe, Targets};
use super::reading::Position;
use super::rows::{Rows, STRIPES};
use crate::engine::Plan;
use crate::engine::checkpoint::{Kept, read_flat};
use crate::engine::training_log::TrainingLog;
use crate::error::TrainError;
use crate::objective::skipgram::init_words;
use crate::start::Start;
use crate::stripes::{MatrixSide, Place};

const SIDES: [&str; 2] = ["words", "outs"];

/// Word vectors, and context vectors or nodes.
pub(crate) struct Model {
    pub words: Rows,
    pub outs: Rows,
    dim: usize,
}

impl Model {
    /// Zeros.
    pub fn new(recipe: &Recipe, words: u32) -> Self {
        let dim = recipe.dim;
        let outs = match &recipe.targets {
            Targets::Noise(..) => words,
            Targets::Tree(tree) => tree.nodes(),
        };
        Self { words: Rows::new(dim, words), outs: Rows::new(dim, outs), dim }
    }

    /// Word vectors start uniform in ±½/d, as in word2vec, contexts and nodes at 0; then given vectors replace them.
    pub fn init(&mut self, seed: u64, start: &Start, columns: &str) -> Result<(), FormatError> {
        for (side, (_, rows)) in MatrixSide::ALL.into_iter().zip(self.sides()) {
            for number in 0..STRIPES {
                let place = Place { side, number, grid: STRIPES };
                let mut stripe = rows.write(number);
                init_words(place, &mut stripe, seed);
                start.fill(place, columns, &mut stripe)?;
            }
        }
        Ok(())
    }

    /// The first vector with a number that is not finite: its matrix and its row.
    pub fn bad_row(&self) -> Option<(&'static str, u32)> {
        let of = |rows: &Rows, stripe| {
            let row = rows.read(stripe).bad_row()?;
            Some(row as u32 * STRIPES + stripe)
        };
        self.sides()
            .into_iter()
            .find_map(|(side, rows)| Some((side, (0..STRIPES).find_map(|it| of(rows, it))?)))
    }

    fn sides(&self) -> [(&'static str, &Rows); 2] {
        [(SIDES[0], &self.words), (SIDES[1], &self.outs)]
    }

    /// Writes `vectors/NAME.safetensors`.
    pub fn publish<W: Words>(
        &self,
        dir: &RunDir,
        plan: &Plan,
        recipe: &Recipe,
        words: &W,
        given: &BTreeMap<String, String>,
        log: &TrainingLog,
    ) -> Result<Published, TrainError> {
        let mut settings = given.clone();
        let ours = recipe.config.settings().into_iter();
        settings.extend(ours.map(|(key, value)| (key.into(), value)));
        settings.extend(log.settings(plan));
        let path = dir.vectors(&plan.name);
        let mut writer = VectorsWriter::create(dir.storage(), &path, words, self.dim, &settings)?;
        let mut matrix = |name: &str, rows: &Rows| {
            writer.matrix(name, rows.len(), |ids, out| {
                rows.copy(ids, self.dim, out);
                Ok(())
            })
        };
        matrix("word_vectors", &self.words)?;
        match &recipe.targets {
            Targets::Noise(..) => matrix(recipe.columns(), &self.outs)?,
            Targets::Tree(tree) => {
                matrix(recipe.columns(), &self.outs)?;
                writer.tree(tree.parents())?;
            }
        }
        Ok(writer.finish(words)?)
    }
}

impl Kept for Model {
    type Reached = Position;
    const KIND: &'static str = "windows-checkpoint";

    fn names(&self) -> Vec<String> {
        let of_side = |side| (0..STRIPES).map(move |stripe| tensor_name(side, stripe));
        SIDES.into_iter().flat_map(of_side).collect()
    }

    fn write(&self, writer: &mut TensorWriter) -> Result<(), FormatError> {
        for (side, rows) in self.sides() {
            for stripe in 0..STRIPES {
                let values = rows.read(stripe);
                let shape = [values.vectors().len() as u64];
                let name = tensor_name(side, stripe);
                writer.tensor(&name, Dtype::F32, &shape, values.vectors())?;
            }
        }
        Ok(())
    }

    fn fits(&self, _position: &Position) -> bool {
        true
    }

    fn reset(&mut self) {
        for (stripe, (_, rows)) in
            (0..STRIPES).flat_map(|stripe| self.sides().map(|side| (stripe, side)))
        {
            rows.write(stripe).vectors_mut().fill(0.0);
        }
    }

    fn read(&mut self, reader: &TensorReader) -> Result<(), FormatError> {
        for (side, rows) in self.sides() {
            for stripe in 0..STRIPES {
                read_flat(reader, &tensor_name(side, stripe), rows.write(stripe).vectors_mut())?;
            }
        }
        Ok(())
    }
}

fn tensor_name(side: &str, stripe: u32) -> String {
    format!("{side}.{stripe:03}")
}

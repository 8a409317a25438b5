//! The two matrices of a windows trainer: their first values, their checkpoints, their publication.
//!
//! A checkpoint (see `checkpoint.rs`) has for each side (`words`, `outs`) and stripe a tensor `SIDE.000` (f32, flat,
//! padding included).

use std::collections::BTreeMap;

use wordmill_formats::{
    Dtype, FormatError, Published, RunDir, TensorReader, TensorWriter, VectorsWriter, Words,
};

use super::batch::{Recipe, Targets};
use super::reading::Position;
use super::rows::{Rows, STRIPES};
use crate::checkpoint::{Kept, read_flat};
use crate::engine::Plan;
use crate::error::TrainError;
use crate::random::Stream;

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
        let dim = recipe.config.dim;
        let outs = match &recipe.targets {
            Targets::Noise(..) => words,
            Targets::Tree(tree) => tree.nodes(),
        };
        Self { words: Rows::new(dim, words), outs: Rows::new(dim, outs), dim }
    }

    /// Word vectors start uniform in ±½/d, as in word2vec, contexts and nodes at 0.
    pub fn init(&mut self, seed: u64) {
        for stripe in 0..STRIPES {
            let mut rows = self.words.write(stripe);
            for row in 0..rows.rows() {
                let id = row as u64 * u64::from(STRIPES) + u64::from(stripe);
                let mut stream = Stream::new(seed, &[id]);
                let vector = rows.vector_mut(row);
                let scale = 1.0 / vector.len() as f32;
                vector.iter_mut().for_each(|value| *value = (stream.unit() - 0.5) * scale);
            }
        }
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

    /// Zeros again.
    pub fn reset(&mut self) {
        for (stripe, (_, rows)) in
            (0..STRIPES).flat_map(|stripe| self.sides().map(|side| (stripe, side)))
        {
            rows.write(stripe).vectors_mut().fill(0.0);
        }
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
        (words, given): (&W, &BTreeMap<String, String>),
        position: &Position,
    ) -> Result<Published, TrainError> {
        let mut settings = given.clone();
        let ours = recipe.config.settings().into_iter();
        settings.extend(ours.map(|(key, value)| (key.into(), value)));
        settings.insert("name".into(), plan.name.clone());
        settings.insert("fingerprint".into(), plan.fingerprint.clone());
        if let Some(last) = position.metrics.last() {
            settings.insert("final_loss".into(), last.loss.to_string());
        }
        if position.halvings > 0 {
            settings.insert("rate_halvings".into(), position.halvings.to_string());
        }
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
            Targets::Noise(..) => matrix("context_vectors", &self.outs)?,
            Targets::Tree(tree) => {
                matrix("node_vectors", &self.outs)?;
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

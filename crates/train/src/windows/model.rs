//! The two matrices of a windows trainer: their first values, their checkpoints, their publication.
//!
//! A checkpoint is `models/NAME/checkpoint-a.safetensors` (the beginning of an epoch) or `-b` (a place within one): for each side (`words`,
//! `outs`) and stripe a tensor `SIDE.000` (f32, flat, padding included); the position is JSON in the
//! metadata. The newer one with the right fingerprint is read; a damaged one is skipped.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use wordmill_formats::{
    Dtype, FormatError, Published, RunDir, TensorReader, TensorWriter, VectorsWriter, Words,
};

use super::batch::{Recipe, Targets};
use super::reading::Position;
use super::rows::{Rows, STRIPES};
use crate::engine::Plan;
use crate::error::TrainError;
use crate::random::Stream;

const KIND: &str = "windows-checkpoint";
const SIDES: [&str; 2] = ["words", "outs"];
/// The file of the beginning of an epoch, and that of a place within one.
const EPOCH: usize = 0;
const WITHIN: usize = 1;

/// Word vectors, and context vectors or nodes.
pub(crate) struct Model {
    pub words: Rows,
    pub outs: Rows,
    dim: usize,
}

/// The two checkpoint files of a trainer.
pub(crate) struct Saved<'a> {
    dir: &'a RunDir,
    plan: &'a Plan,
    at: Instant,
    /// Time that writing the last took.
    writing: Duration,
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

impl<'a> Saved<'a> {
    pub fn new(dir: &'a RunDir, plan: &'a Plan) -> Self {
        Self { dir, plan, at: Instant::now(), writing: Duration::ZERO }
    }

    /// Whether the last checkpoint is old: as old as is asked for, and so old that not more than a twentieth of
    /// the time goes into writing.
    pub fn are_due(&self) -> bool {
        let every = self.plan.checkpoint_every;
        every.is_zero() || self.at.elapsed() >= every.max(20 * self.writing)
    }

    /// Fills in the model from the newer checkpoint; `None` if there is none.
    pub fn load(&self, model: &mut Model) -> Result<Option<Position>, TrainError> {
        self.load_newest(&[EPOCH, WITHIN], model)
    }

    /// Fills in the model as it was at the beginning of the last epoch; `None` if that is not kept.
    pub fn load_epoch(&self, model: &mut Model) -> Result<Option<Position>, TrainError> {
        self.load_newest(&[EPOCH], model)
    }

    fn load_newest(
        &self,
        slots: &[usize],
        model: &mut Model,
    ) -> Result<Option<Position>, TrainError> {
        let mut found = Vec::new();
        for &slot in slots {
            if let Some((position, reader)) = self.open(slot)? {
                found.push(((position.epoch, position.words), position, reader));
            }
        }
        found.sort_by_key(|(done, _, _)| std::cmp::Reverse(*done));
        for (_, position, reader) in found {
            match reader.verify() {
                Ok(()) => {}
                Err(error) if error.is_bad_artefact() => continue,
                Err(error) => return Err(error.into()),
            }
            for (side, rows) in model.sides() {
                (0..STRIPES).try_for_each(|stripe| fill(&reader, side, stripe, rows))?;
            }
            return Ok(Some(position));
        }
        Ok(None)
    }

    /// Writes the file of such a position.
    pub fn save(&mut self, position: &Position, model: &Model) -> Result<(), TrainError> {
        let begun = Instant::now();
        let names: Vec<String> = SIDES
            .iter()
            .flat_map(|side| (0..STRIPES).map(move |stripe| tensor_name(side, stripe)))
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let json = serde_json::to_string(position).expect("plain data is JSON");
        let settings = BTreeMap::from([
            ("fingerprint".to_owned(), self.plan.fingerprint.clone()),
            ("position".to_owned(), json),
        ]);
        let path = self.path(if position.is_begin() { EPOCH } else { WITHIN });
        let mut writer = TensorWriter::create(self.dir.storage(), &path, KIND, &names, &settings)?;
        for (side, rows) in model.sides() {
            for stripe in 0..STRIPES {
                let values = rows.read(stripe);
                let shape = [values.vectors().len() as u64];
                let name = tensor_name(side, stripe);
                writer.tensor(&name, Dtype::F32, &shape, values.vectors())?;
            }
        }
        writer.finish()?;
        self.at = Instant::now();
        self.writing = begun.elapsed();
        Ok(())
    }

    fn path(&self, slot: usize) -> PathBuf {
        let letter = ["a", "b"][slot];
        self.dir.path(&format!("models/{}/checkpoint-{letter}.safetensors", self.plan.name))
    }

    fn open(&self, slot: usize) -> Result<Option<(Position, TensorReader)>, TrainError> {
        let reader = match TensorReader::open(self.dir.storage(), &self.path(slot)) {
            Ok(reader) => reader,
            Err(error) if error.is_not_found() || error.is_bad_artefact() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let metadata = reader.index().metadata();
        if metadata.get("fingerprint") != Some(&self.plan.fingerprint) {
            return Ok(None);
        }
        let json = metadata.get("position").map(String::as_str).unwrap_or_default();
        Ok(serde_json::from_str(json).ok().map(|position| (position, reader)))
    }
}

fn tensor_name(side: &str, stripe: u32) -> String {
    format!("{side}.{stripe:03}")
}

fn fill(reader: &TensorReader, side: &str, stripe: u32, rows: &Rows) -> Result<(), FormatError> {
    let info = reader.index().info(&tensor_name(side, stripe), Dtype::F32, 1)?;
    let mut rows = rows.write(stripe);
    if info.shape[0] != rows.vectors().len() as u64 {
        let what = format!("stripe {stripe} has another size than the model");
        return Err(FormatError::corrupt(reader.index().path(), 8, what));
    }
    reader.read(info, 0, rows.vectors_mut())
}

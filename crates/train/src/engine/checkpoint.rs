//! Checkpoints: everything that training needs to resume, in two files.
//!
//! `models/NAME/checkpoint-a.safetensors` is the beginning of an epoch, `-b` a place within one, `-best` the best epoch
//! so far if patience is set. Each has the model as it stores itself ([`Kept`]), and the position as JSON in the
//! metadata. The newer one with the right fingerprint is read; a damaged one is skipped.
//!
//! For each side (`rows`, `columns`), stripe and part, a model in tiles has a tensor `SIDE.PART.STRIPE` (f32,
//! flat, padding included).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use wordmill_flow::Context;
use wordmill_formats::{Dtype, FormatError, RunDir, TensorReader, TensorWriter};
use wordmill_kernels::real;

use super::metrics::{ROUND_NUMBERS, RoundRow};
use super::model::Model;
use super::plan::{Divergence, Plan};
use super::training_log::{SavedTally, TrainingLog};
use crate::error::TrainError;
use crate::stripes::{MatrixSide, PARTS, Stripe};

/// If a thousandth of the rate still diverges, the rate is not the cause.
const HALVINGS_MAX: u32 = 10;
/// The file of the beginning of an epoch, that of a place within one, and that of the best epoch.
const EPOCH: &str = "a";
const WITHIN: &str = "b";
const BEST: &str = "best";
/// The tensor of the rows of rounds since the last finished epoch.
const ROUNDS: &str = "rounds";

/// How far a training has come.
pub(crate) trait Reached: Serialize + DeserializeOwned {
    /// Grows with progress, to compare two checkpoints.
    fn done(&self) -> [u64; 3];
    /// Whether no part of the epoch is trained yet.
    fn is_begin(&self) -> bool;
    /// Epochs, and what was logged for them.
    fn log(&self) -> &TrainingLog;
    /// The same, mutable.
    fn log_mut(&mut self) -> &mut TrainingLog;
}

/// A model that checkpoints keep.
pub(crate) trait Kept {
    /// The position of this model's training.
    type Reached: Reached;
    /// The kind of the file.
    const KIND: &'static str;
    /// The tensors of a checkpoint.
    fn names(&self) -> Vec<String>;
    /// Writes them, in this order.
    fn write(&self, writer: &mut TensorWriter) -> Result<(), FormatError>;
    /// Whether a position is possible for this model.
    fn fits(&self, position: &Self::Reached) -> bool;
    /// Discards all values; the next ones come from a checkpoint or are initial ones.
    fn reset(&mut self);
    /// Reads the values of a checkpoint.
    fn read(&mut self, reader: &TensorReader) -> Result<(), FormatError>;
}

/// How far training has come.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Position {
    /// Epochs, and what was logged for them.
    #[serde(flatten)]
    pub log: TrainingLog,
    /// Finished rotations of the current epoch.
    pub rotation: u32,
    /// What is done of the current rotation.
    pub begun: Option<Begun>,
}

/// A rotation that was interrupted between two tasks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Begun {
    /// Row stripe → tiles that it has seen.
    pub seen: Vec<u32>,
    /// Round × G + row stripe → tally of its pass, empty if it is not done.
    pub tallies: Vec<SavedTally>,
}

impl Position {
    /// A copy without rows of rounds, of which there may be many.
    pub fn without_rounds(&mut self) -> Self {
        let rounds = std::mem::take(&mut self.log.rounds);
        let copy = self.clone();
        self.log.rounds = rounds;
        copy
    }

    /// Finished rotations of all epochs.
    pub fn rotations_done(&self, rotations: u32) -> u64 {
        u64::from(self.log.epoch) * u64::from(rotations) + u64::from(self.rotation)
    }

    /// Advances past a rotation; true if it was the last of its epoch.
    pub fn end_rotation(&mut self, plan: &Plan, advice: &str) -> Result<bool, TrainError> {
        self.rotation += 1;
        if self.rotation < plan.rotations {
            return Ok(false);
        }
        self.rotation = 0;
        self.log.end_epoch(plan, advice)?;
        Ok(true)
    }
}

impl Begun {
    /// Nothing is done yet.
    pub fn none(grid: usize) -> Self {
        Self { seen: vec![0; grid], tallies: vec![SavedTally::default(); grid * grid] }
    }

    /// Tiles done.
    pub fn tiles(&self) -> u64 {
        self.seen.iter().map(|&seen| u64::from(seen)).sum()
    }

    /// Whether it fits a grid of this many stripes.
    fn fits(&self, grid: usize) -> bool {
        let tiles = grid.checked_mul(grid);
        let within = self.seen.iter().all(|&seen| seen as usize <= grid);
        within && self.seen.len() == grid && Some(self.tallies.len()) == tiles
    }
}

/// Whether a training that has diverged after this many halvings goes back.
pub(crate) fn may_go_back(plan: &Plan, halvings: u32) -> bool {
    plan.divergence == Divergence::HalveRate && halvings < HALVINGS_MAX
}

/// The factor of the rate after this many halvings.
pub(crate) fn rate_share(halvings: u32) -> f64 {
    real::pow(0.5, f64::from(halvings))
}

impl Reached for Position {
    fn done(&self) -> [u64; 3] {
        [self.log.epoch.into(), self.rotation.into(), self.begun.as_ref().map_or(0, Begun::tiles)]
    }

    fn is_begin(&self) -> bool {
        self.rotation == 0 && self.begun.is_none()
    }

    fn log(&self) -> &TrainingLog {
        &self.log
    }

    fn log_mut(&mut self) -> &mut TrainingLog {
        &mut self.log
    }
}

impl Kept for Model {
    type Reached = Position;
    const KIND: &'static str = "checkpoint";

    fn names(&self) -> Vec<String> {
        self.all()
            .flat_map(|(side, number)| PARTS.map(|part| tensor_name(side, part, number)))
            .collect()
    }

    fn write(&self, writer: &mut TensorWriter) -> Result<(), FormatError> {
        for (side, number) in self.all() {
            self.show(side, number, |stripe| {
                let mut parts = stripe.parts().into_iter().filter(|(_, it)| !it.is_empty());
                parts.try_for_each(|(part, values)| {
                    let name = tensor_name(side, part, number);
                    writer.tensor(&name, Dtype::F32, &[values.len() as u64], values)
                })
            })??;
        }
        Ok(())
    }

    fn fits(&self, position: &Position) -> bool {
        position.begun.as_ref().is_none_or(|begun| begun.fits(self.grid()))
    }

    fn reset(&mut self) {
        self.forget();
    }

    fn read(&mut self, reader: &TensorReader) -> Result<(), FormatError> {
        self.fill(|side, number, stripe: &mut Stripe| {
            let parts = stripe.parts_mut().into_iter().filter(|(_, values)| !values.is_empty());
            for (part, values) in parts {
                read_flat(reader, &tensor_name(side, part, number), values)?;
            }
            Ok(())
        })
    }
}

/// The two checkpoint files of a trainer.
pub(crate) struct Checkpoints<'a> {
    dir: &'a RunDir,
    plan: &'a Plan,
    saved: Instant,
    /// Time spent on writing the last one.
    writing: Duration,
}

impl<'a> Checkpoints<'a> {
    pub fn new(dir: &'a RunDir, plan: &'a Plan) -> Self {
        Self { dir, plan, saved: Instant::now(), writing: Duration::ZERO }
    }

    /// Whether the last checkpoint is older than the plan's interval, and old enough that at most a twentieth
    /// of the time goes into writing.
    pub fn are_due(&self) -> bool {
        let every = self.plan.checkpoint_every;
        every.is_zero() || self.saved.elapsed() >= every.max(20 * self.writing)
    }

    /// Fills in the model from the newer checkpoint; `None` if there is none.
    pub fn load<M: Kept>(&self, model: &mut M) -> Result<Option<M::Reached>, TrainError> {
        self.load_newest(&[EPOCH, WITHIN], model)
    }

    /// After divergence, restores the beginning of the epoch, from which training resumes at half the rate.
    pub fn go_back<M: Kept>(
        &self,
        ctx: &Context,
        model: &mut M,
        failed: &M::Reached,
        place: &str,
        rate: f64,
        begin: impl FnOnce(&mut M) -> Result<M::Reached, TrainError>,
    ) -> Result<M::Reached, TrainError> {
        let (epoch, halvings) = (failed.log().epoch + 1, failed.log().halvings + 1);
        model.reset();
        let mut position = match self.load_newest(&[EPOCH], model)? {
            Some(position) => position,
            None => begin(model)?,
        };
        position.log_mut().halvings = halvings;
        ctx.progress.warn(&format!(
            "train {}: no longer finite in epoch {epoch}{place}, at a rate of {rate}; going on \
             from the beginning of epoch {} with half of it",
            self.plan.name,
            position.log().epoch + 1
        ));
        Ok(position)
    }

    /// If patience kept an earlier epoch as the best, restores the model of that epoch.
    pub fn take_best<M: Kept>(&self, log: &TrainingLog, model: &mut M) -> Result<(), TrainError> {
        let best = log.kept_epoch(self.plan);
        if best != log.epoch {
            model.reset();
            let found = self.load_newest(&[BEST], model)?;
            // The best epoch's file is written before the epoch is logged.
            debug_assert!(found.is_some_and(|found| found.log().epoch == best), "the best is kept");
        }
        Ok(())
    }

    /// Writes the file of the best epoch.
    pub fn save_best<M: Kept>(
        &mut self,
        position: &M::Reached,
        model: &M,
    ) -> Result<(), TrainError> {
        self.save_as(BEST, position, model)
    }

    fn load_newest<M: Kept>(
        &self,
        letters: &[&str],
        model: &mut M,
    ) -> Result<Option<M::Reached>, TrainError> {
        let mut found: Vec<(M::Reached, TensorReader)> = Vec::new();
        for letter in letters {
            found.extend(self.open(letter)?);
        }
        found.sort_by_key(|(position, _)| std::cmp::Reverse(position.done()));
        for (position, reader) in found {
            match reader.verify() {
                Ok(()) if model.fits(&position) => {}
                Err(error) if !error.is_bad_artefact() => return Err(error.into()),
                _ => continue,
            }
            model.read(&reader)?;
            let mut position = position;
            read_rounds(&reader, position.log_mut())?;
            return Ok(Some(position));
        }
        Ok(None)
    }

    /// Writes the file for this position.
    pub fn save<M: Kept>(&mut self, position: &M::Reached, model: &M) -> Result<(), TrainError> {
        self.save_as(if position.is_begin() { EPOCH } else { WITHIN }, position, model)
    }

    fn save_as<M: Kept>(
        &mut self,
        letter: &str,
        position: &M::Reached,
        model: &M,
    ) -> Result<(), TrainError> {
        let begun = Instant::now();
        let names = model.names();
        let names: Vec<&str> =
            [ROUNDS].into_iter().chain(names.iter().map(String::as_str)).collect();
        let json = serde_json::to_string(position).expect("plain data is JSON");
        let settings = BTreeMap::from([
            ("fingerprint".to_owned(), self.plan.fingerprint.clone()),
            ("position".to_owned(), json),
        ]);
        let path = self.path(letter);
        let mut writer =
            TensorWriter::create(self.dir.storage(), &path, M::KIND, &names, &settings)?;
        // Placed first, where eight bytes are aligned.
        let rounds = &position.log().rounds;
        if !rounds.is_empty() {
            let numbers: Vec<u64> = rounds.iter().flat_map(RoundRow::to_numbers).collect();
            let shape = [rounds.len() as u64, ROUND_NUMBERS as u64];
            writer.tensor(ROUNDS, Dtype::U64, &shape, &numbers)?;
        }
        model.write(&mut writer)?;
        writer.finish()?;
        self.saved = Instant::now();
        self.writing = begun.elapsed();
        Ok(())
    }

    fn path(&self, letter: &str) -> PathBuf {
        self.dir.path(&format!("models/{}/checkpoint-{letter}.safetensors", self.plan.name))
    }

    fn open<P: Reached>(&self, letter: &str) -> Result<Option<(P, TensorReader)>, TrainError> {
        let reader = match TensorReader::open(self.dir.storage(), &self.path(letter)) {
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

/// Reads the rows of rounds. A checkpoint of an earlier version has those of all epochs in its header.
fn read_rounds(reader: &TensorReader, log: &mut TrainingLog) -> Result<(), FormatError> {
    let finished = log.epoch;
    log.rounds.retain(|row| row.epoch > finished);
    if !reader.index().tensors().contains_key(ROUNDS) {
        return Ok(());
    }
    let info = reader.index().info(ROUNDS, Dtype::U64, 2)?;
    let corrupt = |what: &str| FormatError::corrupt(reader.index().path(), 8, what);
    if info.shape[1] != ROUND_NUMBERS as u64 {
        return Err(corrupt("its rows of rounds have another width"));
    }
    let mut numbers = vec![[0u64; ROUND_NUMBERS]; info.shape[0] as usize];
    reader.read(info, 0, numbers.as_flattened_mut())?;
    let rows: Option<Vec<RoundRow>> = numbers.into_iter().map(RoundRow::of_numbers).collect();
    log.rounds = rows.ok_or_else(|| corrupt("its rows of rounds make no sense"))?;
    Ok(())
}

/// Reads a flat tensor that has exactly the length of `values`.
pub(crate) fn read_flat(
    reader: &TensorReader,
    name: &str,
    values: &mut [f32],
) -> Result<(), FormatError> {
    let info = reader.index().info(name, Dtype::F32, 1)?;
    if info.shape[0] != values.len() as u64 {
        let what = format!("{name} has another size than in the model");
        return Err(FormatError::corrupt(reader.index().path(), 8, what));
    }
    reader.read(info, 0, values)
}

/// Removes a trainer's checkpoints and the temporary files that a killed process left of
/// checkpoints or pages. Called when its vectors are published.
pub fn remove_checkpoints(dir: &RunDir, name: &str) -> Result<(), TrainError> {
    let is_over = |file: &str| file.starts_with("checkpoint-") || file.ends_with(".scratch");
    Ok(dir.sweep(&format!("models/{name}"), is_over)?)
}

fn tensor_name(side: MatrixSide, part: &str, number: u32) -> String {
    let side = match side {
        MatrixSide::Rows => "rows",
        MatrixSide::Columns => "columns",
    };
    format!("{side}.{part}.{number:03}")
}

#[cfg(test)]
mod tests;

//! Checkpoints: everything that training needs to go on, in two files.
//!
//! `models/NAME/checkpoint-a.safetensors` and `-b`: for each side (`rows`, `columns`), stripe and part
//! a tensor `SIDE.PART.STRIPE` (f32, flat, padding included); the position and the metrics so far are
//! JSON in the metadata. `a` is the beginning of an epoch, `b` a place within one. The newer one with the right
//! fingerprint is read; a damaged one is skipped.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use wordmill_formats::{Dtype, FormatError, RunDir, TensorReader, TensorWriter};

use crate::engine::{Divergence, Plan, Tally};
use crate::error::TrainError;
use crate::metrics::EpochRow;
use crate::model::Model;
use crate::order::Half;
use crate::stripes::{PARTS, Stripe};

const KIND: &str = "checkpoint";
/// A rate of a thousandth that still diverges is not what is wrong.
pub(crate) const HALVINGS_MAX: u32 = 10;
/// The file of the beginning of an epoch, and that of a place within one.
const EPOCH: usize = 0;
const WITHIN: usize = 1;

/// How far training has come.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Position {
    /// Finished epochs.
    pub epoch: u32,
    /// Finished rotations of the current epoch.
    pub rotation: u32,
    /// What is done of the rotation in hand.
    pub begun: Option<Begun>,
    /// Sums of the current epoch so far.
    #[serde(with = "tally")]
    pub tally: Tally,
    /// Seconds of the current epoch so far.
    pub seconds: f64,
    /// Finished epochs.
    pub metrics: Vec<EpochRow>,
    /// How often the rate was halved because training had diverged.
    #[serde(default)]
    pub halvings: u32,
}

/// A rotation that was cut short between two tasks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Begun {
    /// Row stripe → tiles that it has seen.
    pub seen: Vec<u32>,
    /// Round × G + row stripe → what its pass did, nothing where it is not done.
    pub tallies: Vec<SavedTally>,
}

/// A tally that stands in a checkpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct SavedTally(#[serde(with = "tally")] pub Tally);

/// A tally as bits: JSON's decimal numbers would do, bits leave no doubt.
mod tally {
    use super::Tally;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(tally: &Tally, out: S) -> Result<S::Ok, S::Error> {
        (tally.loss.to_bits(), tally.weight.to_bits(), tally.visits).serialize(out)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Tally, D::Error> {
        let (loss, weight, visits) = <(u64, u64, u64)>::deserialize(input)?;
        Ok(Tally { loss: f64::from_bits(loss), weight: f64::from_bits(weight), visits })
    }
}

impl Position {
    /// Finished rotations of all epochs.
    pub fn rotations_done(&self, rotations: u32) -> u64 {
        u64::from(self.epoch) * u64::from(rotations) + u64::from(self.rotation)
    }

    /// What is left of the rate after all halvings.
    pub fn rate_share(&self) -> f64 {
        0.5f64.powi(self.halvings as i32)
    }

    /// Whether a training that diverged here goes back.
    pub fn may_go_back(&self, plan: &Plan) -> bool {
        plan.divergence == Divergence::HalveRate && self.halvings < HALVINGS_MAX
    }

    /// Steps past a rotation; true if it was the last of its epoch.
    pub fn end_rotation(&mut self, plan: &Plan, advice: &str) -> Result<bool, TrainError> {
        self.rotation += 1;
        if self.rotation < plan.rotations {
            return Ok(false);
        }
        let tally = std::mem::take(&mut self.tally);
        if tally.visits == 0 {
            return Err(TrainError::Empty { name: plan.name.clone(), what: advice.into() });
        }
        self.epoch += 1;
        self.rotation = 0;
        self.metrics.push(EpochRow {
            epoch: self.epoch,
            loss: tally.loss / tally.weight,
            weight: tally.weight,
            visits: tally.visits,
            seconds: std::mem::take(&mut self.seconds),
            halvings: self.halvings,
        });
        Ok(true)
    }
}

impl Begun {
    /// Tiles done.
    pub fn tiles(&self) -> u64 {
        self.seen.iter().map(|&seen| u64::from(seen)).sum()
    }

    /// Whether it is of a grid of so many stripes.
    fn fits(&self, grid: usize) -> bool {
        let tiles = grid.checked_mul(grid);
        let within = self.seen.iter().all(|&seen| seen as usize <= grid);
        within && self.seen.len() == grid && Some(self.tallies.len()) == tiles
    }
}

/// The two checkpoint files of a trainer.
pub(crate) struct Checkpoints<'a> {
    dir: &'a RunDir,
    plan: &'a Plan,
    saved: Instant,
    /// Time that writing the last took.
    writing: Duration,
}

impl<'a> Checkpoints<'a> {
    pub fn new(dir: &'a RunDir, plan: &'a Plan) -> Self {
        Self { dir, plan, saved: Instant::now(), writing: Duration::ZERO }
    }

    /// Whether the last checkpoint is old: as old as is asked for, and so old that not more than a twentieth of
    /// the time goes into writing.
    pub fn are_due(&self) -> bool {
        let every = self.plan.checkpoint_every;
        every.is_zero() || self.saved.elapsed() >= every.max(20 * self.writing)
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
                let rotations = position.rotations_done(self.plan.rotations);
                let tiles = position.begun.as_ref().map_or(0, Begun::tiles);
                found.push(((rotations, tiles), position, reader));
            }
        }
        found.sort_by_key(|(done, _, _)| std::cmp::Reverse(*done));
        for (_, position, reader) in found {
            match reader.verify() {
                Ok(()) => {}
                Err(error) if error.is_bad_artefact() => continue,
                Err(error) => return Err(error.into()),
            }
            if position.begun.as_ref().is_some_and(|begun| !begun.fits(model.grid())) {
                continue;
            }
            model.fill(|half, number, stripe| fill(&reader, half, number, stripe))?;
            return Ok(Some(position));
        }
        Ok(None)
    }

    /// Writes the file of such a position.
    pub fn save(&mut self, position: &Position, model: &Model) -> Result<(), TrainError> {
        let begun = Instant::now();
        let parts = |(half, number)| PARTS.map(|part| tensor_name(half, part, number));
        let names: Vec<String> = model.all().flat_map(parts).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let json = serde_json::to_string(position).expect("plain data is JSON");
        let settings = BTreeMap::from([
            ("fingerprint".to_owned(), self.plan.fingerprint.clone()),
            ("position".to_owned(), json),
        ]);
        let is_epoch = position.rotation == 0 && position.begun.is_none();
        let path = self.path(if is_epoch { EPOCH } else { WITHIN });
        let mut writer = TensorWriter::create(self.dir.storage(), &path, KIND, &names, &settings)?;
        for (half, number) in model.all() {
            model.show(half, number, |stripe| {
                let mut parts = stripe.parts().into_iter().filter(|(_, it)| !it.is_empty());
                parts.try_for_each(|(part, values)| {
                    let name = tensor_name(half, part, number);
                    writer.tensor(&name, Dtype::F32, &[values.len() as u64], values)
                })
            })??;
        }
        writer.finish()?;
        self.saved = Instant::now();
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

/// Removes a trainer's checkpoints, and what a killed process left of one or of its pages: its
/// vectors are published.
pub fn remove_checkpoints(dir: &RunDir, name: &str) -> Result<(), TrainError> {
    let is_over = |file: &str| file.starts_with("checkpoint-") || file.ends_with(".scratch");
    Ok(dir.sweep(&format!("models/{name}"), is_over)?)
}

fn tensor_name(half: Half, part: &str, number: u32) -> String {
    let side = match half {
        Half::Rows => "rows",
        Half::Columns => "columns",
    };
    format!("{side}.{part}.{number:03}")
}

fn fill(
    reader: &TensorReader,
    half: Half,
    number: u32,
    stripe: &mut Stripe,
) -> Result<(), FormatError> {
    for (part, values) in stripe.parts_mut().into_iter().filter(|(_, values)| !values.is_empty()) {
        let info = reader.index().info(&tensor_name(half, part, number), Dtype::F32, 1)?;
        if info.shape[0] != values.len() as u64 {
            let what = format!("stripe {number} has another size than the model");
            return Err(FormatError::corrupt(reader.index().path(), 8, what));
        }
        reader.read(info, 0, values)?;
    }
    Ok(())
}

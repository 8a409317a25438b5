//! The log of a training: its results so far, whatever it trains on.
//!
//! A [`TrainingLog`] is part of the position that a checkpoint stores, so a resumed training reports the same.

use serde::{Deserialize, Serialize};
use wordmill_formats::{ArtefactWriter, FormatError, RunDir};

use super::metrics::{EpochRow, RoundRow, for_each_line, line_of, metrics_path};
use super::pass::Tally;
use super::plan::Plan;
use crate::error::TrainError;

/// Epochs and rounds so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct TrainingLog {
    /// Finished epochs.
    pub epoch: u32,
    /// Sums of the current epoch so far.
    pub tally: SavedTally,
    /// Seconds of the current epoch so far.
    pub seconds: f64,
    /// Finished epochs.
    pub metrics: Vec<EpochRow>,
    /// How often the rate was halved because training had diverged.
    #[serde(default)]
    pub halvings: u32,
    /// Rows of rounds since the last finished epoch; earlier ones are in the metrics file. A checkpoint stores them in
    /// a tensor, as there may be millions.
    #[serde(default, skip_serializing)]
    pub rounds: Vec<RoundRow>,
    /// Sums of the rounds since the last row.
    #[serde(default)]
    pub partial: SavedTally,
}

/// A tally as stored in a checkpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct SavedTally(#[serde(with = "tally")] pub Tally);

/// A tally as bits, which are exact beyond doubt; decimal numbers in JSON would do, too.
mod tally {
    use super::Tally;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(tally: &Tally, out: S) -> Result<S::Ok, S::Error> {
        (tally.loss.to_bits(), tally.weight.to_bits(), tally.visits).serialize(out)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Tally, D::Error> {
        let (loss, weight, visits) = <(u64, u64, u64)>::deserialize(input)?;
        let (loss, weight) = (f64::from_bits(loss), f64::from_bits(weight));
        Ok(Tally { loss, weight, visits, ..Tally::default() })
    }
}

impl TrainingLog {
    /// Advances past an epoch.
    ///
    /// # Errors
    /// An epoch without a visit; `advice` names what to check.
    pub fn end_epoch(&mut self, plan: &Plan, advice: &str) -> Result<(), TrainError> {
        let Tally { loss, weight, visits, .. } = std::mem::take(&mut self.tally).0;
        if visits == 0 {
            return Err(TrainError::Empty { name: plan.name.clone(), what: advice.into() });
        }
        self.epoch += 1;
        let seconds = std::mem::take(&mut self.seconds);
        self.metrics.push(EpochRow {
            epoch: self.epoch,
            loss: loss / weight,
            weight,
            visits,
            seconds,
            visits_per_second: (visits as f64 / seconds.max(1e-9)).round(),
            rate: None,
            held_out_loss: None,
            gradient_norm: None,
            halvings: self.halvings,
        });
        Ok(())
    }

    /// Completes the row of the last epoch: the rate at its end, and the results of a look.
    pub fn complete_epoch(&mut self, rate: f64, held_out: Option<Tally>, gradient: Option<Tally>) {
        let row = self.metrics.last_mut().expect("an epoch has ended");
        row.rate = Some(rate);
        let mean = |tally: Tally, sum: f64| Some(sum / tally.weight).filter(|_| tally.weight > 0.0);
        row.held_out_loss = held_out.and_then(|tally| mean(tally, tally.loss));
        row.gradient_norm = gradient.and_then(|tally| mean(tally, tally.square)).map(f64::sqrt);
    }

    /// Records a row once it has enough rounds; their sums are in `partial`.
    pub fn note_round(&mut self, plan: &Plan, done: u64, rate: f64) {
        if !done.is_multiple_of(u64::from(plan.curve.log_every)) {
            return;
        }
        let Tally { loss, weight, visits, .. } = std::mem::take(&mut self.partial.0);
        self.rounds.push(RoundRow {
            round: done,
            epoch: self.epoch + 1,
            loss: loss / weight.max(f64::MIN_POSITIVE),
            weight,
            visits,
            rate,
        });
    }

    /// Whether nothing is left to train: all epochs are done, or patience has run out.
    pub fn is_over(&self, plan: &Plan) -> bool {
        let patience = plan.curve.patience;
        self.epoch == plan.epochs
            || patience > 0 && self.best_epoch().is_some_and(|best| self.epoch - best >= patience)
    }

    /// The epoch with the lowest held-out loss, from 1; the first of several.
    pub fn best_epoch(&self) -> Option<u32> {
        let rows = self.metrics.iter();
        let known = rows.filter_map(|row| Some((row.held_out_loss?, row.epoch)));
        known.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, epoch)| epoch)
    }

    /// The epoch whose vectors are published: the best one if patience is set, else the last.
    pub fn kept_epoch(&self, plan: &Plan) -> u32 {
        self.best_epoch().filter(|_| plan.curve.patience > 0).unwrap_or(self.epoch)
    }

    /// Replaces the metrics file: rows of epochs, each after those of its rounds. Rows of rounds come from the log,
    /// which has those since the last call, and from the existing file, which has the earlier ones.
    pub fn write_metrics(&mut self, dir: &RunDir, name: &str) -> Result<(), FormatError> {
        let mut writer = ArtefactWriter::create(dir.storage(), &metrics_path(dir, name))?;
        let mut epochs = self.metrics.iter().peekable();
        let first = self.rounds.first().map_or(u64::MAX, |row| row.round);
        let mut round = |row: &RoundRow| {
            while let Some(epoch) = epochs.next_if(|epoch| epoch.epoch < row.epoch) {
                writer.append(&line_of(epoch))?;
            }
            writer.append(&line_of(row))
        };
        for_each_line(dir, name, |line| match serde_json::from_slice::<RoundRow>(line) {
            // After a training went back, it has other rows from there on.
            Ok(row) if row.round < first && row.epoch <= self.epoch => round(&row),
            _ => Ok(()),
        })?;
        self.rounds.iter().try_for_each(round)?;
        epochs.try_for_each(|row| writer.append(&line_of(row)))?;
        // A log has no digest.
        writer.finish(0)?;
        self.rounds.clear();
        Ok(())
    }

    /// Settings to be stored with the vectors.
    pub fn settings(&self, plan: &Plan) -> Vec<(String, String)> {
        let mut settings = vec![
            ("name".to_owned(), plan.name.clone()),
            ("fingerprint".to_owned(), plan.fingerprint.clone()),
        ];
        let kept = self.kept_epoch(plan);
        let row = (kept as usize).checked_sub(1).and_then(|at| self.metrics.get(at));
        settings.extend(row.map(|row| ("final_loss".to_owned(), row.loss.to_string())));
        if self.halvings > 0 {
            settings.push(("rate_halvings".to_owned(), self.halvings.to_string()));
        }
        if plan.curve.patience > 0 {
            settings.push(("best_epoch".to_owned(), kept.to_string()));
        }
        settings
    }
}

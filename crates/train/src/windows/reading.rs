//! Which reader reads which shard, and the progress of training.
//!
//! The order of the shards of an epoch is drawn from (seed, epoch). Readers take the next one when they
//! are free. A reader's place is the number of pieces that it has trained; to resume, it reads the shard
//! again from its beginning and skips them.

use serde::{Deserialize, Serialize};
use wordmill_formats::FormatError;

use super::batch::{Batch, Recipe};
use super::text::{Reader, Texts};
use crate::engine::checkpoint::Reached;
use crate::engine::training_log::TrainingLog;
use crate::engine::{Plan, Tally};
use crate::random::Stream;

/// Places of a piece. CBOW in rounds on 22 million tokens of English (d = 100, one epoch: loss, seconds of CPU): 1024
/// 2.148, 11.9; 2048 2.160, 12.3; 4096 2.182, 11.5. The longer a piece, the older the values that the readers of a
/// round see.
pub(crate) const PIECE: usize = 1024;

/// A shard that is being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Open {
    /// Its index in the order of the epoch.
    pub turn: u32,
    /// Number of its pieces that are trained.
    pub pieces: u32,
}

/// How far training has come.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Position {
    /// Epochs, and what was logged for them.
    #[serde(flatten)]
    pub log: TrainingLog,
    /// The open shard of each reader.
    pub open: Vec<Option<Open>>,
    /// The next turn that no reader has taken.
    pub next: u32,
    /// Words trained, of all epochs.
    pub words: u64,
    /// Rounds done, of all epochs; pieces, if there are no rounds.
    #[serde(default)]
    pub rounds_done: u64,
}

/// What stays the same during an epoch.
pub(crate) struct Epoch<'a> {
    pub plan: &'a Plan,
    pub recipe: &'a Recipe,
    pub texts: &'a Texts<'a>,
    pub number: u32,
    /// Turn → shard.
    pub order: Vec<u32>,
    /// Expected number of words of all epochs.
    pub words: f64,
    /// The factor of the rate after halvings.
    pub rate_share: f64,
}

/// A reader with the piece that it trains.
pub(crate) struct Worker {
    pub open: Option<Open>,
    reader: Option<Reader>,
    pub batch: Batch,
}

impl Epoch<'_> {
    /// The shards of an epoch in random order.
    pub fn order(plan: &Plan, epoch: u32, shards: usize) -> Vec<u32> {
        let mut order: Vec<u32> = (0..shards as u32).collect();
        Stream::new(plan.seed, &[u64::from(epoch), u64::MAX]).shuffle(&mut order);
        order
    }

    /// The rate falls linearly with the words done, as in word2vec.
    pub fn rate(&self, words: u64) -> f32 {
        let plan = self.plan;
        let left = (1.0 - words as f64 / self.words).max(0.0);
        let share = self.rate_share * plan.schedule.share(left);
        (plan.rate * share) as f32
    }
}

impl Reached for Position {
    fn done(&self) -> [u64; 3] {
        [self.log.epoch.into(), self.words, self.rounds_done]
    }

    fn is_begin(&self) -> bool {
        self.next == 0 && self.open.iter().all(Option::is_none)
    }

    fn log(&self) -> &TrainingLog {
        &self.log
    }

    fn log_mut(&mut self) -> &mut TrainingLog {
        &mut self.log
    }
}

impl Position {
    /// Records the results of a round.
    pub fn note_round(&mut self, plan: &Plan, tallies: impl Iterator<Item = Tally>, rate: f32) {
        self.rounds_done += 1;
        let log = &mut self.log;
        for tally in tallies {
            log.tally.0 += tally;
            if plan.curve.log_every > 0 {
                log.partial.0 += tally;
            }
        }
        if plan.curve.log_every > 0 {
            log.note_round(plan, self.rounds_done, f64::from(rate));
        }
    }
}

impl Worker {
    pub fn new(batch: Batch) -> Self {
        Self { open: None, reader: None, batch }
    }

    /// Gives it a shard to read, beginning at a piece.
    pub fn begin(&mut self, open: Open) {
        (self.open, self.reader) = (Some(open), None);
    }

    /// Splits the next piece. At the end of the shard it closes it and returns false.
    pub fn take(&mut self, epoch: &Epoch<'_>) -> Result<bool, FormatError> {
        self.batch.clear();
        let Some(open) = &mut self.open else { return Ok(false) };
        let shard = epoch.order[open.turn as usize];
        if self.reader.is_none() {
            let mut reader = epoch.texts.open(epoch.number, shard)?;
            for _ in 0..open.pieces {
                reader.next(epoch.texts, PIECE)?;
            }
            self.reader = Some(reader);
        }
        let reader = self.reader.as_mut().expect("it was opened");
        let Some(piece) = reader.next(epoch.texts, PIECE)? else {
            (self.open, self.reader) = (None, None);
            return Ok(false);
        };
        let key = [epoch.number, shard, open.pieces].map(u64::from);
        let mut stream = Stream::new(epoch.plan.seed, &[key[0], key[1], key[2], 0]);
        self.batch.take(epoch.recipe, piece, &mut stream);
        open.pieces += 1;
        Ok(true)
    }
}

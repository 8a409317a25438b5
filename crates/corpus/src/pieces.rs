//! The stage `pieces`: words that are made of smaller ones become several tokens, `학교에서` becomes `학교` and `##에서`.
//!
//! A *learner* makes a *model* from the exact counts of the words, a text that can be read, edited and given to another run
//! (`model`). The model cuts the word lists of the token shards, and the shards are written anew in terms of pieces
//! (`encode`): the text itself is not read again. All stages after it read those shards. A piece that goes on within a word
//! begins with `##`. Learners: `korean`, `bpe`.

mod bpe;
mod branching;
mod encode;
mod korean;
mod model;
mod room;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use wordmill_flow::Context;
use wordmill_formats::{Published, RunDir, read_file, xxh3};

use crate::error::CorpusError;
use crate::input::BYTE_ORDER_MARK;
use crate::lists::read_list;
use crate::rewrite::{Rewriting, rewrite, share};
use crate::text::TextWriter;
use crate::tokenize::TokenShards;
use crate::vocabulary::{FAN_IN, LIST_BYTES, merge_lists, narrow};
use model::{Header, parse};
use room::Room;

/// The folder of the shards of pieces, and of the model.
pub const FOLDER: &str = "pieces";
/// Version of what the stage computes; part of the fingerprint.
pub(crate) const VERSION: u32 = 1;
/// The longest model that is read.
const MODEL_BYTES_MAX: u64 = 8 << 30;

/// What learns the pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "learner")]
pub enum Learner {
    /// Stems and endings of Korean.
    Korean {
        /// `corpus.endings`.
        endings: Endings,
    },
    /// Byte pair encoding, over characters.
    Bpe {
        /// `corpus.bpe_merges`.
        merges: u32,
    },
}

/// What becomes of endings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Endings {
    /// They are tokens.
    Keep,
    /// They are left out.
    Drop,
}

/// Settings of the stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PiecesConfig {
    /// What learns.
    pub learner: Learner,
    /// `corpus.pieces_min_count`: nothing is learned from words that stand less often.
    pub min_count: u64,
    /// `corpus.pieces`: a model that is given, so that none is learned.
    pub given: Option<PathBuf>,
}

/// What came of the stage.
#[derive(Clone, Debug)]
pub struct Pieces {
    /// The shards of pieces.
    pub shards: TokenShards,
    /// The model.
    pub model: Published,
    /// A digest of the file that was given, as it was read.
    pub given: Option<u64>,
    /// Tokens before.
    pub words: u64,
    /// Endings that were left out.
    pub left_out: u64,
}

/// Cuts words into pieces.
pub(crate) trait Cut: Send + Sync {
    /// Calls `emit` with the pieces of a word, at least one; those that go on begin with `##`. Says how many it left out.
    fn cut(&self, word: &str, emit: &mut dyn FnMut(&str)) -> u64;
    /// Memory that it takes.
    fn bytes(&self) -> u64;
}

impl Learner {
    /// Its name, that of the tokeniser.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Korean { .. } => "korean",
            Self::Bpe { .. } => "bpe",
        }
    }
}

impl PiecesConfig {
    /// What identifies a model of the learner.
    fn settings(&self) -> String {
        let Self { learner, min_count, given } = self;
        match (given, learner) {
            (Some(_), _) => "given".to_owned(),
            (None, Learner::Korean { .. }) => format!("min_count={min_count}"),
            (None, Learner::Bpe { merges }) => format!("min_count={min_count} merges={merges}"),
        }
    }
}

/// A model read back: what cuts a word like the run that learned it.
pub struct Cutter(Box<dyn Cut>);

impl Cutter {
    /// Reads the model of a file for a learner.
    ///
    /// # Errors
    /// A file that is missing or no model of this learner.
    pub fn read(run: &RunDir, path: &Path, learner: Learner) -> Result<Self, CorpusError> {
        let bytes = read_file(run.storage(), path, MODEL_BYTES_MAX)?;
        Ok(Self(cutter(path, &bytes, learner)?))
    }

    /// The pieces of a word.
    #[must_use]
    pub fn pieces(&self, word: &str) -> Vec<String> {
        let mut pieces = Vec::new();
        self.0.cut(word, &mut |piece| pieces.push(piece.to_owned()));
        pieces
    }
}

/// Where the model of a learner stands in a run.
#[must_use]
pub fn model_path(run: &RunDir, learner: Learner) -> PathBuf {
    run.path(&format!("{FOLDER}/{}.tsv", learner.name()))
}

/// Learns a model from the words of the shards, unless one is given, and writes the shards in terms of its pieces. What an
/// interrupted process has finished is kept.
///
/// # Errors
/// A corpus without a word; a given model that is none; a damaged shard; a full disk; too small a budget; a request to stop.
pub fn pieces(
    ctx: &Context,
    config: &PiecesConfig,
    shards: &TokenShards,
) -> Result<Pieces, CorpusError> {
    let run = shards.run();
    let (model, bytes, given) = make_model(ctx, config, shards)?;
    let cutter = cutter(&model.path, &bytes, config.learner)?;
    drop(bytes);
    let _memory =
        ctx.budget.reserve(cutter.bytes(), "the model of pieces").map_err(|mut error| {
            error.advice = ADVICE.to_owned();
            error
        })?;
    let folder = run.reading(FOLDER);
    let (workers, _words) = share(ctx, shards, "the words of a shard", |counts| {
        encode::needed_bytes(counts.local_words)
    })?;
    let made_of = format!("{VERSION} {:016x} {:?}", model.xxh3, config.learner);
    let (made, left_out) = rewrite(ctx, FOLDER, (shards, folder), workers, |row, folder| {
        let made_of = &made_of;
        let job = Rewriting { run, folder, row, made_of, counted: encode::LEFT_OUT };
        encode::shard(&job, &*cutter)
    })?;
    Ok(Pieces { shards: made, model, given, words: shards.totals().tokens, left_out })
}

/// What helps where a model does not fit.
const ADVICE: &str = ", or raise corpus.pieces_min_count";

fn cutter(path: &Path, bytes: &[u8], learner: Learner) -> Result<Box<dyn Cut>, CorpusError> {
    let (_, rows) = parse(path, bytes, learner.name())?;
    Ok(match learner {
        Learner::Korean { endings } => Box::new(korean::Korean::read(path, rows, endings)?),
        Learner::Bpe { .. } => Box::new(bpe::Bpe::read(path, rows)?),
    })
}

/// The model: the one that is given, the one that is there, or a new one; and a digest of the file that was given.
fn make_model(
    ctx: &Context,
    config: &PiecesConfig,
    shards: &TokenShards,
) -> Result<(Published, Vec<u8>, Option<u64>), CorpusError> {
    let run = shards.run();
    let path = model_path(run, config.learner);
    let header = Header {
        learner: config.learner.name(),
        settings: config.settings(),
        made_of: format!("{:016x}", shards.digest()),
    };
    if let Some(given) = &config.given {
        let mut bytes = read_list(given).map_err(|error| CorpusError::Config {
            key: "corpus.pieces",
            problem: format!("{}: reading the model: {error}", given.display()),
            way_out: "check the path, or leave the setting out to learn one".to_owned(),
        })?;
        let digest = xxh3(&bytes);
        if bytes.starts_with(&BYTE_ORDER_MARK) {
            bytes.drain(..BYTE_ORDER_MARK.len());
        }
        // Checked before it is taken over, so that the message names the file that was given.
        cutter(given, &bytes, config.learner)?;
        let published = wordmill_formats::write_file(run.storage(), &path, &bytes)?;
        return Ok((published, bytes, Some(digest)));
    }
    if let Ok(bytes) = read_file(run.storage(), &path, MODEL_BYTES_MAX)
        && parse(&path, &bytes, header.learner).is_ok_and(|(found, _)| found == header.lines())
    {
        let published = Published { path, bytes: bytes.len() as u64, xxh3: xxh3(&bytes) };
        return Ok((published, bytes, None));
    }
    if shards.totals().tokens == 0 {
        return Err(CorpusError::EmptyCorpus { shards: shards.len() });
    }
    run.sweep(FOLDER, |name| name.starts_with("merge-"))?;
    let words = Words::new(ctx, shards, config.min_count)?;
    let mut writer = TextWriter::create(run.storage(), &path)?;
    writer.bytes(header.lines().as_bytes())?;
    match config.learner {
        Learner::Korean { .. } => korean::learn(ctx, run, &words, &mut writer)?,
        Learner::Bpe { merges } => bpe::learn(ctx, &words, merges, &mut writer)?,
    }
    let published = writer.finish()?;
    run.sweep(FOLDER, |name| name.starts_with("merge-"))?;
    let bytes = read_file(run.storage(), &published.path, MODEL_BYTES_MAX)?;
    Ok((published, bytes, None))
}

/// All words of the corpus with their exact counts, in the order of their bytes, however many there are.
pub(crate) struct Words<'a> {
    ctx: &'a Context,
    run: &'a RunDir,
    lists: Vec<PathBuf>,
    min_count: u64,
}

impl<'a> Words<'a> {
    fn new(ctx: &'a Context, shards: &'a TokenShards, min_count: u64) -> Result<Self, CorpusError> {
        let run = shards.run();
        let lists = shards.rows().iter().map(|row| run.word_list(row.id)).collect();
        let lists = narrow(ctx, run, &format!("{FOLDER}/merge-words"), lists, fan_in(ctx))?;
        Ok(Self { ctx, run, lists, min_count })
    }

    /// Calls `each` with every word that stands often enough, and its count.
    fn for_each(
        &self,
        mut each: impl FnMut(&str, u64) -> Result<(), CorpusError>,
    ) -> Result<(), CorpusError> {
        let bytes = LIST_BYTES * self.lists.len() as u64;
        let _memory = self.ctx.budget.reserve(bytes, "merging word lists")?;
        let mut seen = 0_u64;
        merge_lists(self.run, &self.lists, |word, count| {
            seen += 1;
            if seen.is_multiple_of(1 << 16) {
                self.ctx.cancel.check()?;
            }
            // What is damaged is found by the checksums of the lists.
            match std::str::from_utf8(word) {
                Ok(word) if count >= self.min_count => each(word, count),
                _ => Ok(()),
            }
        })
    }
}

/// How many lists are merged at once: a quarter of the memory may go into them.
fn fan_in(ctx: &Context) -> usize {
    let affordable = usize::try_from(ctx.budget.left() / 4 / LIST_BYTES).unwrap_or(usize::MAX);
    FAN_IN.min(affordable).max(2)
}

#[cfg(test)]
mod tests;

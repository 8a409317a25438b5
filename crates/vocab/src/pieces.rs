//! The stage `pieces`: cuts words into subwords, each a token, `학교에서` into `학교` and `##에서`.
//!
//! A *learner* computes a *model* from the exact counts of the words: a text that can be read, edited and given to
//! another run (`model`). The model cuts the word lists of the token shards, and the shards are rewritten in terms of
//! pieces (`encode`); the text is not read again. All later stages read those shards. A piece that continues within a
//! word begins with `##`. Learners: `korean`, `bpe`.

mod bpe;
mod branching;
pub(crate) mod config;
mod encode;
mod korean;
mod model;
mod need;
mod words;

use std::path::{Path, PathBuf};

use wordmill_flow::Context;
use wordmill_formats::{Published, RunDir, read_file, xxh3};
use wordmill_text::encoding::BYTE_ORDER_MARK;
use wordmill_text::read_list;

use crate::error::VocabError;
use crate::rewrite::{Rewrite, Rewriting, Rewritten, rewrite, share};
use crate::shards::TokenShards;
use crate::text_writer::TextWriter;
use config::VERSION;
pub use config::{BpeConfig, Endings, FOLDER, KoreanConfig, Learner, LearningConfig, PiecesConfig};
use model::{Cut, Header, parse};
pub use need::need;
use words::{ADVICE, Words};

/// The longest model that is read.
const MODEL_BYTES_MAX: u64 = 8 << 30;

/// The result of the stage.
#[derive(Clone, Debug)]
pub struct Pieces {
    /// The shards of pieces.
    pub shards: TokenShards,
    /// The model.
    pub model: Published,
    /// A digest of the given file, as it was read.
    pub given: Option<u64>,
    /// Tokens before.
    pub words: u64,
    /// Endings that were dropped.
    pub left_out: u64,
}

/// A model that was read; it cuts words like the run that learned it.
pub struct Segmenter(Box<dyn Cut>);

impl Segmenter {
    /// Reads the model of a file for a learner.
    ///
    /// # Errors
    /// For a file that is missing or not a model of this learner.
    pub fn read(run: &RunDir, path: &Path, learner: Learner) -> Result<Self, VocabError> {
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

/// The path of the model of a learner in a run.
#[must_use]
pub fn model_path(run: &RunDir, learner: Learner) -> PathBuf {
    run.path(&format!("{FOLDER}/{}.tsv", learner.name()))
}

/// Learns a model from the words of the shards, unless one is given, and writes the shards in terms of its pieces.
/// Finished files of an interrupted process are kept.
///
/// # Errors
/// For a corpus without a word, a given file that is not a model, a damaged shard, a full disk, too small a budget, and
/// a request to stop.
pub fn pieces(
    ctx: &Context,
    config: &PiecesConfig,
    shards: &TokenShards,
) -> Result<Pieces, VocabError> {
    let (model, bytes, given) = make_model(ctx, config, shards)?;
    let cutter = cutter(&model.path, &bytes, config.learner)?;
    drop(bytes);
    let _memory =
        ctx.budget.reserve(cutter.bytes(), "the model of pieces").map_err(|mut error| {
            error.advice = ADVICE.to_owned();
            error
        })?;
    let (workers, _words) = share(ctx, shards, "the words of a shard", |counts| {
        encode::needed_bytes(counts.local_words)
    })?;
    let step = encoding(shards, config.learner, &model, &*cutter);
    let (made, left_out) = rewrite(ctx, workers, step)?;
    Ok(Pieces { shards: made, model, given, words: shards.totals().tokens, left_out })
}

/// The step that writes the shards in terms of the pieces of a model.
fn encoding<'a>(
    shards: &'a TokenShards,
    learner: Learner,
    model: &Published,
    cutter: &'a dyn Cut,
) -> Rewrite<'a, impl Fn(&Rewriting<'_>, usize) -> Result<Rewritten, VocabError> + Sync + 'a> {
    Rewrite {
        stage: FOLDER,
        shards,
        folder: shards.run().reading(FOLDER),
        made_of: format!("{VERSION} {:016x} {learner:?}", model.xxh3),
        counted: encode::LEFT_OUT,
        also_reads: vec![model.path.clone()],
        make: move |job: &Rewriting<'_>, _| encode::shard(job, cutter),
    }
}

fn cutter(path: &Path, bytes: &[u8], learner: Learner) -> Result<Box<dyn Cut>, VocabError> {
    let (_, rows) = parse(path, bytes, learner.name())?;
    Ok(match learner {
        Learner::Korean { endings } => Box::new(korean::Korean::read(path, rows, endings)?),
        Learner::Bpe { .. } => Box::new(bpe::Bpe::read(path, rows)?),
    })
}

/// The model: the given one, the existing one, or a new one; and a digest of the given file.
fn make_model(
    ctx: &Context,
    config: &PiecesConfig,
    shards: &TokenShards,
) -> Result<(Published, Vec<u8>, Option<u64>), VocabError> {
    let run = shards.run();
    let path = model_path(run, config.learner);
    let header = Header {
        learner: config.learner.name(),
        settings: config.settings(),
        made_of: format!("{:016x}", shards.digest()),
    };
    if let Some(given) = &config.learning.given {
        let mut bytes = read_list(given).map_err(|error| VocabError::Config {
            key: "corpus.pieces",
            problem: format!("{}: reading the model: {error}", given.display()),
            way_out: "check the path, or leave the setting out to learn one".to_owned(),
        })?;
        let digest = xxh3(&bytes);
        if bytes.starts_with(&BYTE_ORDER_MARK) {
            bytes.drain(..BYTE_ORDER_MARK.len());
        }
        // Checked before it is copied, so that the message names the given file.
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
        return Err(VocabError::EmptyCorpus { shards: shards.len() });
    }
    run.sweep(FOLDER, |name| name.starts_with("merge-"))?;
    let words = Words::new(ctx, shards, config.learning.min_count)?;
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

#[cfg(test)]
mod tests;

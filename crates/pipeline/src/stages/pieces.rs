//! The stage `pieces`: token shards of words become shards of pieces of words.

use wordmill_flow::Need;
use wordmill_formats::{StageRow, counted};
use wordmill_vocab::{self as vocab, pieces::PiecesConfig};

use super::settings::{only, section};
use super::{dedup, outputs, reshaped};
use crate::config::Config;
use crate::error::Error;
use crate::outlook::Outlook;
use crate::past::Past;
use crate::stage::{Artefacts, Folder, Kind, Listed, Made, Run, Settings, Stage, Work};

/// What is known of it by its name.
pub const KIND: Kind = Kind { name: vocab::pieces::FOLDER, version: 5, folders };

fn folders(name: &str) -> Vec<Folder> {
    vec![Folder::whole(name)]
}

/// The setting that says, in the row of the vocabulary, that it is one of pieces.
pub const TOKENIZER: &str = "corpus.tokenizer";

/// Settings of `[corpus]` that are those of this stage.
pub(super) const KEYS: [&str; 5] =
    [TOKENIZER, "corpus.endings", "corpus.bpe_merges", "corpus.pieces_min_count", "corpus.pieces"];

/// The stage.
pub struct Pieces {
    listed: Listed,
    config: PiecesConfig,
    before: String,
}

/// What the stage adds to the configuration of the vocabulary.
pub(super) fn added(config: &Config, past: &Past) -> Settings {
    match config.corpus.pieces {
        None => Settings::new(),
        Some(_) => only(section(config, "corpus", past), &[TOKENIZER]),
    }
}

impl Pieces {
    /// The stage behind `before`, if words are cut into pieces.
    #[must_use]
    pub fn new(config: &Config, past: &Past, before: String) -> Option<Self> {
        let pieces = config.pieces_job()?;
        let mut settings = only(section(config, "corpus", past), &KEYS);
        settings.extend(dedup::added(config));
        let listed = Listed::new(KIND.name, settings);
        Some(Self { listed, config: pieces, before })
    }
}

impl Stage for Pieces {
    fn listed(&self) -> &Listed {
        &self.listed
    }

    fn reads(&self) -> Vec<String> {
        vec![self.before.clone()]
    }

    fn inputs(&self, _: &Run<'_>, so_far: &Artefacts) -> Result<Settings, Error> {
        Ok(reshaped::inputs(so_far))
    }

    fn need(&self, outlook: &Outlook<'_>) -> Need {
        vocab::pieces::need(&outlook.config.corpus.lines, &outlook.sizes, outlook.room)
    }

    fn prepare<'a>(
        &'a self,
        run: &'a Run<'a>,
        so_far: &'a Artefacts,
        _: &str,
    ) -> Result<Work<'a>, Error> {
        Ok(Box::new(move || {
            let made = vocab::pieces::pieces(run.ctx, &self.config, so_far.tokens())?;
            outputs::check_content(&self.listed.settings, ("corpus.pieces", ""), made.given)?;
            let (left_out, words) = (made.left_out, made.words);
            let says = format!(
                "pieces: left out {} of {}",
                counted(left_out, "ending"),
                counted(words, "word")
            );
            let tokens = made.shards.totals().tokens;
            let counts = vec![("words", words), ("tokens", tokens), ("left_out", left_out)];
            let says = (left_out > 0).then_some(says);
            Ok(Made { says, ..reshaped::made(&made.shards, Some(made.model), counts) })
        }))
    }

    fn open(
        &self,
        run: &Run<'_>,
        _: Option<&StageRow>,
        _: &str,
        so_far: &mut Artefacts,
    ) -> Result<(), Error> {
        reshaped::open(run, KIND.name, so_far)
    }
}

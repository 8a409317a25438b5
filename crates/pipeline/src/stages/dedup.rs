//! The stage `dedup`: token shards without the lines that repeat an earlier one.

use wordmill_flow::Need;
use wordmill_formats::{StageRow, counted};
use wordmill_vocab as vocab;

use super::reshaped;
use crate::config::{Config, DuplicateLines};
use crate::error::Error;
use crate::outlook::Outlook;
use crate::stage::{Artefacts, Folder, Kind, Listed, Made, Run, Settings, Stage, Work};

/// What is known of it by its name.
pub const KIND: Kind = Kind { name: vocab::dedup::FOLDER, version: 5, folders };

fn folders(name: &str) -> Vec<Folder> {
    vec![Folder::whole(name)]
}

/// The setting that says, in the rows of the stages behind, that repeated lines were left out; not set where they stay.
pub const DUPLICATES: &str = "corpus.duplicate_lines";

/// The stage.
pub struct Dedup {
    listed: Listed,
    before: String,
}

/// What the stage adds to the configuration of the stages that read its shards.
pub(super) fn added(config: &Config) -> Settings {
    match config.corpus.reading.duplicate_lines {
        DuplicateLines::Keep => Settings::new(),
        DuplicateLines::Drop => [(DUPLICATES.to_owned(), "drop".to_owned())].into(),
    }
}

impl Dedup {
    /// The stage behind `before`, if lines are to be left out.
    #[must_use]
    pub fn new(config: &Config, before: String) -> Option<Self> {
        let settings = added(config);
        (!settings.is_empty()).then(|| Self { listed: Listed::new(KIND.name, settings), before })
    }
}

impl Stage for Dedup {
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
        vocab::dedup::need(&outlook.config.corpus.lines, &outlook.sizes, outlook.room)
    }

    fn prepare<'a>(
        &'a self,
        run: &'a Run<'a>,
        so_far: &'a Artefacts,
        _: &str,
    ) -> Result<Work<'a>, Error> {
        Ok(Box::new(move || {
            let made = vocab::dedup::dedup(run.ctx, so_far.tokens())?;
            let totals = *made.shards.totals();
            let dropped_tokens = made.tokens - totals.tokens;
            let says = format!(
                "dedup: left out as repeating an earlier line: {} of {}, {dropped_tokens} of {}",
                made.dropped_lines,
                counted(made.lines, "line"),
                counted(made.tokens, "token")
            );
            let counts = vec![
                ("lines", totals.lines),
                ("tokens", totals.tokens),
                ("dropped_lines", made.dropped_lines),
                ("dropped_tokens", dropped_tokens),
            ];
            Ok(Made { says: Some(says), ..reshaped::made(&made.shards, None, counts) })
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

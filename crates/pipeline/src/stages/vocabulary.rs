//! The stage `vocabulary`: which words stay, and their numbers.

use wordmill_flow::Need;
use wordmill_formats::StageRow;
use wordmill_vocab::{self as vocab, Vocabulary};

use super::settings::section;
use super::{dedup, outputs, phrases, pieces, reshaped};
use crate::config::Config;
use crate::error::Error;
use crate::outlook::Outlook;
use crate::past::Past;
use crate::stage::{Artefacts, Folder, Kind, Listed, Made, Run, Settings, Stage, Text, Work};

/// What is known of it by its name.
pub const KIND: Kind = Kind { name: "vocabulary", version: 5, folders };

fn folders(_: &str) -> Vec<Folder> {
    vec![Folder::whole("vocab")]
}

/// The stage.
pub struct VocabularyStage {
    listed: Listed,
    before: String,
}

impl VocabularyStage {
    /// Behind the stage `before`, which makes the shards.
    #[must_use]
    pub fn new(config: &Config, past: &Past, before: String) -> Self {
        let mut settings = section(config, "vocabulary", past);
        settings.extend(pieces::added(config, past));
        settings.extend(phrases::added(config));
        settings.extend(dedup::added(config));
        Self { listed: Listed::new(KIND.name, settings), before }
    }
}

impl Stage for VocabularyStage {
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
        vocab::vocabulary_need(&outlook.config.corpus.lines, &outlook.sizes, outlook.room)
    }

    fn prepare<'a>(
        &'a self,
        run: &'a Run<'a>,
        so_far: &'a Artefacts,
        _: &str,
    ) -> Result<Work<'a>, Error> {
        let config = run.config.vocabulary_job()?;
        for it in config.left_out(&vocab::VocabularyCounts::default()) {
            let digest = it.list.map(|list| list.digest());
            outputs::check_content(&self.listed.settings, (it.key, ""), digest)?;
        }
        Ok(Box::new(move || {
            let vocabulary = vocab::vocabulary(run.ctx, &config, so_far.tokens())?;
            let counts = outputs::report_words(run.ctx, &config, vocabulary.counts());
            Ok(Made { outputs: vocabulary.outputs().to_vec(), counts, says: None })
        }))
    }

    fn open(
        &self,
        _: &Run<'_>,
        _: Option<&StageRow>,
        _: &str,
        so_far: &mut Artefacts,
    ) -> Result<(), Error> {
        let shards = so_far.tokens();
        let vocabulary = Vocabulary::open(shards.run(), shards.ids())?;
        let digest = format!("{:016x}-{:016x}", shards.digest(), vocabulary.digest());
        so_far.text = Some(Text { vocabulary, digest });
        Ok(())
    }
}

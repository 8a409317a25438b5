//! The stage `tokenize`: from texts to token shards.

use wordmill_flow::Need;
use wordmill_formats::{FormatError, StageRow};
use wordmill_text::{RecordCounts, RecordFormat};
use wordmill_vocab::{self as vocab, TokenShards};

use super::outputs::{self, report_losses};
use super::settings::{section, without};
use super::{dedup, pieces};
use crate::config::{Config, DuplicateLines};
use crate::error::Error;
use crate::outlook::Outlook;
use crate::past::Past;
use crate::stage::{Artefacts, Folder, Kind, Listed, Made, Run, Settings, Stage, Work};
use crate::texts::{self, Texts};

/// What is known of it by its name.
pub const KIND: Kind = Kind { name: "tokenize", version: 5, folders };

/// Token shards are compared with the text and the settings one by one.
fn folders(_: &str) -> Vec<Folder> {
    vec![Folder { is_cleared: false, ..Folder::whole("tokens") }]
}

/// The stage.
pub struct Tokenize {
    listed: Listed,
}

impl Tokenize {
    /// For the texts of a configuration.
    #[must_use]
    pub fn new(config: &Config, texts: &Texts, past: &Past) -> Self {
        let mut settings = section(config, "corpus", past);
        settings.extend(texts.recorded.clone());
        if config.corpus.pieces.is_some() {
            // Words are cut into pieces afterwards: to change how does not touch the words.
            settings = without(settings, &pieces::KEYS);
            settings.insert(pieces::TOKENIZER.into(), "words".into());
        }
        if config.corpus.reading.duplicate_lines != DuplicateLines::Keep {
            settings.remove(dedup::DUPLICATES);
        }
        Self { listed: Listed::new(KIND.name, settings) }
    }
}

impl Stage for Tokenize {
    fn listed(&self) -> &Listed {
        &self.listed
    }

    fn reads(&self) -> Vec<String> {
        Vec::new()
    }

    fn inputs(&self, _: &Run<'_>, _: &Artefacts) -> Result<Settings, Error> {
        Ok(Settings::new())
    }

    fn need(&self, outlook: &Outlook<'_>) -> Need {
        vocab::tokenize_need(&outlook.config.corpus.lines, &outlook.sizes, outlook.room)
    }

    fn is_whole(&self, run: &Run<'_>, _: &str) -> Result<bool, Error> {
        let index = run.dir.token_index();
        let size = run.dir.storage().size(&index);
        // Before there was an index, shards had other names: they are rebuilt.
        let has_index = size.map_err(|e| FormatError::io(&index, "looking at", e))?.is_some();
        Ok(has_index && !run.texts.is_some_and(|texts| texts.is_new))
    }

    fn prepare<'a>(
        &'a self,
        run: &'a Run<'a>,
        _: &'a Artefacts,
        _: &str,
    ) -> Result<Work<'a>, Error> {
        let inputs = match run.texts.and_then(|texts| texts.inputs.clone()) {
            Some(inputs) => inputs,
            // They are gone, and are needed after all.
            None => texts::inputs(run.config, &run.ctx.progress)?,
        };
        let config = run.config.tokenize_job()?;
        let settings = &self.listed.settings;
        let list = config.stop_words.as_deref();
        outputs::check_content(settings, ("corpus.stop_words", ""), list.map(|it| it.digest()))?;
        outputs::check_content(settings, ("corpus.tokenizer", "hf: "), config.tokenizer.file())?;
        outputs::report_list(run.ctx, "corpus.stop_words", list);
        Ok(Box::new(move || {
            let shards = vocab::tokenize(run.ctx, &config, run.dir, &inputs)?;
            let mut counts = vec![("shards", shards.len() as u64)];
            counts.extend(shards.totals().rows());
            let RecordCounts { records, broken } = shards.records();
            if run.config.corpus.format != RecordFormat::Lines || records > 0 {
                counts.extend([("records", records), ("broken_records", broken)]);
            }
            let left_out: usize = inputs.iter().map(|input| input.left_out.len()).sum();
            counts.extend((left_out > 0).then_some(("left_out_inputs", left_out as u64)));
            report_losses(run.ctx, run.config, &shards);
            let outputs = shards.outputs().cloned().collect();
            Ok(Made { outputs, counts, says: None })
        }))
    }

    fn open(
        &self,
        run: &Run<'_>,
        _: Option<&StageRow>,
        _: &str,
        so_far: &mut Artefacts,
    ) -> Result<(), Error> {
        so_far.tokens = Some(TokenShards::open(run.dir)?);
        Ok(())
    }
}

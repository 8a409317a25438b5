//! The stages that make token shards: of words, without repeated lines, and of pieces of words; phrases have a file of their own.

use wordmill_formats::{FormatError, Published, counted};
use wordmill_text as text;
use wordmill_vocab as vocab;

use super::outputs::{self, report_losses};
use super::{Pipeline, begin};
use crate::config::DuplicateLines;
use crate::error::Error;
use crate::ledger::{Ledger, Settings, Stage};
use crate::texts::{self, Texts};

/// The setting that says, in the row of the vocabulary, that repeated lines were left out; not set where they stay.
pub const DUPLICATES: &str = "corpus.duplicate_lines";

/// Puts the stage `dedup` behind `tokenize` if lines are to be left out. That does not touch the words, so it is a setting of the
/// stages that are made of what stays.
pub(super) fn add_dedup(stages: &mut Vec<Stage>, vocabulary: &mut Settings) {
    if let Some(duplicates) = stages[0].settings.remove_entry(DUPLICATES) {
        let later = stages[1..].iter_mut().map(|stage| &mut stage.settings).chain([vocabulary]);
        later.for_each(|settings| settings.extend([duplicates.clone()]));
        stages.insert(1, Stage::new("dedup", [duplicates].into()));
    }
}

/// What a stage has made of shards.
pub(super) struct Reshaped {
    pub shards: vocab::TokenShards,
    /// A text that it has learned or was given.
    pub text: Option<Published>,
    pub counts: Vec<(&'static str, u64)>,
    /// What is told of it.
    pub says: Option<String>,
}

impl Pipeline<'_> {
    /// The shards that words are counted in; `None` if the run ends before or there.
    pub(super) fn shards(
        &self,
        ledger: &mut Ledger<'_>,
        texts: &Texts,
    ) -> Result<Option<vocab::TokenShards>, Error> {
        let shards = self.tokenize(ledger, texts)?;
        if self.ends("tokenize") {
            return Ok(None);
        }
        let shards = self.dedup(ledger, shards)?;
        if self.ends("dedup") {
            return Ok(None);
        }
        let shards = self.pieces(ledger, shards)?;
        if self.ends("pieces") {
            return Ok(None);
        }
        let shards = self.phrases(ledger, shards)?;
        Ok((!self.ends("phrases")).then_some(shards))
    }

    fn tokenize(
        &self,
        ledger: &mut Ledger<'_>,
        texts: &Texts,
    ) -> Result<vocab::TokenShards, Error> {
        let settings = self.settings("tokenize");
        let index = self.dir.token_index();
        let size = self.dir.storage().size(&index);
        let has_index = size.map_err(|e| FormatError::io(&index, "looking at", e))?.is_some();
        // Before there was an index, shards had other names: they are made anew.
        let is_done = ledger.done("tokenize", &settings)?.is_some() && has_index;
        if is_done && !texts.is_new {
            return Ok(vocab::TokenShards::open(self.dir)?);
        }
        let found;
        let inputs = match &texts.inputs {
            Some(inputs) => inputs,
            // They are gone, and are needed after all.
            None => {
                found = texts::inputs(self.config, &self.ctx.progress)?;
                &found
            }
        };
        let config = self.config.tokenize_job()?;
        let list = config.stop_words.as_deref();
        outputs::check_content(&settings, ("corpus.stop_words", ""), list.map(|it| it.digest()))?;
        outputs::check_content(&settings, ("corpus.tokenizer", "hf: "), config.tokenizer.file())?;
        outputs::report_list(self.ctx, "corpus.stop_words", list);
        let stage = begin(self.ctx, ledger, "tokenize", settings)?;
        let made = vocab::tokenize(self.ctx, &config, self.dir, inputs);
        let (stage, shards) = ledger.or_pause(stage, made)?;
        let outputs: Vec<Published> = shards.outputs().cloned().collect();
        let mut counts = vec![("shards", shards.len() as u64)];
        counts.extend(shards.totals().rows());
        let text::RecordCounts { records, broken } = shards.records();
        if self.config.corpus.format != text::RecordFormat::Lines || records > 0 {
            counts.extend([("records", records), ("broken_records", broken)]);
        }
        let left_out: usize = inputs.iter().map(|input| input.left_out.len()).sum();
        counts.extend((left_out > 0).then_some(("left_out_inputs", left_out as u64)));
        ledger.finish(stage, outputs, counts)?;
        report_losses(self.ctx, self.config, &shards);
        Ok(shards)
    }

    /// The shards without lines that repeat an earlier one, if those are to be left out.
    fn dedup(
        &self,
        ledger: &mut Ledger<'_>,
        shards: vocab::TokenShards,
    ) -> Result<vocab::TokenShards, Error> {
        if self.config.corpus.reading.duplicate_lines == DuplicateLines::Keep {
            return Ok(shards);
        }
        self.reshaped(ledger, vocab::dedup::FOLDER, &shards, || {
            let made = vocab::dedup::dedup(self.ctx, &shards)?;
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
            Ok(Reshaped { shards: made.shards, text: None, counts, says: Some(says) })
        })
    }

    /// The shards in terms of pieces, if words are cut into any.
    fn pieces(
        &self,
        ledger: &mut Ledger<'_>,
        shards: vocab::TokenShards,
    ) -> Result<vocab::TokenShards, Error> {
        let Some(config) = self.config.pieces_job() else {
            return Ok(shards);
        };
        self.reshaped(ledger, vocab::pieces::FOLDER, &shards, || {
            let made = vocab::pieces::pieces(self.ctx, &config, &shards)?;
            let key = ("corpus.pieces", "");
            outputs::check_content(&self.settings(vocab::pieces::FOLDER), key, made.given)?;
            let (left_out, words) = (made.left_out, made.words);
            let says = format!(
                "pieces: left out {} of {}",
                counted(left_out, "ending"),
                counted(words, "word")
            );
            let tokens = made.shards.totals().tokens;
            Ok(Reshaped {
                shards: made.shards,
                text: Some(made.model),
                counts: vec![("words", words), ("tokens", tokens), ("left_out", left_out)],
                says: (left_out > 0).then_some(says),
            })
        })
    }

    /// The shards that a stage, which is called like its folder, makes of others, unless they are there.
    pub(super) fn reshaped(
        &self,
        ledger: &mut Ledger<'_>,
        stage: &str,
        shards: &vocab::TokenShards,
        make: impl FnOnce() -> Result<Reshaped, Error>,
    ) -> Result<vocab::TokenShards, Error> {
        let mut settings = self.settings(stage);
        settings.insert("input.tokens".into(), format!("{:016x}", shards.digest()));
        if ledger.done(stage, &settings)?.is_some() {
            return Ok(vocab::TokenShards::open(&self.dir.reading(stage))?);
        }
        self.check_before(ledger, stage)?;
        let open = begin(self.ctx, ledger, stage, settings)?;
        let (open, made) = ledger.or_pause(open, make())?;
        let Reshaped { shards, text, counts, says } = made;
        let outputs: Vec<Published> = shards.outputs().cloned().chain(text).collect();
        let counts = [("shards", shards.len() as u64)].into_iter().chain(counts);
        ledger.finish(open, outputs, counts)?;
        if let Some(says) = says {
            self.ctx.progress.say(&says);
        }
        Ok(shards)
    }

    /// The shards that a stage is made of are those that are listed.
    pub(super) fn check_before(&self, ledger: &Ledger<'_>, stage: &str) -> Result<(), FormatError> {
        let at = self.stages.iter().position(|it| it.name == stage);
        let before = at.and_then(|at| self.stages.get(at.checked_sub(1)?));
        ledger.check(&before.expect("the text comes before").name)
    }
}

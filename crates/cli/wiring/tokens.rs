//! The stages that make token shards: of words, and of pieces of words.

use wordmill_corpus as corpus;
use wordmill_formats::{FormatError, Published};

use super::outputs::{self, report_losses};
use super::{Pipeline, begin, translate};
use crate::config;
use crate::ledger::Ledger;

impl Pipeline<'_> {
    pub(super) fn tokenize(
        &self,
        ledger: &mut Ledger<'_>,
        inputs: &[corpus::Input],
    ) -> anyhow::Result<corpus::TokenShards> {
        let settings = self.settings("tokenize");
        let index = self.dir.token_index();
        let size = self.dir.storage().size(&index);
        let has_index = size.map_err(|e| FormatError::io(&index, "looking at", e))?.is_some();
        // Before there was an index, shards had other names: they are made anew.
        if ledger.done("tokenize", &settings)?.is_some() && has_index {
            return Ok(corpus::TokenShards::open(self.dir)?);
        }
        let stage = begin(self.ctx, ledger, "tokenize", settings)?;
        let config = translate::tokenize(&self.config.corpus)?;
        outputs::report_list(self.ctx, "corpus.stop_words", config.stop_words.as_deref());
        let made = corpus::tokenize(self.ctx, &config, self.dir, inputs);
        let (stage, shards) = ledger.or_pause(stage, made)?;
        let outputs: Vec<Published> = shards.outputs().cloned().collect();
        let mut counts = vec![("shards", shards.len() as u64)];
        counts.extend(shards.totals().rows());
        let corpus::RecordCounts { records, broken } = shards.records();
        if self.config.corpus.format != config::Format::Lines || records > 0 {
            counts.extend([("records", records), ("broken_records", broken)]);
        }
        ledger.finish(stage, outputs, counts)?;
        report_losses(self.ctx, self.config, &shards);
        Ok(shards)
    }

    /// The shards in terms of pieces, if words are cut into any.
    pub(super) fn pieces(
        &self,
        ledger: &mut Ledger<'_>,
        shards: corpus::TokenShards,
    ) -> anyhow::Result<corpus::TokenShards> {
        let Some(config) = translate::pieces(&self.config.corpus) else {
            return Ok(shards);
        };
        let mut settings = self.settings("pieces");
        settings.insert("input.tokens".into(), format!("{:016x}", shards.digest()));
        if ledger.done("pieces", &settings)?.is_some() {
            return Ok(corpus::TokenShards::open(&self.dir.reading(corpus::pieces::FOLDER))?);
        }
        ledger.check("tokenize")?;
        let stage = begin(self.ctx, ledger, "pieces", settings)?;
        let made = corpus::pieces::pieces(self.ctx, &config, &shards);
        let (stage, made) = ledger.or_pause(stage, made)?;
        let outputs: Vec<Published> = made.shards.outputs().cloned().chain([made.model]).collect();
        let (shards, tokens) = (made.shards.len() as u64, made.shards.totals().tokens);
        let counts = [
            ("shards", shards),
            ("words", made.words),
            ("tokens", tokens),
            ("left_out", made.left_out),
        ];
        ledger.finish(stage, outputs, counts)?;
        if made.left_out > 0 {
            let (left_out, words) = (made.left_out, made.words);
            let what = format!("pieces: {left_out} endings of {words} words were left out");
            self.ctx.progress.say(&what);
        }
        Ok(made.shards)
    }

    /// The shards that words are counted in are those that are listed.
    pub(super) fn check_shards(&self, ledger: &Ledger<'_>) -> Result<(), FormatError> {
        match &self.config.phrases {
            Some(_) => ledger.check(corpus::phrases::FOLDER),
            None => self.check_words(ledger),
        }
    }

    /// So are those that phrases are made of.
    pub(super) fn check_words(&self, ledger: &Ledger<'_>) -> Result<(), FormatError> {
        ledger.check(if self.config.corpus.pieces.is_some() { "pieces" } else { "tokenize" })
    }
}

//! The stage `phrases`: each pass counts pairs with the stages that count, picks phrases and joins them.

use std::borrow::Cow;

use wordmill_cooccur as cooccur;
use wordmill_formats::{MatrixIndex, Words as _, counted, xxh3};
use wordmill_vocab::phrases::{
    self, COUNTED, FOLDER, Joined, PairCounts, Pass, Phrases, PhrasesJob,
};
use wordmill_vocab::{TokenShards, VocabError, Vocabulary, VocabularyJob, vocabulary};

use super::tokens::Reshaped;
use super::{Pipeline, outputs};
use crate::error::Error;
use crate::ledger::Ledger;
use crate::memory;

/// Neighbours, and nothing else: words that are left out keep their places.
const NEIGHBOURS: cooccur::WindowConfig = cooccur::WindowConfig {
    window: 1,
    weighting: cooccur::Weighting::Flat,
    sides: cooccur::Sides::Left,
    dropped: cooccur::Dropped::Gap,
};

impl Pipeline<'_> {
    /// The shards with phrases, if there are to be any.
    pub(super) fn phrases(
        &self,
        ledger: &mut Ledger<'_>,
        shards: TokenShards,
    ) -> Result<TokenShards, Error> {
        if self.config.phrases.is_none() {
            return Ok(shards);
        }
        self.reshaped(ledger, FOLDER, &shards, || {
            let config = self.config.phrases_job()?.expect("asked for above");
            let connectors = config.connectors.as_deref();
            let key = ("phrases.connectors", "");
            outputs::check_content(&self.settings(FOLDER), key, connectors.map(|it| it.digest()))?;
            outputs::report_list(self.ctx, "phrases.connectors", connectors);
            self.passes(&config, &shards)
        })
    }

    /// All passes, one after another.
    fn passes(&self, config: &PhrasesJob, words: &TokenShards) -> Result<Reshaped, Error> {
        let (given, list) = match &config.given {
            None => (None, None),
            Some(path) => {
                let (found, list) = phrases::given(self.ctx, self.dir, path, &config.tokenizer)?;
                let key = ("phrases.list", "");
                outputs::check_content(&self.settings(FOLDER), key, Some(found.digest()))?;
                let (rows, first) = found.left_out();
                if rows > 0 {
                    let what = "rows are less than two words and were left out";
                    let text = format!("phrases.list: {rows} {what}, the first is {first:?}");
                    self.ctx.progress.say(&text);
                }
                (Some(found), Some(list))
            }
        };
        // A list without a phrase has no pass, and the shards are made anew all the same.
        let passes = given.as_ref().map_or(config.thresholds.len() as u32, Phrases::passes).max(1);
        let mut made = Joined { shards: words.clone(), joined: 0 };
        let (mut phrases, mut joined) = (0, 0);
        for pass in 1..=passes {
            let found = match &given {
                Some(given) => Cow::Borrowed(given),
                None => Cow::Owned(self.learned(config, pass, &made.shards)?),
            };
            memory::note_program(&self.ctx.budget);
            let folder = self.dir.reading(&phrases::shards_folder(pass, passes));
            let before = made.shards.totals().tokens;
            let of = Pass { number: pass, shards: &made.shards };
            made = phrases::join(self.ctx, config, of, &found, folder)?;
            let (of_pass, times) = (found.of_pass_len(pass), made.joined);
            let text = format!(
                "phrases: pass {pass} joined {}, {} in {}",
                counted(of_pass, "phrase"),
                counted(times, "time"),
                counted(before, "token")
            );
            self.ctx.progress.say(&text);
            phrases += of_pass;
            joined += times;
        }
        let list = match list {
            Some(list) => list,
            None => phrases::finish(self.dir, config, passes)?,
        };
        phrases::sweep(self.dir)?;
        let tokens = made.shards.totals().tokens;
        let counts = vec![
            ("words", words.totals().tokens),
            ("tokens", tokens),
            ("phrases", phrases),
            ("joined", joined),
        ];
        Ok(Reshaped { shards: made.shards, text: Some(list), counts, says: None })
    }

    /// The phrases of a pass: those of the list that is there, or new ones.
    fn learned(
        &self,
        config: &PhrasesJob,
        pass: u32,
        shards: &TokenShards,
    ) -> Result<Phrases, Error> {
        let of = Pass { number: pass, shards };
        if let Some(found) = phrases::learned(self.ctx, self.dir, config, of)? {
            return Ok(found);
        }
        let counted = self.pairs(config, pass, shards)?;
        let counted = counted.as_ref().map(|(units, matrix)| PairCounts { units, matrix });
        let found = phrases::select(self.ctx, config, of, counted)?;
        for folder in COUNTED {
            self.dir.sweep(&format!("{FOLDER}/{folder}"), |_| true)?;
        }
        Ok(found)
    }

    /// How often words stand side by side; `None` if no word, or no pair, is frequent enough.
    fn pairs(
        &self,
        config: &PhrasesJob,
        pass: u32,
        shards: &TokenShards,
    ) -> Result<Option<(Vocabulary, MatrixIndex)>, Error> {
        let units = phrases::units(self.ctx, config, shards)?;
        let frequent = VocabularyJob { min_count: config.min_count, ..VocabularyJob::ALL };
        let units = match vocabulary(self.ctx, &frequent, &units) {
            Err(VocabError::NoFrequentWord { .. }) => return Ok(None),
            other => other?,
        };
        memory::note_program(&self.ctx.budget);
        let counts = units.table().counts();
        let identity = config.fingerprint(pass, shards);
        let fingerprint = format!("{:016x}", xxh3(identity.as_bytes()));
        let counting = cooccur::CountConfig {
            window: NEIGHBOURS,
            thinning: None,
            fingerprint: fingerprint.clone(),
            batch_bytes: None,
        };
        let input = cooccur::CountInput { shards: units.shards(), counts };
        let runs = match cooccur::count(self.ctx, units.run(), &counting, input) {
            Err(cooccur::CooccurError::NoPairs { .. }) => return Ok(None),
            other => other?,
        };
        let merging = cooccur::MergeConfig {
            unit: counting.unit(),
            samples: 1,
            fingerprint,
            vocabulary: format!("{:016x}", units.digest()),
            settings: Default::default(),
        };
        let ranges = cooccur::RowRanges::new(counts, NEIGHBOURS.window);
        let matrix = cooccur::merge(self.ctx, units.run(), &merging, &ranges, runs)?;
        Ok(Some((units, matrix)))
    }
}

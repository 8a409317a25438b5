//! The stage `phrases`: each pass counts pairs with the stages that count, picks phrases and joins them.

use std::borrow::Cow;

use wordmill_cooccur as cooccur;
use wordmill_flow::Need;
use wordmill_formats::{MatrixIndex, StageRow, Words as _, counted, xxh3};
use wordmill_vocab::phrases::{
    self, COUNTED, FOLDER, Joined, PairCounts, Pass, Phrases, PhrasesConfig, PhrasesJob,
};
use wordmill_vocab::{TokenShards, VocabError, Vocabulary, VocabularyJob, vocabulary};

use super::settings::section;
use super::{dedup, outputs, reshaped};
use crate::config::Config;
use crate::error::Error;
use crate::memory;
use crate::outlook::Outlook;
use crate::past::Past;
use crate::stage::{Artefacts, Folder, Kind, Listed, Made, Run, Settings, Stage, Work};

/// What is known of it by its name.
pub const KIND: Kind = Kind { name: FOLDER, version: 5, folders };

/// All but the last shards and the list are there only while the stage is at work.
fn folders(name: &str) -> Vec<Folder> {
    let folder = |path: String| match path == name {
        true => Folder::whole(path),
        false => Folder::scratch(path),
    };
    phrases::folders().into_iter().map(folder).collect()
}

/// The setting that says, in the row of the vocabulary, that words were joined to phrases.
pub const JOINED: &str = "phrases";

/// Neighbours, and nothing else: words that are left out keep their places.
const NEIGHBOURS: cooccur::WindowConfig = cooccur::WindowConfig {
    window: 1,
    weighting: cooccur::Weighting::Flat,
    sides: cooccur::Sides::Left,
    dropped: cooccur::Dropped::Gap,
};

/// The stage.
pub struct PhrasesStage {
    listed: Listed,
    config: PhrasesConfig,
    before: String,
}

/// What the stage adds to the configuration of the vocabulary.
pub(super) fn added(config: &Config) -> Settings {
    match config.phrases {
        None => Settings::new(),
        Some(_) => [(JOINED.to_owned(), "joined".to_owned())].into(),
    }
}

impl PhrasesStage {
    /// The stage behind `before`, if words are to be joined.
    #[must_use]
    pub fn new(config: &Config, past: &Past, before: String) -> Option<Self> {
        let phrases = config.phrases.clone()?;
        let mut settings = section(config, "phrases", past);
        settings.extend(dedup::added(config));
        let listed = Listed::new(KIND.name, settings);
        Some(Self { listed, config: phrases, before })
    }
}

impl Stage for PhrasesStage {
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
        let pairs = phrases::pair_sizes(&outlook.sizes, &outlook.config.corpus.lines);
        let sizes = cooccur::need::Sizes {
            tokens: outlook.sizes.tokens,
            shard_tokens: pairs.shard_tokens,
            words: pairs.words,
            cells: pairs.cells,
            cell_growth: pairs.growth,
            unit: 1,
            grid: 1,
            // The time of a pass is that of the whole stage.
            text_tokens: 0.0,
            pairs: 0.0,
        };
        let counting = [cooccur::need::count, cooccur::need::merge];
        let [count, merge] = counting.map(|need| need(&sizes, outlook.room));
        let lines = &outlook.config.corpus.lines;
        phrases::need(&self.config, lines, &outlook.sizes, outlook.room, &[count, merge])
    }

    fn prepare<'a>(
        &'a self,
        run: &'a Run<'a>,
        so_far: &'a Artefacts,
        _: &str,
    ) -> Result<Work<'a>, Error> {
        Ok(Box::new(move || {
            let config = run.config.phrases_job()?.expect("the stage is there for them");
            let connectors = config.connectors.as_deref();
            let key = ("phrases.connectors", "");
            let digest = connectors.map(|it| it.digest());
            outputs::check_content(&self.listed.settings, key, digest)?;
            outputs::report_list(run.ctx, "phrases.connectors", connectors);
            Passes { run, settings: &self.listed.settings }.all(&config, so_far.tokens())
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

/// The stage at work.
struct Passes<'a> {
    run: &'a Run<'a>,
    settings: &'a Settings,
}

impl Passes<'_> {
    /// All passes, one after another.
    fn all(&self, config: &PhrasesJob, words: &TokenShards) -> Result<Made, Error> {
        let (given, list) = match &config.given {
            None => (None, None),
            Some(path) => {
                let (found, list) =
                    phrases::given(self.run.ctx, self.run.dir, path, &config.tokenizer)?;
                let key = ("phrases.list", "");
                outputs::check_content(self.settings, key, Some(found.digest()))?;
                let (rows, first) = found.left_out();
                if rows > 0 {
                    let what = "rows are less than two words and were left out";
                    let text = format!("phrases.list: {rows} {what}, the first is {first:?}");
                    self.run.ctx.progress.warn(&text);
                }
                (Some(found), Some(list))
            }
        };
        // A list without a phrase has no pass, but the shards are still rebuilt.
        let passes = given.as_ref().map_or(config.thresholds.len() as u32, Phrases::passes).max(1);
        let mut made = Joined { shards: words.clone(), joined: 0 };
        let (mut phrases, mut joined) = (0, 0);
        for pass in 1..=passes {
            let found = match &given {
                Some(given) => Cow::Borrowed(given),
                None => Cow::Owned(self.learned(config, pass, &made.shards)?),
            };
            memory::note_program(&self.run.ctx.budget);
            let folder = self.run.dir.reading(&phrases::shards_folder(pass, passes));
            let before = made.shards.totals().tokens;
            let of = Pass { number: pass, shards: &made.shards };
            made = phrases::join(self.run.ctx, config, of, &found, folder)?;
            let (of_pass, times) = (found.of_pass_len(pass), made.joined);
            let text = format!(
                "phrases: pass {pass} joined {}, {} in {}",
                counted(of_pass, "phrase"),
                counted(times, "time"),
                counted(before, "token")
            );
            self.run.ctx.progress.say(&text);
            phrases += of_pass;
            joined += times;
        }
        let list = match list {
            Some(list) => list,
            None => phrases::finish(self.run.dir, config, passes)?,
        };
        phrases::sweep(self.run.dir)?;
        let tokens = made.shards.totals().tokens;
        let counts = vec![
            ("words", words.totals().tokens),
            ("tokens", tokens),
            ("phrases", phrases),
            ("joined", joined),
        ];
        Ok(reshaped::made(&made.shards, Some(list), counts))
    }

    /// The phrases of a pass: those of the list that is there, or new ones.
    fn learned(
        &self,
        config: &PhrasesJob,
        pass: u32,
        shards: &TokenShards,
    ) -> Result<Phrases, Error> {
        let of = Pass { number: pass, shards };
        if let Some(found) = phrases::learned(self.run.ctx, self.run.dir, config, of)? {
            return Ok(found);
        }
        let counted = self.pairs(config, pass, shards)?;
        let counted = counted.as_ref().map(|(units, matrix)| PairCounts { units, matrix });
        let found = phrases::select(self.run.ctx, config, of, counted)?;
        for folder in COUNTED {
            self.run.dir.sweep(&format!("{FOLDER}/{folder}"), |_| true)?;
        }
        Ok(found)
    }

    /// Counts of pairs of adjacent words; `None` if no word, or no pair, is frequent enough.
    fn pairs(
        &self,
        config: &PhrasesJob,
        pass: u32,
        shards: &TokenShards,
    ) -> Result<Option<(Vocabulary, MatrixIndex)>, Error> {
        let units = phrases::units(self.run.ctx, config, shards)?;
        let frequent = VocabularyJob { min_count: config.min_count, ..VocabularyJob::ALL };
        let units = match vocabulary(self.run.ctx, &frequent, &units) {
            Err(VocabError::NoFrequentWord { .. }) => return Ok(None),
            other => other?,
        };
        memory::note_program(&self.run.ctx.budget);
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
        let runs = match cooccur::count(self.run.ctx, units.run(), &counting, input) {
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
        let matrix = cooccur::merge(self.run.ctx, units.run(), &merging, &ranges, runs)?;
        Ok(Some((units, matrix)))
    }
}

//! The stage `cooccur`: from token shards and their vocabulary to spill runs, which the stage `merge` uses up.

use wordmill_cooccur::{self as cooccur, SpillRuns};
use wordmill_flow::Need;
use wordmill_formats::{StageRow, Words};
use wordmill_train as train;

use super::settings::section;
use super::{merge, vocabulary};
use crate::config::Config;
use crate::error::Error;
use crate::ledger::Ledger;
use crate::outlook::Outlook;
use crate::past::Past;
use crate::stage::{Artefacts, Folder, Kind, Listed, Made, Run, Settings, Stage, Work};

/// What is known of it by its name.
pub const KIND: Kind = Kind { name: "cooccur", version: 5, folders };

fn folders(_: &str) -> Vec<Folder> {
    vec![Folder::whole("spill")]
}

/// The stage.
pub struct Cooccur {
    listed: Listed,
}

impl Cooccur {
    /// For a configuration.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let mut settings = section(config, "cooccur", &Past::default());
        // Counting is random only if words are subsampled.
        if config.cooccur.subsample > 0.0 {
            settings.insert("run.seed".into(), config.run.seed.to_string());
        }
        Self { listed: Listed::new(KIND.name, settings) }
    }
}

impl Stage for Cooccur {
    fn listed(&self) -> &Listed {
        &self.listed
    }

    fn reads(&self) -> Vec<String> {
        vec![vocabulary::KIND.name.to_owned()]
    }

    fn inputs(&self, _: &Run<'_>, so_far: &Artefacts) -> Result<Settings, Error> {
        Ok([("input.vocabulary".to_owned(), so_far.text().digest.clone())].into())
    }

    fn need(&self, outlook: &Outlook<'_>) -> Need {
        cooccur::need::count(&outlook.counts(), outlook.room)
    }

    /// The runs go when they are merged.
    fn is_wanted(&self, fingerprint: &str, ledger: &Ledger<'_>) -> Result<bool, Error> {
        Ok(ledger.done(merge::KIND.name, &merge::inputs_of(fingerprint))?.is_none())
    }

    /// The runs are no outputs that the ledger lists: a list of their own says which there are.
    fn is_whole(&self, run: &Run<'_>, fingerprint: &str) -> Result<bool, Error> {
        Ok(SpillRuns::read(run.dir, fingerprint)?.is_some())
    }

    fn prepare<'a>(
        &'a self,
        run: &'a Run<'a>,
        so_far: &'a Artefacts,
        fingerprint: &str,
    ) -> Result<Work<'a>, Error> {
        let text = so_far.text();
        let counts = text.vocabulary.table().counts();
        let cooccur = &run.config.cooccur;
        let subsampling = || {
            let keep = train::Subsampling::keep_probabilities(counts, cooccur.subsample);
            let samples = cooccur.samples_of(counts.iter().sum());
            cooccur::Subsampling::new(&keep, run.config.run.seed, samples)
        };
        let config = cooccur::CountConfig {
            window: cooccur.window,
            thinning: (cooccur.subsample > 0.0).then(subsampling),
            fingerprint: fingerprint.to_owned(),
            batch_bytes: None,
        };
        Ok(Box::new(move || {
            let input = cooccur::CountInput { shards: text.vocabulary.shards(), counts };
            let runs = cooccur::count(run.ctx, text.vocabulary.run(), &config, input)?;
            let counts = vec![
                ("pairs", runs.pairs),
                ("cells", runs.cells()),
                ("bytes", runs.bytes()),
                ("batches", runs.batches),
                ("runs", runs.runs.len() as u64),
            ];
            Ok(Made { counts, ..Made::default() })
        }))
    }

    fn open(
        &self,
        run: &Run<'_>,
        _: Option<&StageRow>,
        fingerprint: &str,
        so_far: &mut Artefacts,
    ) -> Result<(), Error> {
        let runs = SpillRuns::read(run.dir, fingerprint)?;
        so_far.counts = Some((fingerprint.to_owned(), runs));
        Ok(())
    }
}

//! From the vocabulary to the matrix: the stages `cooccur` and `merge`.

use wordmill_cooccur as cooccur;
use wordmill_formats::{MatrixIndex, Words};
use wordmill_train as train;

use super::outputs::{file_digest, matrix_outputs};
use super::{Pipeline, Text, begin, section, translate};
use crate::ledger::{Ledger, Settings, fingerprint};

impl Pipeline<'_> {
    /// Counts and merges. `None` if the run ends between the two.
    pub(super) fn matrix(
        &self,
        ledger: &mut Ledger<'_>,
        text: &Text,
    ) -> anyhow::Result<Option<(MatrixIndex, String)>> {
        let mut count_settings = self.settings("cooccur");
        count_settings.insert("input.vocabulary".into(), text.digest.clone());
        let counted = fingerprint("cooccur", &count_settings);
        let mut merge_settings = self.settings("merge");
        merge_settings.insert("input.cooccur".into(), counted.clone());
        let path = self.dir.matrix_index();
        if let Some(row) = ledger.done("merge", &merge_settings)? {
            let index = MatrixIndex::read(self.dir.storage(), &path)?;
            let digest = ledger.check_index(row)?;
            // A process killed after the merge was put on record has left its runs.
            cooccur::remove_runs(self.dir)?;
            return Ok(Some((index, digest)));
        }
        let runs = self.count(ledger, text, count_settings, &counted)?;
        if self.ends("cooccur") {
            return Ok(None);
        }
        let merged = fingerprint("merge", &merge_settings);
        let stage = begin(self.ctx, ledger, "merge", merge_settings)?;
        let counts = text.vocabulary.table().counts();
        let config = cooccur::MergeConfig {
            unit: translate::unit(&self.config.cooccur, counts.iter().sum()),
            samples: translate::samples(&self.config.cooccur, counts.iter().sum()).into(),
            fingerprint: merged,
            vocabulary: format!("{:016x}", text.vocabulary.digest()),
            settings: section(self.config, "cooccur", self.past),
        };
        let ranges = cooccur::RowRanges::new(counts, self.config.cooccur.window);
        let merged = cooccur::merge(self.ctx, self.dir, &config, &ranges, runs);
        let (stage, index) = ledger.or_pause(stage, merged)?;
        let outputs = matrix_outputs(self.dir, &index)?;
        let counts = [("cells", index.cells), ("weight", index.weight), ("unit", index.unit)];
        ledger.finish(stage, outputs, counts)?;
        cooccur::remove_runs(self.dir)?;
        let digest = file_digest(self.dir, &path)?;
        Ok(Some((index, digest)))
    }

    fn count(
        &self,
        ledger: &mut Ledger<'_>,
        text: &Text,
        settings: Settings,
        fingerprint: &str,
    ) -> anyhow::Result<cooccur::SpillRuns> {
        let counts = text.vocabulary.table().counts();
        let share = self.config.cooccur.subsample;
        let thinning = || {
            let samples = translate::samples(&self.config.cooccur, counts.iter().sum());
            let keep = train::Subsampling::keep_probabilities(counts, share);
            cooccur::Subsampling::new(&keep, self.config.run.seed, samples)
        };
        let config = cooccur::CountConfig {
            window: translate::window(&self.config.cooccur),
            thinning: (share > 0.0).then(thinning),
            fingerprint: fingerprint.into(),
            batch_bytes: None,
        };
        let shards = text.vocabulary.shards();
        let input = cooccur::CountInput { shards, counts };
        // The runs are no outputs of the stage: they go when they are merged, and the list of runs
        // says which there are.
        let is_done = ledger.done("cooccur", &settings)?.is_some();
        if is_done && let Some(runs) = cooccur::SpillRuns::read(self.dir, fingerprint)? {
            return Ok(runs);
        }
        self.check_before(ledger, "vocabulary")?;
        ledger.check("vocabulary")?;
        let stage = begin(self.ctx, ledger, "cooccur", settings)?;
        let counted = cooccur::count(self.ctx, text.vocabulary.run(), &config, input);
        let (stage, runs) = ledger.or_pause(stage, counted)?;
        let counts = [
            ("pairs", runs.pairs),
            ("cells", runs.cells()),
            ("bytes", runs.bytes()),
            ("batches", runs.batches),
            ("runs", runs.runs.len() as u64),
        ];
        ledger.finish(stage, [], counts)?;
        Ok(runs)
    }
}

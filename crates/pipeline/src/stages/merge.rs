//! The stage `merge`: from spill runs to the co-occurrence matrix.

use wordmill_cooccur as cooccur;
use wordmill_flow::Need;
use wordmill_formats::{FormatError, MatrixIndex, StageRow, Words};

use super::outputs::matrix_outputs;
use super::settings::section;
use crate::error::Error;
use crate::ledger::check_index;
use crate::outlook::Outlook;
use crate::stage::{Artefacts, Folder, Kind, Listed, Made, Run, Settings, Stage, Work};

/// What is known of it by its name.
pub const KIND: Kind = Kind { name: "merge", version: 5, folders };

/// The runs are those that were just counted: they go only when the matrix is forgotten.
fn folders(_: &str) -> Vec<Folder> {
    vec![Folder { is_read: true, ..Folder::whole("spill") }, Folder::whole("matrix")]
}

/// The inputs of the stage behind counts with a fingerprint.
pub(super) fn inputs_of(counted: &str) -> Settings {
    [("input.cooccur".to_owned(), counted.to_owned())].into()
}

/// The stage.
pub struct Merge {
    listed: Listed,
}

impl Merge {
    /// The stage, which has no settings.
    #[must_use]
    pub fn new() -> Self {
        Self { listed: Listed::new(KIND.name, Settings::new()) }
    }
}

impl Default for Merge {
    fn default() -> Self {
        Self::new()
    }
}

impl Stage for Merge {
    fn listed(&self) -> &Listed {
        &self.listed
    }

    /// The runs have checksums of their own, and the ledger does not list them.
    fn reads(&self) -> Vec<String> {
        Vec::new()
    }

    fn inputs(&self, _: &Run<'_>, so_far: &Artefacts) -> Result<Settings, Error> {
        let (counted, _) = so_far.counts.as_ref().expect("counting comes before");
        Ok(inputs_of(counted))
    }

    fn need(&self, outlook: &Outlook<'_>) -> Need {
        cooccur::need::merge(&outlook.counts(), outlook.room)
    }

    fn prepare<'a>(
        &'a self,
        run: &'a Run<'a>,
        so_far: &'a Artefacts,
        fingerprint: &str,
    ) -> Result<Work<'a>, Error> {
        let text = so_far.text();
        let counts = text.vocabulary.table().counts();
        let runs = so_far.counts.as_ref().and_then(|(_, runs)| runs.clone());
        let runs = runs.ok_or_else(|| {
            let what = "the runs that are to be merged are gone";
            FormatError::corrupt(&run.dir.path("spill"), 0, what)
        })?;
        let (cooccur, tokens) = (&run.config.cooccur, counts.iter().sum());
        let config = cooccur::MergeConfig {
            unit: cooccur.unit_of(tokens),
            samples: cooccur.samples_of(tokens).into(),
            fingerprint: fingerprint.to_owned(),
            vocabulary: format!("{:016x}", text.vocabulary.digest()),
            settings: section(run.config, "cooccur", run.past),
        };
        Ok(Box::new(move || {
            let ranges = cooccur::RowRanges::new(counts, cooccur.window.window);
            let index = cooccur::merge(run.ctx, run.dir, &config, &ranges, runs)?;
            let outputs = matrix_outputs(run.dir, &index)?;
            let counts =
                vec![("cells", index.cells), ("weight", index.weight), ("unit", index.unit)];
            Ok(Made { outputs, counts, says: None })
        }))
    }

    fn open(
        &self,
        run: &Run<'_>,
        row: Option<&StageRow>,
        _: &str,
        so_far: &mut Artefacts,
    ) -> Result<(), Error> {
        let index = MatrixIndex::read(run.dir.storage(), &run.dir.matrix_index())?;
        let row = row.expect("the stage is done");
        let digest = check_index(run.dir, row)?;
        // Also those that a process has left that was killed after the merge was put on record.
        cooccur::remove_runs(run.dir)?;
        so_far.matrix = Some((index, digest));
        Ok(())
    }
}

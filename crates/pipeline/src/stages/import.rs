//! Counts of another program: the stage `import`, and what a pipeline finds of it.
//!
//! The stage replaces `tokenize` to `merge`: it writes the vocabulary and the matrix, and there
//! is no text. The ledger says whether a run directory is of this kind.

use std::collections::BTreeMap;
use std::path::Path;

use wordmill_cooccur as cooccur;
use wordmill_flow::Context;
use wordmill_formats::{FormatError, MatrixIndex, Published, RunDir, StageState, Words};
use wordmill_text::TextError;
use wordmill_vocab::{self as vocab, CountWords, CountsFile, CountsRead, VocabError};

use super::outputs::matrix_outputs;
use crate::memory;
use crate::stage::{Artefacts, Folder, Kind, Run, Text, as_stage};
use wordmill_train::TrainConfig;

use crate::config::ConfigError;
use crate::error::Error;
use crate::ledger::{Ledger, check_index, fingerprint};
use crate::stage::Settings;

/// What is known of the stage by its name. It is no stage of a graph: it replaces those from `tokenize` to `merge`.
pub const KIND: Kind = Kind { name: IMPORT, version: 5, folders };
/// The name of the stage.
pub use crate::kind::IMPORT;

fn folders(_: &str) -> Vec<Folder> {
    ["vocab", "spill", "matrix"].map(Folder::whole).to_vec()
}

/// Row ranges are cut as for a window of this size, GloVe's default; only the number of shards
/// depends on it.
const RANGES_WINDOW: u8 = 15;

/// Whether the counts of a run directory were imported, so that it has no text.
pub fn is_imported(ledger: &Ledger<'_>) -> bool {
    ledger.manifest().stage(IMPORT).is_some()
}

/// The row of the stage; fails if it is not done.
///
/// # Errors
/// [`ConfigError`] for an import that was cut short, a damaged artefact if files of it are missing.
pub fn imported_row<'a>(
    dir: &RunDir,
    ledger: &'a Ledger<'_>,
) -> Result<&'a wordmill_formats::StageRow, Error> {
    let again = format!("`wordmill import-counts VOCAB COUNTS {}`", dir.root().display());
    let row = ledger.manifest().stage(IMPORT).filter(|row| row.state == StageState::Done);
    let Some(row) = row else {
        let what = format!("its counts are not imported to the end; run {again} again");
        return Err(ConfigError::new(dir.root().display(), what).into());
    };
    if let Some(path) = ledger.missing(row)?.first() {
        let what =
            format!("it is missing or has another length than run.json says; run {again} again");
        return Err(FormatError::corrupt(&dir.path(path), 0, what).into());
    }
    Ok(row)
}

/// Two files of another program.
pub struct Import<'a> {
    /// Threads, memory, cancellation, progress.
    pub ctx: &'a Context,
    /// A run directory without a run.
    pub dir: &'a RunDir,
    /// `word count` a line.
    pub vocabulary: &'a Path,
    /// Records or triples.
    pub counts: &'a Path,
}

/// What was imported.
pub struct Imported {
    /// The matrix.
    pub index: MatrixIndex,
    /// Its unit, and how near the weights are to whole multiples of it.
    pub unit: cooccur::Unit,
    /// Records or lines.
    pub counts: u64,
    /// Whether the matrix is symmetric.
    pub symmetric: bool,
}

impl Import<'_> {
    /// Imports; `None` if these files have been imported before.
    ///
    /// # Errors
    /// [`ConfigError`] for a directory that holds something else, and whatever is wrong with the files.
    pub fn run(&self, ledger: &mut Ledger<'_>) -> Result<Option<Imported>, Error> {
        let settings = self.settings()?;
        self.check_place(ledger, &settings)?;
        if ledger.done(IMPORT, &settings)?.is_some() {
            // A process killed after the import was put on record has left its runs.
            cooccur::remove_runs(self.dir)?;
            return Ok(None);
        }
        if ledger.manifest().stage(IMPORT).is_some_and(|row| row.settings != settings) {
            ledger.forget(IMPORT)?;
        }
        memory::note_program(&self.ctx.budget);
        as_stage(&self.ctx.progress, IMPORT, || self.make(ledger, settings)).map(Some)
    }

    /// Imports, and puts it on record.
    fn make(&self, ledger: &mut Ledger<'_>, settings: Settings) -> Result<Imported, Error> {
        let stage = ledger.begin(IMPORT, settings)?;
        let made = self.stage();
        let (stage, (imported, outputs, words)) = ledger.or_pause(stage, made)?;
        let index = &imported.index;
        let rows = [
            ("words", u64::from(index.words)),
            ("tokens", words),
            ("counts", imported.counts),
            ("cells", index.cells),
            ("weight", index.weight),
            ("unit", index.unit),
            ("rounded", imported.unit.rounded),
            ("symmetric", u64::from(imported.symmetric)),
        ];
        ledger.finish(stage, outputs, rows)?;
        cooccur::remove_runs(self.dir)?;
        Ok(imported)
    }

    /// What the ledger has of the two files.
    ///
    /// # Errors
    /// A file that is missing or may not be read.
    pub fn settings(&self) -> Result<Settings, VocabError> {
        let row = |key: &str, path| Ok((key.to_owned(), identity(path)?));
        [row("import.vocabulary", self.vocabulary), row("import.counts", self.counts)]
            .into_iter()
            .collect()
    }

    /// Refuses a directory with a run of text, or an import of other files.
    fn check_place(&self, ledger: &Ledger<'_>, settings: &Settings) -> Result<(), Error> {
        let root = self.dir.root().display();
        let tokens = self.dir.path("tokens");
        let shards = self.dir.storage().list(&tokens);
        let shards = shards.map_err(|e| FormatError::io(&tokens, "listing", e))?;
        let row = ledger.manifest().stage(IMPORT);
        let has_text = !ledger.manifest().stages.is_empty() && row.is_none();
        if has_text || !shards.is_empty() {
            let what = "importing counts: it holds a run of text; name a directory that is new";
            return Err(ConfigError::new(root, what).into());
        }
        let Some(row) = row.filter(|row| row.state == StageState::Done) else {
            return Ok(());
        };
        for (key, old) in &row.settings {
            if settings.get(key) != Some(old) {
                let new = settings.get(key).map_or("none", String::as_str);
                let what = format!(
                    "importing counts: it holds an import of other files ({key} was {old}, is \
                     {new}); name a directory that is new"
                );
                return Err(ConfigError::new(root, what).into());
            }
        }
        Ok(())
    }

    /// The work: vocabulary, unit, cells, matrix. Also gives the files and the sum of the word counts.
    fn stage(&self) -> Result<(Imported, Vec<Published>, u64), Error> {
        let (ctx, dir) = (self.ctx, self.dir);
        let (vocabulary, ids) = vocab::import_vocabulary(ctx, dir, self.vocabulary)?;
        let _memory = ctx.budget.reserve(4 * ids.len() as u64, "the numbers of the words")?;
        let words = CountWords { table: vocabulary.table(), ids: &ids };
        let file = CountsFile::open(self.counts, words)?;
        let _lookup = ctx.budget.reserve(file.words_bytes(words), "looking up words")?;
        let (unit, read) = self.unit(&file, words)?;
        let settings: Settings = [
            ("import.vocabulary".to_owned(), format!("{:016x}", vocabulary.digest())),
            ("import.counts".to_owned(), format!("{:016x}", read.digest)),
            ("import.unit".to_owned(), unit.unit.to_string()),
        ]
        .into();
        // What is made depends on the counts, not on where they lie or in which order.
        let made_of = fingerprint(KIND.version, IMPORT, &settings);
        let ranges = cooccur::RowRanges::new(vocabulary.table().counts(), RANGES_WINDOW);
        let config = cooccur::GatherConfig { fingerprint: made_of.clone(), unit: unit.unit };
        let runs = cooccur::gather(ctx, dir, &config, &ranges, |emit| {
            self.feed((&file, words), (unit, read), emit)
        })?;
        let config = cooccur::MergeConfig {
            unit: unit.unit,
            samples: 1,
            fingerprint: made_of,
            vocabulary: format!("{:016x}", vocabulary.digest()),
            settings: BTreeMap::from([
                ("import.counts".to_owned(), read.counts.to_string()),
                ("import.rounding_error".to_owned(), format!("{:.1e}", unit.largest_error)),
            ]),
        };
        let index = cooccur::merge(ctx, dir, &config, &ranges, runs)?;
        let symmetric = cooccur::is_symmetric(ctx, dir, &index)?;
        let mut outputs = vocabulary.outputs().to_vec();
        outputs.extend(matrix_outputs(dir, &index)?);
        let imported = Imported { index, unit, counts: read.counts, symmetric };
        Ok((imported, outputs, vocabulary.counts().tokens))
    }

    /// The first reading: the least unit in which all weights are whole.
    fn unit(
        &self,
        file: &CountsFile,
        words: CountWords<'_>,
    ) -> Result<(cooccur::Unit, CountsRead), Error> {
        let total = file.len_if_known().unwrap_or(0);
        let progress = self.ctx.progress.stage("import: unit", "counts", total);
        let mut search = cooccur::UnitSearch::default();
        let read = file.for_each(words, |at, count| {
            if at.is_multiple_of(STRIDE) {
                self.ctx.cancel.check()?;
                progress.add(STRIDE);
            }
            search.see(count.weight);
            Ok::<_, VocabError>(())
        })?;
        progress.add(read.counts % STRIDE);
        if read.counts == 0 {
            return Err(file.refuse(1, "the file ends before it: there is no count").into());
        }
        Ok((search.found(), read))
    }

    /// The second reading: all cells, in units.
    fn feed(
        &self,
        (file, words): (&CountsFile, CountWords<'_>),
        (unit, expected): (cooccur::Unit, CountsRead),
        emit: &mut dyn FnMut(u32, u32, u64) -> Result<(), cooccur::CooccurError>,
    ) -> Result<(), cooccur::CooccurError> {
        let progress = self.ctx.progress.stage("import: cells", "counts", expected.counts);
        let mut total = 0u64;
        let read = file.for_each(words, |at, count| {
            if at.is_multiple_of(STRIDE) {
                progress.add(STRIDE);
            }
            let weight = unit.weigh(count.weight).ok_or_else(|| {
                let (weight, unit) = (count.weight, unit.unit);
                let what = match weight < 1.0 {
                    true => "rounds to nothing",
                    false => "does not fit into 64 bits",
                };
                let problem = format!("its weight {weight:e} {what} in units of 1/{unit}");
                FeedError::from(file.refuse(at, &problem))
            })?;
            total = total.checked_add(weight).ok_or_else(|| {
                let problem = "the weights up to here sum to more than 64 bits";
                FeedError::from(file.refuse(at, &format!("{problem} in units of 1/{}", unit.unit)))
            })?;
            Ok(emit(count.row, count.column, weight)?)
        });
        let read = read.map_err(|FeedError(error)| error)?;
        progress.add(read.counts % STRIDE);
        if read != expected {
            let error = file.refuse(read.counts, "the file was changed while it was being read");
            return Err(cooccur::CooccurError::Feed(Box::new(error)));
        }
        Ok(())
    }
}

/// Counts between two looks at whether to stop.
const STRIDE: u64 = 1 << 16;

/// An error on the way from the file to the cells.
struct FeedError(cooccur::CooccurError);

impl From<cooccur::CooccurError> for FeedError {
    fn from(error: cooccur::CooccurError) -> Self {
        Self(error)
    }
}

impl From<VocabError> for FeedError {
    fn from(error: VocabError) -> Self {
        Self(cooccur::CooccurError::Feed(Box::new(error)))
    }
}

/// A file as the ledger knows it: by path, length and time, so that it need not be read.
fn identity(path: &Path) -> Result<String, VocabError> {
    let data = std::fs::File::open(path).and_then(|file| file.metadata());
    let data = data.map_err(|source| {
        let (path, tried) = (path.display().to_string(), "opening");
        TextError::Read { path, tried, source }
    })?;
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let time = data.modified().ok();
    let age = time.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    let changed = age.map_or(0, |age| age.as_nanos());
    Ok(format!("{}, {} bytes, changed at {changed}", absolute.display(), data.len()))
}

/// The vocabulary and the matrix of an import.
pub(crate) fn open(run: &Run<'_>, ledger: &Ledger<'_>) -> Result<Artefacts, Error> {
    let row = imported_row(run.dir, ledger)?;
    let digest = check_index(run.dir, row)?;
    let index = MatrixIndex::read(run.dir.storage(), &run.dir.matrix_index())?;
    cooccur::remove_runs(run.dir)?;
    let vocabulary = vocab::Vocabulary::open(run.dir, &[])?;
    if format!("{:016x}", vocabulary.digest()) != index.vocabulary {
        let what = "it is not the vocabulary that the matrix was imported with";
        return Err(FormatError::corrupt(&run.dir.vocabulary(), 0, what).into());
    }
    let text = Some(Text { vocabulary, digest: digest.clone() });
    Ok(Artefacts { text, matrix: Some((index, digest)), ..Artefacts::default() })
}

/// Refuses trainers that read text where there is none.
pub(crate) fn check_trainers(run: &Run<'_>) -> Result<(), ConfigError> {
    let reads_text = |trainer: &&TrainConfig| trainer.trainer.reads_text();
    let Some(trainer) = run.config.train.iter().find(reads_text) else { return Ok(()) };
    let what = format!(
        "{} reads the words in the order of the text, and {} has counts only; remove it \
         from the pipeline",
        trainer.trainer,
        run.dir.root().display()
    );
    Err(ConfigError::new(format!("train.{}", trainer.name), what))
}

//! What a stage is: the one interface through which the graph, the ledger and the planner see it.
//!
//! Nouns: a *stage* turns finished files into finished files. A [`Kind`] is what is known of a stage by its name alone, whether the
//! configuration has it or not: its version and its folders. [`Listed`] is a stage with its configuration, as the ledger compares
//! it. The [`Artefacts`] are what the stages before have finished. A stage is one file in `stages/`, and a line in
//! [`crate::stages::KINDS`]; what it computes, and what that takes, is in the room that it is about.
//!
//! So are its *units of work* ([`wordmill_flow::Unit`]): each of its steps from files to files is a [`wordmill_flow::Step`], which
//! names its units and the files that they read and write, finds those that are there, and makes the others. An executor on other
//! machines gets its list from [`wordmill_vocab::tokenize_units`] and [`wordmill_cooccur::merge_units`], which make nothing. The
//! units of other steps depend on what their stage computes first, such as the batches that fit into memory.

use std::time::Instant;
use wordmill_cooccur::SpillRuns;

use wordmill_flow::{Context, Event, Need, Progress};
use wordmill_formats::{MatrixIndex, Published, RunDir, StageRow, StripeFile};
use wordmill_kernels::Kernels;
use wordmill_vocab::{TokenShards, Vocabulary};

use crate::config::Config;
use crate::error::Error;
pub use crate::kind::{Folder, Kind, Kinds, Listed, Settings};
use crate::ledger::Ledger;
use crate::outlook::Outlook;
use crate::past::Past;
use crate::texts::Texts;

/// What every stage of a run is given.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    /// Threads, memory, cancellation, progress.
    pub ctx: &'a Context,
    /// The run directory.
    pub dir: &'a RunDir,
    /// The configuration.
    pub config: &'a Config,
    /// The texts; none where counts were imported.
    pub texts: Option<&'a Texts>,
    /// The last run.
    pub past: &'a Past,
    /// The kernels to train with.
    pub kernels: &'static Kernels,
}

/// What the stages before have finished.
#[derive(Default)]
pub struct Artefacts {
    /// The shards that words are counted in: those of the last stage that made any.
    pub tokens: Option<TokenShards>,
    /// The vocabulary.
    pub text: Option<Text>,
    /// The fingerprint of the counts, and the spill runs if they are not merged yet.
    pub counts: Option<(String, Option<SpillRuns>)>,
    /// The matrix, and the digest of its index.
    pub matrix: Option<(MatrixIndex, String)>,
    /// The tiles.
    pub tiles: Option<Tiles>,
}

/// Token shards with their vocabulary.
pub struct Text {
    /// The vocabulary.
    pub vocabulary: Vocabulary,
    /// A digest of both.
    pub digest: String,
}

/// Stripe files, and the fingerprint of the stage that made them.
pub struct Tiles {
    /// The files, in order.
    pub stripes: Vec<StripeFile>,
    /// The fingerprint.
    pub fingerprint: String,
}

/// What a stage has made.
#[derive(Default)]
pub struct Made {
    /// Its files.
    pub outputs: Vec<Published>,
    /// What it counted, for the ledger.
    pub counts: Vec<(&'static str, u64)>,
    /// A message about it.
    pub says: Option<String>,
}

/// The work of a stage, ready to begin.
pub type Work<'a> = Box<dyn FnOnce() -> Result<Made, Error> + 'a>;

impl Artefacts {
    /// The shards of the stages before.
    ///
    /// # Panics
    /// If no stage has made any.
    pub fn tokens(&self) -> &TokenShards {
        self.tokens.as_ref().expect("the stages of the text come before")
    }

    /// The vocabulary.
    ///
    /// # Panics
    /// If it is not there yet.
    pub fn text(&self) -> &Text {
        self.text.as_ref().expect("the vocabulary comes before")
    }
}

/// A stage.
pub trait Stage: Sync {
    /// Its name and configuration.
    fn listed(&self) -> &Listed;

    /// The stages whose files it reads. They are checked by their digests before it begins.
    fn reads(&self) -> Vec<String>;

    /// The digests of what it reads, which are a part of its fingerprint.
    ///
    /// # Errors
    /// A file of an earlier stage that cannot be read.
    fn inputs(&self, run: &Run<'_>, so_far: &Artefacts) -> Result<Settings, Error>;

    /// What it needs.
    fn need(&self, outlook: &Outlook<'_>) -> Need;

    /// Whether it has to be there: what it makes may have been used up by the next stage.
    ///
    /// # Errors
    /// A disk that does not say what is there.
    fn is_wanted(&self, _fingerprint: &str, _ledger: &Ledger<'_>) -> Result<bool, Error> {
        Ok(true)
    }

    /// Whether all of it is there, where the ledger says so.
    ///
    /// # Errors
    /// A disk that does not say what is there.
    fn is_whole(&self, _run: &Run<'_>, _fingerprint: &str) -> Result<bool, Error> {
        Ok(true)
    }

    /// Prepares its work: what can be found wrong before it begins is found here, and leaves no trace.
    ///
    /// # Errors
    /// What is wrong.
    fn prepare<'a>(
        &'a self,
        run: &'a Run<'a>,
        so_far: &'a Artefacts,
        fingerprint: &str,
    ) -> Result<Work<'a>, Error>;

    /// Opens what it has made, and removes what is of no more use.
    ///
    /// # Errors
    /// A damaged file.
    fn open(
        &self,
        run: &Run<'_>,
        row: Option<&StageRow>,
        fingerprint: &str,
        so_far: &mut Artefacts,
    ) -> Result<(), Error>;
}

/// Does the work of a stage of the ledger, and reports its begin and its end, whatever that is.
///
/// # Errors
/// Those of the work.
pub fn as_stage<T>(
    progress: &Progress,
    stage: &str,
    work: impl FnOnce() -> Result<T, Error>,
) -> Result<T, Error> {
    progress.event(|| Event::StageBegan { stage: stage.to_owned() });
    let began = Instant::now();
    let done = work();
    let (seconds, is_done) = (began.elapsed().as_secs_f64(), done.is_ok());
    progress.event(|| Event::StageEnded { stage: stage.to_owned(), seconds, is_done });
    done
}

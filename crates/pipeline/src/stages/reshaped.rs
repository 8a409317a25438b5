//! Stages that make token shards of token shards; each is called like its folder.

use wordmill_formats::Published;
use wordmill_vocab::TokenShards;

use crate::error::Error;
use crate::stage::{Artefacts, Made, Run, Settings};

/// The digest of the shards that such a stage reads.
pub(super) fn inputs(so_far: &Artefacts) -> Settings {
    [("input.tokens".to_owned(), format!("{:016x}", so_far.tokens().digest()))].into()
}

/// Opens the shards of a stage.
pub(super) fn open(run: &Run<'_>, stage: &str, so_far: &mut Artefacts) -> Result<(), Error> {
    so_far.tokens = Some(TokenShards::open(&run.dir.reading(stage))?);
    Ok(())
}

/// Shards, and a text that was learned or that somebody gave, as the ledger lists them.
pub(super) fn made(
    shards: &TokenShards,
    text: Option<Published>,
    counts: Vec<(&'static str, u64)>,
) -> Made {
    let outputs = shards.outputs().cloned().chain(text).collect();
    let counts = [("shards", shards.len() as u64)].into_iter().chain(counts).collect();
    Made { outputs, counts, says: None }
}

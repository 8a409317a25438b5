//! Selects the phrases of a pass from the counts of pairs.

use wordmill_flow::Context;
use wordmill_formats::{CsrShardReader, FormatError, MatrixIndex, Words as _};
use wordmill_text::CONTINUES;

use super::config::{Parts, Pass, PhrasesJob};
use super::list::{ListWriter, Phrases, Row, learned, reserve};
use super::score::PairCount;
use super::units::BETWEEN;
use crate::error::VocabError;
use crate::vocabulary::Vocabulary;

/// A pair that becomes a phrase.
struct Found {
    count: u64,
    score: f64,
    /// The first word, and the unit of the second, as ids.
    pair: [u32; 2],
}

/// Pairs per step of reserving memory.
const STEP: usize = 1 << 15;

/// Counts of adjacent words.
#[derive(Clone, Copy, Debug)]
pub struct PairCounts<'a> {
    /// The words, and with connectors before them, the units.
    pub units: &'a Vocabulary,
    /// The words to the left of each unit.
    pub matrix: &'a MatrixIndex,
}

/// Scores the pairs of a pass, and writes those above its threshold as its list, the most frequent first.
///
/// # Errors
/// For a damaged matrix, more phrases than fit into the budget, a full disk, and a request to stop.
pub fn select(
    ctx: &Context,
    config: &PhrasesJob,
    pass: Pass<'_>,
    counted: Option<PairCounts<'_>>,
) -> Result<Phrases, VocabError> {
    let shards = pass.shards;
    let mut writer = ListWriter::of_pass(shards.run(), config, pass)?;
    if let Some(counted) = counted {
        let tokens = shards.totals().tokens;
        for Found { count, score, pair: [first, second] } in
            found(ctx, config, pass.number, counted, tokens)?
        {
            let table = counted.units.table();
            let second = table.text(second as usize).replace(BETWEEN, " ");
            let words = format!("{} {second}", table.text(first as usize));
            writer.push(&Row { words: &words, count, score, pass: pass.number })?;
        }
    }
    let path = writer.finish()?.path;
    let vanished =
        || FormatError::corrupt(&path, 0, "it was changed while it was being written").into();
    learned(ctx, shards.run(), config, pass)?.ok_or_else(vanished)
}

fn found(
    ctx: &Context,
    config: &PhrasesJob,
    pass: u32,
    counted: PairCounts<'_>,
    tokens: u64,
) -> Result<Vec<Found>, VocabError> {
    let PairCounts { units, matrix } = counted;
    let (table, counts) = (units.table(), units.table().counts());
    let threshold = config.thresholds[pass as usize - 1];
    let is_end =
        |word: &[u8]| config.parts == Parts::Words || !word.starts_with(CONTINUES.as_bytes());
    let mut found: Vec<Found> = Vec::new();
    let mut memory = Vec::new();
    for shard in &matrix.shards {
        ctx.cancel.check()?;
        let run = units.run();
        let path = run.path("matrix").join(&shard.file);
        let mut row: Option<(u32, Option<u64>)> = None;
        CsrShardReader::open(run.storage(), &path)?.for_each_piece(|unit, firsts, pairs| {
            let known = row.filter(|(known, _)| *known == unit).map(|(_, count)| count);
            let second = known.unwrap_or_else(|| match last_word(table.word(unit as usize)) {
                word if !is_end(word) => None,
                word => Some(table.find(word).map_or(0, |id| counts[id])),
            });
            row = Some((unit, second));
            let Some(second) = second else {
                return Ok(());
            };
            for (&first, &count) in firsts.iter().zip(pairs) {
                let first_count = counts[first as usize];
                let pair = PairCount { both: count, first: first_count, second, tokens };
                let score = config.score.of(pair, config.min_count);
                if score > threshold && is_end(table.word(first as usize)) {
                    if found.len().is_multiple_of(STEP) {
                        let bytes = (2 * STEP * size_of::<Found>()) as u64;
                        memory.push(reserve(&ctx.budget, bytes)?);
                    }
                    found.push(Found { count, score, pair: [first, unit] });
                }
            }
            Ok::<_, VocabError>(())
        })?;
    }
    // Ids are ranks with ties in the order of bytes, so the order is deterministic.
    found.sort_unstable_by_key(|it| (std::cmp::Reverse(it.count), it.pair));
    Ok(found)
}

/// The last word of a unit.
fn last_word(unit: &[u8]) -> &[u8] {
    let is_between = |byte: &u8| [*byte] == *BETWEEN.as_bytes();
    unit.rsplit(is_between).next().unwrap_or_default()
}

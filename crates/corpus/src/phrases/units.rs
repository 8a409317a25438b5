//! Shards in which the two words of a pair stand side by side, whatever connectors stand between them in the text.
//!
//! A *unit* is a word with the connectors before it, between line breaks, which no word has in it. Each connector leaves the text;
//! where some stood between two words, the first is followed by the unit of the second, then the line ends, and the second stands
//! again as itself to begin a pair of its own:
//!
//! ```text
//! the bank of the west coast      bank  of⏎the⏎west ┊ west  coast
//! ```
//!
//! So every word stands as often as in the text, and the pairs of neighbours are those that may become phrases.

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use wordmill_flow::Context;
use wordmill_formats::{FormatError, LINE_END, TokenShard};

use super::{FOLDER, MOST_CONNECTORS, PhrasesConfig, VERSION};
use crate::error::CorpusError;
use crate::lists::WordSet;
use crate::rewrite::{Numbered, Numbers, Rewriting, Rewritten, places, rewrite, tally};
use crate::tokenize::TokenShards;

/// What stands between the words of a unit.
pub(super) const BETWEEN: char = '\n';
/// Memory of a word and of its units, each in a table, and by name in two orders.
const WORD_BYTES: u64 = 640;
const FIXED_BYTES: u64 = 4 << 20;
/// What says how many units there are, in the footer of a shard.
const UNITS: &str = "units";

/// The shards whose neighbours are counted for a pass: those that are given, or, if there are connectors, new ones. They are part of
/// a run in the folder of the stage.
///
/// # Errors
/// A damaged shard; a full disk; too small a budget; a request to stop.
pub fn units(
    ctx: &Context,
    config: &PhrasesConfig,
    shards: &TokenShards,
) -> Result<TokenShards, CorpusError> {
    let Some(connectors) = &config.connectors else {
        return Ok(shards.within(FOLDER));
    };
    let run = shards.run();
    let folder = run.reading(&format!("{FOLDER}/units"));
    let most = shards.rows().iter().map(|row| row.counts.local_words).max().unwrap_or(0);
    let bytes = FIXED_BYTES + WORD_BYTES * most;
    let workers = (ctx.budget.left() / bytes).clamp(1, ctx.threads as u64);
    let _memory = ctx.budget.reserve(bytes * workers, "the words of a shard")?;
    let made_of = &format!("{VERSION} {:016x}", connectors.digest());
    let (made, _) =
        rewrite(ctx, "connectors", (shards, folder), workers as usize, |row, folder| {
            unit_shard(&Rewriting { run, folder, row, made_of, counted: UNITS }, connectors)
        })?;
    Ok(made.within(FOLDER))
}

fn unit_shard(job: &Rewriting<'_>, connectors: &WordSet) -> Result<Rewritten, CorpusError> {
    if let Some(found) = job.existing() {
        return Ok(found);
    }
    let (mut words, mut list_counts): (Vec<Box<str>>, _) = (Vec::new(), Vec::new());
    job.for_each_word(|word, count| {
        words.push(word.into());
        list_counts.push(count);
        Ok(())
    })?;
    let places = places(&list_counts);
    let mut walk = Walk {
        is_connector: words.iter().map(|word| connectors.contains(word.as_bytes())).collect(),
        units: HashMap::default(),
        between: None,
    };
    let source = job.source()?;
    let mut counts = vec![0; words.len()];
    walk.over(&source, &places, |number| {
        tally(&mut counts, number);
        Ok(())
    })?;
    let names: Vec<(String, u32)> =
        walk.units.iter().map(|(unit, at)| (name(unit, &words), *at)).collect();
    let own = words.iter().map(|word| word.as_bytes()).zip(0..);
    let names = own.chain(names.iter().map(|(name, number)| (name.as_bytes(), *number))).collect();
    let made = (Numbered { names, counts: &counts }, job.row.counts.lines, walk.units.len() as u64);
    // A chunk that goes on within a line begins one here: a connector may stand before it.
    job.publish_as(made, false, |ids, tokens| {
        let mut numbers = Numbers::new(ids, tokens);
        walk.over(&source, &places, |number| numbers.push(number))?;
        Ok(numbers.flush()?)
    })
}

/// The words of a unit, as one.
fn name(unit: &[u32], words: &[Box<str>]) -> String {
    let words: Vec<&str> = unit.iter().map(|place| &*words[*place as usize]).collect();
    words.join("\n")
}

/// A walk over the tokens of a shard.
struct Walk {
    /// By place in the list.
    is_connector: Vec<bool>,
    /// Numbers of units, by the places of their words; those of words are their places.
    units: HashMap<Box<[u32]>, u32, RandomState>,
    /// Connectors since the last other word of the line; `None` if there is no such word, or too many of them.
    between: Option<Vec<u32>>,
}

impl Walk {
    /// Calls `emit` with the number of every token, and with line ends.
    fn over(
        &mut self,
        source: &TokenShard,
        places: &[u32],
        mut emit: impl FnMut(u32) -> Result<(), FormatError>,
    ) -> Result<(), FormatError> {
        self.between = None;
        let (mut buffer, mut ids) = (Vec::new(), Vec::new());
        for frame in 0..source.frames() {
            source.read(frame, &mut buffer, &mut ids)?;
            for id in &ids {
                if *id == LINE_END {
                    self.between = None;
                    emit(LINE_END)?;
                    continue;
                }
                let place = places.get(*id as usize);
                let place = place
                    .ok_or_else(|| source.file().bad_frame(frame, "more words than its list"))?;
                self.word(*place, &mut emit)?;
            }
        }
        Ok(())
    }

    fn word(
        &mut self,
        place: u32,
        emit: &mut impl FnMut(u32) -> Result<(), FormatError>,
    ) -> Result<(), FormatError> {
        if self.is_connector[place as usize] {
            let Some(between) = &mut self.between else {
                return Ok(());
            };
            between.push(place);
            if between.len() > MOST_CONNECTORS {
                self.between = None;
                emit(LINE_END)?;
            }
            return Ok(());
        }
        let mut between = self.between.take().unwrap_or_default();
        if !between.is_empty() {
            between.push(place);
            let next = (self.is_connector.len() + self.units.len()) as u32;
            emit(*self.units.entry(between.as_slice().into()).or_insert(next))?;
            emit(LINE_END)?;
            between.clear();
        }
        self.between = Some(between);
        emit(place)
    }
}

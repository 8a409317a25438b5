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
use wordmill_formats::{FormatError, LINE_END};

use super::{FOLDER, MOST_CONNECTORS, PhrasesConfig, VERSION};
use crate::error::CorpusError;
use crate::lists::WordSet;
use crate::rewrite::{Made, Read, Rewriting, Rewritten, rewrite, share};
use crate::tokenize::TokenShards;

/// What stands between the words of a unit.
pub(super) const BETWEEN: char = '\n';
/// Memory of a word and of its units, each in a table, and by name in two orders.
const WORD_BYTES: u64 = 640;
/// Of a token: at most three in its place, in a vector that grows.
const TOKEN_BYTES: u64 = 12;
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
    let (workers, _memory) = share(ctx, shards, |counts| {
        FIXED_BYTES + WORD_BYTES * counts.local_words + TOKEN_BYTES * (counts.tokens + counts.lines)
    })?;
    let made_of = &format!("{VERSION} {:016x}", connectors.digest());
    let (made, _) = rewrite(ctx, "connectors", (shards, folder), workers, |row, folder| {
        unit_shard(&Rewriting { run, folder, row, made_of, counted: UNITS }, connectors)
    })?;
    Ok(made.within(FOLDER))
}

fn unit_shard(job: &Rewriting<'_>, connectors: &WordSet) -> Result<Rewritten, CorpusError> {
    if let Some(found) = job.existing() {
        return Ok(found);
    }
    let read = job.read()?;
    let words = &read.words;
    let mut walk = Walk {
        is_connector: words.iter().map(|word| connectors.contains(word.as_bytes())).collect(),
        units: HashMap::default(),
        between: None,
        numbers: Vec::with_capacity(read.source.file().items() as usize),
    };
    walk.over(&read)?;
    let mut units: Vec<(&[u32], u32)> =
        walk.units.iter().map(|(unit, at)| (&**unit, *at)).collect();
    units.sort_unstable_by_key(|(_, number)| *number);
    let units: Vec<String> = units.iter().map(|(unit, _)| name(unit, words)).collect();
    let names = words.iter().map(|word| word.as_bytes()).chain(units.iter().map(String::as_bytes));
    job.publish_made(Made {
        numbers: walk.numbers,
        names: names.collect(),
        // A chunk that goes on within a line begins one here: a connector may stand before it.
        continues_line: false,
        counted: units.len() as u64,
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
    /// The tokens of the new shard.
    numbers: Vec<u32>,
}

impl Walk {
    /// Takes every token, and line ends.
    fn over(&mut self, read: &Read) -> Result<(), FormatError> {
        let (mut buffer, mut places) = (Vec::new(), Vec::new());
        for frame in 0..read.source.frames() {
            read.frame(frame, &mut buffer, &mut places)?;
            for &place in &places {
                match place {
                    LINE_END => self.end_line(),
                    place if self.is_connector[place as usize] => self.connector(place),
                    place => self.word(place),
                }
            }
        }
        Ok(())
    }

    fn end_line(&mut self) {
        self.between = None;
        self.numbers.push(LINE_END);
    }

    fn connector(&mut self, place: u32) {
        if let Some(between) = &mut self.between {
            between.push(place);
            if between.len() > MOST_CONNECTORS {
                self.end_line();
            }
        }
    }

    fn word(&mut self, place: u32) {
        let mut between = self.between.take().unwrap_or_default();
        if !between.is_empty() {
            between.push(place);
            let next = (self.is_connector.len() + self.units.len()) as u32;
            self.numbers.push(*self.units.entry(between.as_slice().into()).or_insert(next));
            self.numbers.push(LINE_END);
            between.clear();
        }
        self.between = Some(between);
        self.numbers.push(place);
    }
}

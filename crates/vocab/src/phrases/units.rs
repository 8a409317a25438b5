//! Shards in which the two words of a pair are adjacent, whatever connectors are between them in the text.
//!
//! A *unit* is a word with the connectors before it, separated by line breaks, which no word contains. Each connector
//! is removed from the text. If some were between two words, the first is followed by the unit of the second, then the
//! line ends, and the second occurs again alone to begin its own pair:
//!
//! ```text
//! the bank of the west coast      bank  of⏎the⏎west ┊ west  coast
//! ```
//!
//! So every word occurs as often as in the text, and the pairs of neighbours are the candidates for phrases.

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use wordmill_flow::Context;
use wordmill_formats::{FormatError, LINE_END};
use wordmill_text::WordSet;

use super::config::{MOST_CONNECTORS, PhrasesJob, VERSION};
use super::folders::FOLDER;
use crate::error::VocabError;
use crate::rewrite::{Made, Names, Read, Rewrite, Rewriting, Rewritten, rewrite, share};
use crate::shards::TokenShards;

/// Separates the words of a unit.
pub(super) const BETWEEN: &str = "\n";
/// Memory of a word and of its units, each by name in two orders, and in a tree.
const WORD_BYTES: u64 = 500;
/// Memory of a token: at most three replace it, in a vector that grows.
const TOKEN_BYTES: u64 = 12;
const FIXED_BYTES: u64 = 4 << 20;
/// The key of the number of units, in the footer of a shard.
const UNITS: &str = "units";

/// The shards whose neighbours are counted for a pass: the given ones or, if there are connectors, new ones. They are
/// part of a run in the folder of the stage.
///
/// # Errors
/// For a damaged shard, a full disk, too small a budget, and a request to stop.
pub fn units(
    ctx: &Context,
    config: &PhrasesJob,
    shards: &TokenShards,
) -> Result<TokenShards, VocabError> {
    let Some(connectors) = &config.connectors else {
        return Ok(shards.within(FOLDER));
    };
    let (workers, _memory) = share(ctx, shards, "the words of a shard", |counts| {
        FIXED_BYTES + WORD_BYTES * counts.local_words + TOKEN_BYTES * (counts.tokens + counts.lines)
    })?;
    let (made, _) = rewrite(ctx, workers, unit_shards(shards, connectors))?;
    Ok(made.within(FOLDER))
}

/// The step that writes them.
pub(super) fn unit_shards<'a>(
    shards: &'a TokenShards,
    connectors: &'a WordSet,
) -> Rewrite<'a, impl Fn(&Rewriting<'_>, usize) -> Result<Rewritten, VocabError> + Sync + 'a> {
    Rewrite {
        stage: "connectors",
        shards,
        folder: shards.run().reading(&format!("{FOLDER}/units")),
        made_of: format!("{VERSION} {:016x}", connectors.digest()),
        counted: UNITS,
        also_reads: Vec::new(),
        make: move |job: &Rewriting<'_>, _| unit_shard(job, connectors),
    }
}

fn unit_shard(job: &Rewriting<'_>, connectors: &WordSet) -> Result<Rewritten, VocabError> {
    let read = job.read()?;
    let words = &read.words;
    let mut walk = UnitFinder {
        is_connector: words.iter().map(|word| connectors.contains(word.as_bytes())).collect(),
        nodes: HashMap::default(),
        parents: vec![(ROOT, 0)],
        numbers_of: vec![NONE],
        units: Vec::new(),
        between: None,
        numbers: Vec::with_capacity(read.source.file().items() as usize),
    };
    walk.over(&read)?;
    let names = walk.names(words);
    job.publish_made(Made {
        numbers: walk.numbers,
        names: words.iter().chain(names.iter()).collect(),
        // A chunk that begins within a line begins a line here, since a connector may be before it.
        continues_line: false,
        counted: walk.units.len() as u64,
    })
}

/// The node of no connector, and no unit.
const ROOT: u32 = 0;
const NONE: u32 = u32::MAX;

/// Connectors since the last word that is none: their node in the tree, and their number.
#[derive(Clone, Copy)]
struct Between {
    node: u32,
    len: usize,
}

/// A walk over the tokens of a shard. Units form a tree of connectors with words at its ends.
struct UnitFinder {
    /// Whether a word is a connector, by its index in the list.
    is_connector: Vec<bool>,
    /// From a node by the index of a word to a node.
    nodes: HashMap<(u32, u32), u32, RandomState>,
    /// The parent of each node, and the index of its last word.
    parents: Vec<(u32, u32)>,
    /// The number of the unit that ends at each node; numbers of words are their indices.
    numbers_of: Vec<u32>,
    /// The nodes at which units end, in the order of their numbers.
    units: Vec<u32>,
    /// `None` if only connectors precede in the line, or too many of them.
    between: Option<Between>,
    /// The tokens of the new shard.
    numbers: Vec<u32>,
}

impl UnitFinder {
    /// Processes every token and line end.
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
        let Some(Between { node, len }) = self.between else {
            return;
        };
        match len < MOST_CONNECTORS {
            true => self.between = Some(Between { node: self.node(node, place), len: len + 1 }),
            false => self.end_line(),
        }
    }

    fn word(&mut self, place: u32) {
        if let Some(Between { node, len: 1.. }) = self.between {
            let node = self.node(node, place) as usize;
            if self.numbers_of[node] == NONE {
                self.numbers_of[node] = (self.is_connector.len() + self.units.len()) as u32;
                self.units.push(node as u32);
            }
            self.numbers.extend([self.numbers_of[node], LINE_END]);
        }
        self.between = Some(Between { node: ROOT, len: 0 });
        self.numbers.push(place);
    }

    /// The child of a node by a word.
    fn node(&mut self, node: u32, place: u32) -> u32 {
        let next = self.parents.len() as u32;
        let found = *self.nodes.entry((node, place)).or_insert(next);
        if found == next {
            self.parents.push((node, place));
            self.numbers_of.push(NONE);
        }
        found
    }

    /// The names of units.
    fn names(&self, words: &Names) -> Names {
        let mut names = Names::default();
        for unit in &self.units {
            let (mut node, mut places) = (*unit, Vec::new());
            while node != ROOT {
                let (before, place) = self.parents[node as usize];
                places.push(place as usize);
                node = before;
            }
            let (last, first) = places.split_first().expect("a unit has words");
            let first = first.iter().rev().flat_map(|at| [words.get(*at), BETWEEN]);
            names.push(first.chain([words.get(*last)]));
        }
        names
    }
}

//! Joining: rewrites shards with the phrases of a pass.
//!
//! From left to right, at each word the longest phrase that begins there becomes one token; the next begins after it,
//! as in word2phrase. Phrases are stored as a tree of words.

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use wordmill_flow::Context;
use wordmill_formats::{FormatError, LINE_END, RunDir};
use xxhash_rust::xxh3::Xxh3;

use super::config::{Pass, PhrasesJob, VERSION};
use super::folders::FOLDER;
use super::list::{Phrases, reserve};
use crate::error::VocabError;
use crate::rewrite::{Made, Names, Read, Rewrite, Rewriting, Rewritten, rewrite, share};
use crate::shards::TokenShards;

/// Memory of a word of a shard, and of the phrases that begin with it.
const WORD_BYTES: u64 = 400;
const TOKEN_BYTES: u64 = 4;
const FIXED_BYTES: u64 = 4 << 20;
/// The key of the number of joined phrases, in the footer of a shard.
const JOINED: &str = "joined";
/// No word of a phrase, no node, no phrase.
const NONE: u32 = u32::MAX;

/// The result of a pass.
#[derive(Clone, Debug)]
pub struct Joined {
    /// The shards with phrases.
    pub shards: TokenShards,
    /// How often words were joined.
    pub joined: u64,
}

/// The phrases of a pass, for searching a text.
#[derive(Debug, Default)]
pub struct Joiner {
    words: HashMap<Box<str>, u32, RandomState>,
    /// From a node by a word to a node; the first node is before any word.
    edges: HashMap<(u32, u32), u32, RandomState>,
    /// The phrase that ends at a node.
    ends: Vec<u32>,
    /// The joined words of phrases.
    names: Vec<Box<str>>,
    /// Number of words of the longest.
    longest: usize,
}

impl Joiner {
    /// The phrases of a pass, counted from 1, of a list.
    #[must_use]
    pub fn new(phrases: &Phrases, pass: u32, delimiter: &str) -> Self {
        let mut joiner = Self { ends: vec![NONE], ..Self::default() };
        for phrase in phrases.of_pass(pass) {
            joiner.insert(phrase, delimiter);
        }
        joiner
    }

    fn insert(&mut self, phrase: &str, delimiter: &str) {
        let (mut node, mut words) = (0, 0);
        for word in phrase.split(' ') {
            let next = self.words.len() as u32;
            let word = match self.words.get(word) {
                Some(word) => *word,
                None => *self.words.entry(word.into()).or_insert(next),
            };
            let next = self.ends.len() as u32;
            node = *self.edges.entry((node, word)).or_insert(next);
            if node == next {
                self.ends.push(NONE);
            }
            words += 1;
        }
        self.longest = self.longest.max(words);
        let end = &mut self.ends[node as usize];
        if *end == NONE {
            *end = self.names.len() as u32;
            self.names.push(phrase.replace(' ', delimiter).into());
        }
    }

    /// Memory that it takes.
    fn bytes(&self) -> u64 {
        let names: usize = self.names.iter().map(|name| name.len() + 32).sum();
        let words: usize = self.words.keys().map(|word| word.len() + 56).sum();
        (names + words + 40 * self.edges.len() + 8 * self.ends.len()) as u64
    }

    /// The longest phrase that begins with these words, and its number of words.
    fn longest(&self, words: impl Iterator<Item = u32>) -> Option<(u32, usize)> {
        let (mut node, mut found) = (0, None);
        for (word, len) in words.zip(1..) {
            match self.edges.get(&(node, word)) {
                Some(next) => node = *next,
                None => break,
            }
            if self.ends[node as usize] != NONE {
                found = Some((self.ends[node as usize], len));
            }
        }
        found
    }

    /// The words of a line with phrases joined.
    #[must_use]
    pub fn join(&self, words: Vec<String>) -> Vec<String> {
        let id = |word: &String| self.words.get(word.as_str()).copied().unwrap_or(NONE);
        let (mut joined, mut at) = (Vec::new(), 0);
        while at < words.len() {
            match self.longest(words[at..].iter().map(id)) {
                Some((phrase, len)) => {
                    joined.push(self.names[phrase as usize].to_string());
                    at += len;
                }
                None => {
                    joined.push(words[at].clone());
                    at += 1;
                }
            }
        }
        joined
    }
}

/// Rewrites the shards with the phrases of a pass into a folder. Finished files of an interrupted process are kept.
///
/// # Errors
/// For a damaged shard, a full disk, more phrases than fit into the budget, and a request to stop.
pub fn join(
    ctx: &Context,
    config: &PhrasesJob,
    of: Pass<'_>,
    phrases: &Phrases,
    folder: RunDir,
) -> Result<Joined, VocabError> {
    let Pass { number: pass, shards } = of;
    let _text = reserve(&ctx.budget, phrases.bytes())?;
    let joiner = Joiner::new(phrases, pass, &config.delimiter);
    let _tree = reserve(&ctx.budget, joiner.bytes())?;
    let (workers, _words) = share(ctx, shards, "the words of a shard", |counts| {
        FIXED_BYTES + WORD_BYTES * counts.local_words + TOKEN_BYTES * (counts.tokens + counts.lines)
    })?;
    let (shards, joined) = rewrite(ctx, workers, joining(config, of, phrases, folder, &joiner))?;
    Ok(Joined { shards, joined })
}

/// The step that writes them. The phrases are in memory, as their list may be a file of the user.
pub(super) fn joining<'a>(
    config: &PhrasesJob,
    pass: Pass<'a>,
    phrases: &Phrases,
    folder: RunDir,
    joiner: &'a Joiner,
) -> Rewrite<'a, impl Fn(&Rewriting<'_>, usize) -> Result<Rewritten, VocabError> + Sync + 'a> {
    let mut list = Xxh3::new();
    for (number, phrase) in phrases.of_pass(pass.number).enumerate() {
        list.update(if number == 0 { b"" } else { b"\n" });
        list.update(phrase.as_bytes());
    }
    Rewrite {
        stage: FOLDER,
        shards: pass.shards,
        folder,
        made_of: format!("{VERSION} {:016x} {:?}", list.digest(), config.delimiter),
        counted: JOINED,
        also_reads: Vec::new(),
        make: move |job: &Rewriting<'_>, _| joined_shard(job, joiner),
    }
}

fn joined_shard(job: &Rewriting<'_>, joiner: &Joiner) -> Result<Rewritten, VocabError> {
    let read = job.read()?;
    let known = |word| joiner.words.get(word).copied().unwrap_or(NONE);
    let mut walk = ShardJoiner {
        joiner,
        known: read.words.iter().map(known).collect(),
        words: &read.words,
        found: HashMap::default(),
        added: Vec::new(),
        numbers: Vec::with_capacity(read.source.file().items() as usize),
        joined: 0,
    };
    walk.over(&read)?;
    let added = walk.added.iter().map(|phrase| &*joiner.names[*phrase as usize]);
    job.publish_made(Made {
        numbers: walk.numbers,
        names: read.words.iter().chain(added).collect(),
        continues_line: read.source.continues_line(),
        counted: walk.joined,
    })
}

/// A walk over the tokens of a shard.
struct ShardJoiner<'a> {
    joiner: &'a Joiner,
    /// For each index in the list of words, which is its number, the word of phrases.
    known: Vec<u32>,
    words: &'a Names,
    /// Numbers of phrases found here, and the phrases that are not in the list of words.
    found: HashMap<u32, u32, RandomState>,
    added: Vec<u32>,
    /// The tokens of the new shard, and how many of them are phrases.
    numbers: Vec<u32>,
    joined: u64,
}

impl ShardJoiner<'_> {
    /// Processes every token and line end.
    fn over(&mut self, read: &Read) -> Result<(), FormatError> {
        let (mut buffer, mut places, mut held) = (Vec::new(), Vec::new(), Vec::new());
        for frame in 0..read.source.frames() {
            read.frame(frame, &mut buffer, &mut places)?;
            held.append(&mut places);
            // A phrase may continue in the next frame.
            let is_last = frame + 1 == read.source.frames();
            let spare = if is_last { 0 } else { self.joiner.longest };
            let taken = self.part(&held, held.len().saturating_sub(spare));
            held.drain(..taken);
        }
        Ok(())
    }

    /// Processes the phrases and words that begin before `end`; returns where it stopped.
    fn part(&mut self, held: &[u32], end: usize) -> usize {
        let mut at = 0;
        while at < end {
            let first = held[at];
            if first == LINE_END || self.known[first as usize] == NONE {
                self.numbers.push(first);
                at += 1;
                continue;
            }
            let words = held[at..].iter().take_while(|place| **place != LINE_END);
            let words = words.map(|place| self.known[*place as usize]);
            let (number, len) = match self.joiner.longest(words) {
                Some((phrase, len)) => (self.number(phrase), len),
                None => (first, 1),
            };
            self.numbers.push(number);
            self.joined += u64::from(len > 1);
            at += len;
        }
        at
    }

    /// The number of a phrase: that of the word with the same spelling, or a new one.
    fn number(&mut self, phrase: u32) -> u32 {
        if let Some(number) = self.found.get(&phrase) {
            return *number;
        }
        let name = &self.joiner.names[phrase as usize];
        let number = self.words.find(name).unwrap_or_else(|| {
            self.added.push(phrase);
            self.words.len() + self.added.len() - 1
        }) as u32;
        self.found.insert(phrase, number);
        number
    }
}

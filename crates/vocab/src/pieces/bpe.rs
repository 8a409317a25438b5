//! The learner `bpe`: byte pair encoding of characters (Gage 1994; Sennrich, Haddow & Birch 2016), from exact word counts.
//!
//! A word begins as its characters, those after the first with `##`. The pair of neighbours with the highest count over
//! all words, weighted by the words' counts, becomes one symbol; and so on. Of equal counts the pair of older symbols
//! wins: characters are as old as their order of bytes, a symbol as its merge. A row of the model is a merge,
//! `left<TAB>right`, in this order. A word is cut by repeating the merges, earlier ones first. Characters that were
//! never seen stay alone, so nothing is lost.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::path::Path;

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use wordmill_flow::Context;
use wordmill_text::CONTINUES;

use super::model::{Cut, Rows};
use super::words::{Room, Words};
use crate::error::VocabError;
use crate::text_writer::TextWriter;

/// Memory of a word, and of each of its characters: the symbol, and its place in the lists of pairs, which may have
/// just grown.
const WORD_BYTES: u64 = 24;
const CHAR_BYTES: u64 = 40;
/// Memory of a symbol beside its bytes.
const SYMBOL_BYTES: u64 = 160;

type Pair = (u32, u32);
type Table<K, V> = HashMap<K, V, RandomState>;

/// The names of the first and all other characters of a word.
pub(super) fn symbols(word: &str) -> impl Iterator<Item = String> {
    word.chars().enumerate().map(|(at, c)| match at {
        0 => c.to_string(),
        _ => format!("{CONTINUES}{c}"),
    })
}

/// Two symbols as one.
pub(super) fn joined(left: &str, right: &str) -> String {
    format!("{left}{}", right.strip_prefix(CONTINUES).unwrap_or(right))
}

/// Words as symbols, with the counts of all pairs of neighbours.
#[derive(Default)]
struct PairIndex {
    names: Vec<String>,
    /// The symbols of all words; the start of each word is in `starts`.
    text: Vec<u32>,
    words: Vec<Spelled>,
    counts: Table<Pair, u64>,
    /// Words in which a pair may occur.
    places: Table<Pair, Vec<u32>>,
}

#[derive(Clone, Copy)]
struct Spelled {
    start: u64,
    len: u32,
    count: u64,
}

/// Learns the merges.
pub(super) fn learn(
    ctx: &Context,
    words: &Words<'_>,
    merges: u32,
    model: &mut TextWriter,
) -> Result<(), VocabError> {
    let mut room = Room::new(&ctx.budget, "the words that pairs are counted in");
    let mut book = PairIndex::read(words, &mut room)?;
    let progress = ctx.progress.stage("bpe", "merges", u64::from(merges));
    let mut heap: BinaryHeap<(u64, Reverse<Pair>)> =
        book.counts.iter().map(|(pair, count)| (*count, Reverse(*pair))).collect();
    for _ in 0..merges {
        ctx.cancel.check()?;
        // If a count has changed since, it is put back with its current value.
        let best = loop {
            let Some((count, Reverse(pair))) = heap.pop() else { break None };
            match book.counts.get(&pair) {
                Some(now) if *now == count => break Some(pair),
                Some(now) if *now > 0 && *now < count => heap.push((*now, Reverse(pair))),
                _ => {}
            }
        };
        let Some(pair @ (left, right)) = best else { break };
        let (left, right) = (&book.names[left as usize], &book.names[right as usize]);
        model.row(format_args!("{left}\t{right}"))?;
        room.take(SYMBOL_BYTES + (left.len() + right.len()) as u64)?;
        let grown = book.merge(pair);
        heap.extend(grown.into_iter().map(|pair| (book.counts[&pair], Reverse(pair))));
        progress.add(1);
    }
    progress.complete();
    Ok(())
}

impl PairIndex {
    fn read(words: &Words<'_>, room: &mut Room) -> Result<Self, VocabError> {
        let mut book = Self::default();
        let mut known = BTreeSet::new();
        words.for_each(|word, _| {
            known.extend(symbols(word));
            Ok(())
        })?;
        book.names = known.into_iter().collect();
        let ids: Table<&str, u32> = book.names.iter().map(String::as_str).zip(0..).collect();
        let (text, spelled) = (&mut book.text, &mut book.words);
        words.for_each(|word, count| {
            let start = text.len() as u64;
            text.extend(symbols(word).map(|symbol| ids[symbol.as_str()]));
            let len = (text.len() as u64 - start) as u32;
            room.take(WORD_BYTES + CHAR_BYTES * u64::from(len))?;
            spelled.push(Spelled { start, len, count });
            Ok(())
        })?;
        drop(ids);
        for (at, word) in book.words.iter().enumerate() {
            let text = &book.text[word.start as usize..][..word.len as usize];
            for pair in text.windows(2) {
                let pair = (pair[0], pair[1]);
                *book.counts.entry(pair).or_default() += word.count;
                let places = book.places.entry(pair).or_default();
                if places.last() != Some(&(at as u32)) {
                    places.push(at as u32);
                }
            }
        }
        Ok(book)
    }

    /// Replaces a pair by one symbol in all words, and returns the pairs that are new or more
    /// frequent now.
    fn merge(&mut self, pair: Pair) -> Vec<Pair> {
        let new = self.names.len() as u32;
        let (left, right) = (&self.names[pair.0 as usize], &self.names[pair.1 as usize]);
        self.names.push(joined(left, right));
        let mut grown: Vec<Pair> = Vec::new();
        for place in self.places.remove(&pair).unwrap_or_default() {
            let word = self.words[place as usize];
            let text = &mut self.text[word.start as usize..][..word.len as usize];
            for old in text.windows(2) {
                let count = self.counts.get_mut(&(old[0], old[1])).expect("it was counted");
                *count -= word.count;
            }
            let len = merge_in(text, pair, new);
            self.words[place as usize].len = len as u32;
            for now in text[..len].windows(2) {
                let now = (now[0], now[1]);
                *self.counts.entry(now).or_default() += word.count;
                if now.0 == new || now.1 == new {
                    let places = self.places.entry(now).or_default();
                    if places.last() != Some(&place) {
                        places.push(place);
                    }
                    grown.push(now);
                }
            }
        }
        self.counts.remove(&pair);
        grown.sort_unstable();
        grown.dedup();
        grown.retain(|pair| self.counts.get(pair).is_some_and(|count| *count > 0));
        grown
    }
}

/// Replaces each occurrence of the pair by `new`, from left to right; returns the new length.
fn merge_in(text: &mut [u32], pair: Pair, new: u32) -> usize {
    let (mut from, mut to) = (0, 0);
    while from < text.len() {
        let is_pair = from + 1 < text.len() && (text[from], text[from + 1]) == pair;
        text[to] = if is_pair { new } else { text[from] };
        from += if is_pair { 2 } else { 1 };
        to += 1;
    }
    to
}

/// Merges, ready to cut.
pub(super) struct Bpe {
    names: Vec<String>,
    ids: Table<String, u32>,
    /// Rank of a merge, and its symbol.
    merges: Table<Pair, (u32, u32)>,
    bytes: u64,
}

impl Bpe {
    pub(super) fn read(path: &Path, rows: Rows<'_>) -> Result<Self, VocabError> {
        let mut bpe =
            Self { names: Vec::new(), ids: Table::default(), merges: Table::default(), bytes: 0 };
        for (line, row) in rows {
            let wrong = |what: &str| Rows::wrong(path, line, what);
            let pair = row.split_once('\t').filter(|(left, right)| {
                let is_more = right.strip_prefix(CONTINUES).is_some_and(|rest| !rest.is_empty());
                !left.is_empty() && is_more && !right.contains('\t')
            });
            let (left, right) = pair
                .ok_or_else(|| wrong("expected two symbols, a tab between, the second with ##"))?;
            let made = joined(left, right);
            bpe.bytes += 2 * (SYMBOL_BYTES + 2 * made.len() as u64);
            let rank = bpe.merges.len() as u32;
            let (left, right) = (bpe.id(left), bpe.id(right));
            let made = bpe.id(&made);
            if bpe.merges.insert((left, right), (rank, made)).is_some() {
                return Err(wrong("these two were merged before"));
            }
        }
        Ok(bpe)
    }

    fn id(&mut self, name: &str) -> u32 {
        if let Some(id) = self.ids.get(name) {
            return *id;
        }
        let id = self.names.len() as u32;
        self.names.push(name.to_owned());
        self.ids.insert(name.to_owned(), id);
        id
    }
}

impl Cut for Bpe {
    fn cut(&self, word: &str, emit: &mut dyn FnMut(&str)) -> u64 {
        /// Represents a character that is in no merge.
        const UNKNOWN: u32 = u32::MAX;
        let chars: Vec<String> = symbols(word).collect();
        let mut text: Vec<u32> =
            chars.iter().map(|symbol| self.ids.get(symbol).copied().unwrap_or(UNKNOWN)).collect();
        let next = |text: &[u32]| {
            let pairs = text.windows(2).map(|pair| (pair[0], pair[1]));
            pairs.filter_map(|pair| self.merges.get(&pair).map(|made| (made.0, pair, made.1))).min()
        };
        let unknown: Vec<&String> = chars
            .iter()
            .zip(&text)
            .filter(|(_, id)| **id == UNKNOWN)
            .map(|(name, _)| name)
            .collect();
        while let Some((_, pair, made)) = next(&text) {
            let len = merge_in(&mut text, pair, made);
            text.truncate(len);
        }
        let mut unknown = unknown.into_iter();
        for id in text {
            match id {
                UNKNOWN => emit(unknown.next().expect("as many as there were")),
                id => emit(&self.names[id as usize]),
            }
        }
        0
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }
}

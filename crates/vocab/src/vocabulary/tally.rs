//! Counts the words of all shards in memory, if the distinct ones fit.
//!
//! A *tally* is a table of words with their counts. Each list is read once, in any order, and only the numbers of its
//! words in the table are kept, so the remaps need neither the lists nor the words again. Every worker has its own
//! tally; they are merged in pairs. Numbers depend on which worker read which list, but nothing written depends on
//! numbers. If the words do not fit, counting stops, and the caller merges the lists instead, with the same result.
//! Counting is not a step of units: a list contributes to a sum in memory, and writes no file.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use wordmill_flow::{Budget, Context, OverBudget, Reservation, run_tasks, run_workers};
use wordmill_formats::{NO_WORD, WordListReader, local_ids};

use super::config::{VocabularyCounts, VocabularyJob};
use super::kept::{Kept, MostFrequent, Ranked};
use super::merge::LIST_BYTES;
use crate::error::VocabError;
use crate::interner::{BATCH, Interner, ShortWord};
use crate::shards::TokenShards;

/// Memory of a distinct word: its entry (20) and its place in the index (8) and its count (8), all
/// twice while they grow; its sort key (16), its place in the order (4) and its id (4).
const WORD_BYTES: usize = 96;
/// Memory of a word while its shard is remapped: its count, and its id in four lists, one of which
/// may have just grown.
pub(super) const REMAP_WORD_BYTES: u64 = 40;
/// Words per step of reserving memory, and bytes of long ones.
const WORDS_STEP: usize = 1 << 14;
const LONG_BYTES_STEP: usize = 1 << 18;
/// The most words and bytes of long words: both are 32-bit numbers.
const MOST: usize = 1 << 31;

/// The memory that tallies may use.
struct Room {
    whole: Budget,
    part: Budget,
}

/// Reserved memory, from the whole and from the part.
type Taken = (Reservation, Reservation);

/// Words with their counts, and the lists they are from.
struct Tally {
    interner: Interner,
    /// By number.
    counts: Vec<u64>,
    /// For each shard that was read, the numbers of its words by local id.
    shards: Vec<(usize, Vec<u32>)>,
    /// The current list: the number and the count of each word.
    numbers: Vec<u32>,
    list_counts: Vec<u64>,
    /// Short words of it that have no number yet, and their local ids.
    words: [ShortWord; BATCH],
    places: [u32; BATCH],
    waiting: usize,
    memory: Vec<Taken>,
    words_most: usize,
    long_bytes_most: usize,
}

/// Two tallies to be merged, or the last one alone, until a task takes them.
type Pair = Mutex<Option<(Tally, Option<Tally>)>>;

/// All words of the corpus, counted.
pub(super) struct Counted {
    tally: Tally,
    lists_memory: Taken,
}

/// The ids of the words of every shard.
pub(super) struct KnownIds {
    /// By shard: a number for each local id.
    shards: Vec<Vec<u32>>,
    /// By number.
    ids: Vec<u32>,
    _memory: (Vec<Taken>, Taken),
}

impl KnownIds {
    /// For each local id of a shard the id of its word, or [`NO_WORD`].
    pub(super) fn of(&self, shard: usize) -> impl Iterator<Item = u32> {
        self.shards[shard].iter().map(|number| self.ids[*number as usize])
    }
}

/// Counts the words of all shards.
///
/// # Errors
/// For a budget of which they would take more than half, a damaged list, and a request to stop.
pub(super) fn tally(ctx: &Context, shards: &TokenShards) -> Result<Counted, VocabError> {
    let room = Room { whole: ctx.budget.clone(), part: Budget::new(ctx.budget.left() / 2) };
    let rows = shards.rows();
    let most = rows.iter().map(|row| row.counts.local_words).max().unwrap_or(0);
    let workers = ctx.threads.min(rows.len()).max(1);
    let lists = shards.totals().local_words * size_of::<u32>() as u64;
    let reading = (LIST_BYTES + most * REMAP_WORD_BYTES) * workers as u64;
    let lists_memory = room.take(lists + reading)?;
    let next = AtomicUsize::new(0);
    let tallies = run_workers("count-words", workers, |_| {
        let mut tally = Tally::new();
        while let shard = next.fetch_add(1, Ordering::Relaxed)
            && shard < rows.len()
        {
            ctx.cancel.check()?;
            tally.read(&room, shards, shard)?;
        }
        Ok::<_, VocabError>(tally)
    })?;
    Ok(Counted { tally: unite(ctx, &room, tallies)?, lists_memory })
}

/// Merges all tallies, two at a time.
fn unite(ctx: &Context, room: &Room, mut tallies: Vec<Tally>) -> Result<Tally, VocabError> {
    while tallies.len() > 1 {
        let mut all = tallies.into_iter();
        let pair = || all.next().map(|one| Mutex::new(Some((one, all.next()))));
        let pairs: Vec<Pair> = std::iter::from_fn(pair).collect();
        tallies = run_tasks(ctx, "unite-words", ctx.threads, pairs.len(), |pair| {
            let pair = pairs[pair].lock().expect("nobody panics with it").take();
            let (mut one, other) = pair.expect("each task is given out once");
            other.map_or(Ok(()), |other| one.absorb(room, other))?;
            Ok::<_, VocabError>(one)
        })?;
    }
    Ok(tallies.pop().unwrap_or_else(Tally::new))
}

impl Room {
    fn take(&self, bytes: u64) -> Result<Taken, OverBudget> {
        let what = "the distinct words";
        Ok((self.whole.reserve(bytes, what)?, self.part.reserve(bytes, what)?))
    }
}

impl Tally {
    fn new() -> Self {
        Self {
            interner: Interner::default(),
            counts: Vec::new(),
            shards: Vec::new(),
            numbers: Vec::new(),
            list_counts: Vec::new(),
            words: [ShortWord::default(); BATCH],
            places: [0; BATCH],
            waiting: 0,
            memory: Vec::new(),
            words_most: 0,
            long_bytes_most: 0,
        }
    }

    /// Counts the words of the shard at a place in the order of the corpus.
    fn read(&mut self, room: &Room, shards: &TokenShards, shard: usize) -> Result<(), VocabError> {
        let (run, id) = (shards.run(), shards.ids()[shard]);
        let mut list = WordListReader::open(run.storage(), &run.word_list(id))?;
        while let Some(count) = list.advance()? {
            self.push(room, list.word(), count)?;
        }
        self.look_up(room)?;
        let mut by_local_id = vec![0; self.numbers.len()];
        for (number, local) in self.numbers.drain(..).zip(local_ids(&self.list_counts)) {
            by_local_id[local as usize] = number;
        }
        self.list_counts.clear();
        self.shards.push((shard, by_local_id));
        Ok(())
    }

    /// Adds all words and shards of another.
    fn absorb(&mut self, room: &Room, other: Self) -> Result<(), VocabError> {
        for number in 1..other.interner.end() as u32 {
            self.push(room, other.interner.word(number), other.counts[number as usize])?;
        }
        self.look_up(room)?;
        self.list_counts.clear();
        for (shard, mut numbers) in other.shards {
            numbers.iter_mut().for_each(|number| *number = self.numbers[*number as usize - 1]);
            self.shards.push((shard, numbers));
        }
        self.numbers.clear();
        Ok(())
    }

    /// Adds the next word of the current list.
    fn push(&mut self, room: &Room, word: &[u8], count: u64) -> Result<(), VocabError> {
        let place = self.numbers.len();
        self.numbers.push(0);
        self.list_counts.push(count);
        if let Some(word) = ShortWord::new(word) {
            (self.words[self.waiting], self.places[self.waiting]) = (word, place as u32);
            self.waiting += 1;
            return if self.waiting == BATCH { self.look_up(room) } else { Ok(()) };
        }
        self.make_room(room, word.len())?;
        let number = self.interner.add(word);
        self.numbers[place] = number;
        self.count(number, count);
        Ok(())
    }

    /// Gives the waiting words their numbers.
    fn look_up(&mut self, room: &Room) -> Result<(), VocabError> {
        self.make_room(room, 0)?;
        let likely = self.interner.likely(&self.words);
        for (at, likely) in likely.into_iter().enumerate().take(self.waiting) {
            let (word, place) = (self.words[at], self.places[at] as usize);
            let is_it = self.interner.add_likely(word, likely);
            let number = if is_it { likely } else { self.interner.add_short(word) };
            self.numbers[place] = number;
            self.count(number, self.list_counts[place]);
        }
        self.waiting = 0;
        Ok(())
    }

    fn count(&mut self, number: u32, count: u64) {
        let number = number as usize;
        if number >= self.counts.len() {
            self.counts.resize(number + 1, 0);
        }
        self.counts[number] += count;
    }

    /// Reserves memory for a batch of words, and for `bytes` of a long one.
    fn make_room(&mut self, room: &Room, bytes: usize) -> Result<(), OverBudget> {
        while self.interner.end() + BATCH > self.words_most {
            let is_full = self.words_most >= MOST;
            let step = if is_full { u64::MAX } else { (WORDS_STEP * WORD_BYTES) as u64 };
            self.memory.push(room.take(step)?);
            self.words_most += WORDS_STEP;
        }
        while self.interner.long_bytes() + bytes > self.long_bytes_most {
            let is_full = self.long_bytes_most >= MOST;
            let step = if is_full { u64::MAX } else { 2 * LONG_BYTES_STEP as u64 };
            self.memory.push(room.take(step)?);
            self.long_bytes_most += LONG_BYTES_STEP;
        }
        Ok(())
    }
}

impl Counted {
    /// The counts, except those of the kept words.
    pub(super) fn counts(&self) -> VocabularyCounts {
        VocabularyCounts {
            tokens: self.tally.counts.iter().sum(),
            distinct_words: self.tally.interner.end() as u64 - 1,
            ..VocabularyCounts::default()
        }
    }

    /// Removes the counts of words that may not be in the vocabulary.
    pub(super) fn leave_out(&mut self, config: &VocabularyJob, counts: &mut VocabularyCounts) {
        if config.admits_all() {
            return;
        }
        let Tally { interner, counts: of_words, .. } = &mut self.tally;
        for number in 1..interner.end() as u32 {
            let count = &mut of_words[number as usize];
            if !config.admits(interner.word(number), *count, counts) {
                *count = 0;
            }
        }
    }

    /// The most frequent word, the first in the order of bytes, and its count.
    pub(super) fn most(&self) -> MostFrequent {
        let Tally { interner, counts, .. } = &self.tally;
        let most = counts.iter().copied().max().unwrap_or(0);
        let numbers = (1..interner.end() as u32).filter(|number| counts[*number as usize] == most);
        let word = numbers.map(|number| interner.word(number)).min().unwrap_or_default();
        MostFrequent { count: most, word: word.to_vec() }
    }

    /// Ranks the kept words, and finds the ids of all.
    ///
    /// # Errors
    /// If the budget is too small for the kept words.
    pub(super) fn rank(
        self,
        ctx: &Context,
        config: &VocabularyJob,
    ) -> Result<(Ranked, KnownIds), VocabError> {
        let Tally { mut interner, counts, mut shards, memory, .. } = self.tally;
        let count = |number: u32| counts[number as usize];
        let numbers = 1..interner.end() as u32;
        let mut sorted = Vec::new();
        let least = config.min_count.max(1);
        interner.sort_those(numbers.filter(|n| count(*n) >= least), &mut sorted);
        let mut kept = Kept::new(ctx.budget.clone(), config.max_size);
        for number in &sorted {
            kept.push(interner.word(*number), count(*number))?;
        }
        let ranked = kept.rank();
        let (mut ids, mut place) = (vec![NO_WORD; interner.end()], 0);
        for number in &sorted {
            let id = ranked.find_from(&mut place, interner.word(*number));
            ids[*number as usize] = id.unwrap_or(NO_WORD);
        }
        shards.sort_unstable_by_key(|(shard, _)| *shard);
        let shards = shards.into_iter().map(|(_, numbers)| numbers).collect();
        Ok((ranked, KnownIds { shards, ids, _memory: (memory, self.lists_memory) }))
    }
}

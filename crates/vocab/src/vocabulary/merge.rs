//! Merging sorted word lists: equal words become one, their counts are added.
//!
//! A *merge* has the next word of each list; the least of them is next. At most [`FAN_IN`] lists are open at once. More
//! lists are first merged group by group into longer ones, with a group as a unit of work. The sums are whole numbers,
//! so grouping changes nothing.

use std::path::PathBuf;

use wordmill_flow::{Context, Label, Progress, StageProgress, Step, Unit, run_units};
use wordmill_formats::{RunDir, WordListReader, WordListWriter};

use crate::error::VocabError;

/// Lists that are open at once.
pub(crate) const FAN_IN: usize = 64;
/// Memory of an open list: a frame packed and unpacked, and its word.
pub(crate) const LIST_BYTES: u64 = 256 * 1024;

/// The order of two words, except long words with a common prefix: up to fifteen bytes, big-endian,
/// then the length, or [`LONG`] if there are more.
type Rank = u128;
/// Represents the length in the rank of a word of more than fifteen bytes.
const LONG: u8 = 0xff;

/// The lists with the least words on top: a tree of losers.
///
/// `losers[n]` is the list that lost the match at node `n`; `losers[0]` has won all of its own. A
/// list that advances plays again only on its way up, against one loser on each level.
struct Tournament {
    heads: Vec<Head>,
    losers: Vec<u32>,
}

/// An open list at its next word.
struct Head {
    reader: WordListReader,
    rank: Rank,
    count: u64,
    is_done: bool,
}

impl Head {
    fn advance(&mut self) -> Result<(), VocabError> {
        match self.reader.advance()? {
            Some(count) => (self.rank, self.count) = (rank(self.reader.word()), count),
            None => (self.rank, self.count, self.is_done) = (Rank::MAX, 0, true),
        }
        Ok(())
    }

    /// Whether both are at the same word.
    fn equals(&self, rank: Rank, word: &[u8]) -> bool {
        self.rank == rank && (rank as u8 != LONG || self.reader.word() == word)
    }
}

impl Tournament {
    fn new(run: &RunDir, lists: &[PathBuf]) -> Result<Self, VocabError> {
        let mut heads = Vec::with_capacity(lists.len());
        for list in lists {
            let reader = WordListReader::open(run.storage(), list)?;
            let mut head = Head { reader, rank: 0, count: 0, is_done: false };
            head.advance()?;
            heads.push(head);
        }
        let mut tournament = Self { losers: vec![0; heads.len()], heads };
        if !tournament.heads.is_empty() {
            tournament.losers[0] = tournament.play(1);
        }
        Ok(tournament)
    }

    /// Plays all matches below a node and returns the winner.
    fn play(&mut self, node: usize) -> u32 {
        if node >= self.heads.len() {
            return (node - self.heads.len()) as u32;
        }
        let (one, two) = (self.play(2 * node), self.play(2 * node + 1));
        let (winner, loser) = if self.is_before(one, two) { (one, two) } else { (two, one) };
        self.losers[node] = loser;
        winner
    }

    fn is_before(&self, one: u32, two: u32) -> bool {
        let (one, two) = (&self.heads[one as usize], &self.heads[two as usize]);
        if one.rank == two.rank && one.rank as u8 == LONG {
            return !one.is_done && (two.is_done || one.reader.word() < two.reader.word());
        }
        one.rank < two.rank
    }

    /// The list at the least word, unless all are done.
    fn least(&self) -> Option<&Head> {
        self.heads.get(*self.losers.first()? as usize).filter(|head| !head.is_done)
    }

    /// Takes the least list to its next word.
    fn advance(&mut self) -> Result<(), VocabError> {
        let mut winner = self.losers[0];
        self.heads[winner as usize].advance()?;
        let mut node = (winner as usize + self.heads.len()) / 2;
        while node > 0 {
            let loser = self.losers[node];
            if self.is_before(loser, winner) {
                self.losers[node] = winner;
                winner = loser;
            }
            node /= 2;
        }
        self.losers[0] = winner;
        Ok(())
    }
}

fn rank(word: &[u8]) -> Rank {
    let mut key = [0; 16];
    let len = word.len().min(15);
    key[1..=len].copy_from_slice(&word[..len]);
    key[1..].reverse();
    key[0] = if word.len() > 15 { LONG } else { len as u8 };
    Rank::from_le_bytes(key)
}

/// Calls `each` with every distinct word of the lists and the sum of its counts, in the order of
/// bytes.
pub(crate) fn merge_lists(
    run: &RunDir,
    lists: &[PathBuf],
    mut each: impl FnMut(&[u8], u64) -> Result<(), VocabError>,
) -> Result<(), VocabError> {
    let mut tournament = Tournament::new(run, lists)?;
    let mut word = Vec::new();
    while let Some(least) = tournament.least() {
        let (rank, mut sum) = (least.rank, 0);
        word.clear();
        word.extend_from_slice(least.reader.word());
        while let Some(next) = tournament.least().filter(|next| next.equals(rank, &word)) {
            sum += next.count;
            tournament.advance()?;
        }
        each(&word, sum)?;
    }
    Ok(())
}

/// Merges groups of lists until at most `fan_in` are left, and returns them. New lists have names with this prefix.
pub(crate) fn narrow(
    ctx: &Context,
    run: &RunDir,
    begin: &str,
    mut lists: Vec<PathBuf>,
    fan_in: usize,
) -> Result<Vec<PathBuf>, VocabError> {
    let mut pass = 0;
    while lists.len() > fan_in {
        let per_group = LIST_BYTES * fan_in as u64;
        let workers = (1..=ctx.threads)
            .rev()
            .find(|n| per_group * *n as u64 <= ctx.budget.left())
            .unwrap_or(1);
        let _memory = ctx.budget.reserve(per_group * workers as u64, "merging word lists")?;
        let step = Narrowing { run, begin, pass, groups: lists.chunks(fan_in).collect() };
        let merged = run_units(ctx, &step, workers, &step.unseen())?;
        for old in lists.iter().filter(|_| pass > 0) {
            run.remove(old)?;
        }
        lists = merged;
        pass += 1;
    }
    Ok(lists)
}

/// The step: a longer list for each group. The caller begins from scratch and removes existing files, so nothing is
/// kept.
pub(super) struct Narrowing<'a> {
    pub run: &'a RunDir,
    /// Prefix of the names of new lists.
    pub begin: &'a str,
    pub pass: u32,
    pub groups: Vec<&'a [PathBuf]>,
}

impl Narrowing<'_> {
    /// It is a part of other work, and reports no progress.
    fn unseen(&self) -> StageProgress {
        let Label { stage, noun, .. } = self.label();
        Progress::silent().stage(stage, noun, self.total())
    }

    fn path(&self, group: usize) -> PathBuf {
        self.run.path(&format!("{}-{}-{group:05}.words", self.begin, self.pass))
    }
}

impl Step for Narrowing<'_> {
    type Done = PathBuf;
    type Error = VocabError;

    fn label(&self) -> Label {
        Label { stage: "merge-words", threads: "merge-words", noun: "lists" }
    }

    fn units(&self) -> usize {
        self.groups.len()
    }

    fn unit(&self, group: usize) -> Unit {
        Unit {
            name: format!("merge-words/{}-{group:05}", self.pass),
            reads: self.groups[group].to_vec(),
            writes: vec![self.path(group)],
        }
    }

    fn finished(&self, _: usize) -> Result<Option<PathBuf>, VocabError> {
        Ok(None)
    }

    fn make(&self, group: usize, _: &StageProgress) -> Result<PathBuf, VocabError> {
        let path = self.path(group);
        let mut writer = WordListWriter::create(self.run.storage(), &path)?;
        merge_lists(self.run, self.groups[group], |word, count| Ok(writer.push(word, count)?))?;
        writer.finish()?;
        Ok(path)
    }
}

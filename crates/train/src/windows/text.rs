//! Token shards as kept words in order: decoded a frame at a time, remapped, subsampled.
//!
//! A *place* is a kept word or [`END`], the end of a line. A word that is dropped, by subsampling or
//! because it is not in the vocabulary, leaves no gap, as in word2vec, so windows reach over it. Whether
//! an occurrence stays depends on the seed, the epoch, its shard and its number there, so a reader that
//! begins again reads the same. A line that continues in the next shard, which is a line longer than a
//! chunk of the corpus, is cut there.
//!
//! Text is held out by the *stretch*: a line, or each thousand words of a longer one, by a hash of its place and the
//! seed. A reader returns either the held-out stretches or all others, with an end of a line in place of the other
//! part.

use std::ops::Range;

use wordmill_formats::{FormatError, LINE_END, NO_WORD, RunDir, ShardId, TokenShard, read_remap};
use wordmill_kernels::random::{at, finalize};

use super::config::WindowsConfig;
use crate::objective::subsampling::Subsampling;

/// The end of a line among places.
pub(crate) const END: u32 = u32::MAX;

/// Used in place of an epoch by a reader of held-out text.
pub(crate) const LOOK: u32 = u32::MAX;
/// Words of the longest stretch.
const STRETCH: u32 = 1000;

/// All buffered places, and which of them are returned as centres.
pub(crate) type Piece<'a> = (&'a [u32], Range<usize>);

/// What all readers of an epoch have in common.
pub(crate) struct Texts<'a> {
    dir: &'a RunDir,
    shards: &'a [ShardId],
    /// For each word: an occurrence stays if 32 random bits are below this.
    limits: Vec<u64>,
    /// Words to be seen on each side of a place.
    reach: usize,
    seed: u64,
    /// A stretch is held out if 64 random bits are below this.
    held_limit: u64,
}

/// A shard being read.
pub(crate) struct Reader {
    file: TokenShard,
    remap: Vec<u32>,
    key: u64,
    held: Option<HeldOut>,
    frame: usize,
    /// Tokens and line ends decoded so far.
    items: u64,
    places: Vec<u32>,
    /// The first place that has not been returned.
    at: usize,
    buffer: Vec<u8>,
    ids: Vec<u32>,
}

/// Which stretches a reader skips.
struct HeldOut {
    key: u64,
    limit: u64,
    /// Whether it reads the held-out ones.
    is_wanted: bool,
    /// Whether the current stretch is held out, and its number of words so far.
    is_held: bool,
    words: u32,
}

/// How a text is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    /// The share above which frequent words are subsampled; 0 keeps all.
    pub subsample: f64,
    /// Words on each side.
    pub window: u32,
    /// Seed.
    pub seed: u64,
}

impl Reading {
    pub fn new(config: &WindowsConfig, seed: u64) -> Self {
        Self { subsample: config.text.subsample, window: config.text.window, seed }
    }
}

impl<'a> Texts<'a> {
    pub fn new(dir: &'a RunDir, shards: &'a [ShardId], counts: &[u64], config: Reading) -> Self {
        let Reading { subsample, window, seed } = config;
        let keep = Subsampling::keep_probabilities(counts, subsample).into_iter();
        let limits = keep.map(|keep| (f64::from(keep) * 4_294_967_296.0) as u64).collect();
        Self { dir, shards, limits, reach: window as usize, seed, held_limit: 0 }
    }

    /// The same with a share of the text held out.
    pub fn hold_out(self, share: f64) -> Self {
        Self { held_limit: (share * u64::MAX as f64) as u64, ..self }
    }

    /// The expected number of words that an epoch keeps.
    pub fn expected_words(&self, counts: &[u64]) -> f64 {
        let kept = |(&count, &limit): (&u64, &u64)| count as f64 * (limit as f64 / 4_294_967_296.0);
        counts.iter().zip(&self.limits).map(kept).sum()
    }

    /// Begins shard number `shard` in an epoch, without its held-out stretches.
    pub fn open(&self, epoch: u32, shard: u32) -> Result<Reader, FormatError> {
        self.open_part(epoch, shard, false)
    }

    /// Begins the held-out stretches of shard number `shard`.
    pub fn open_held(&self, shard: u32) -> Result<Reader, FormatError> {
        self.open_part(LOOK, shard, true)
    }

    fn open_part(&self, epoch: u32, shard: u32, is_wanted: bool) -> Result<Reader, FormatError> {
        let id = self.shards[shard as usize];
        let file = TokenShard::open(self.dir.storage(), &self.dir.token_shard(id))?;
        let path = self.dir.remap(id);
        let remap = read_remap(self.dir.storage(), &path, self.limits.len() as u32)?;
        if remap.len() != file.local_words() as usize {
            let what = format!("{} words, its token shard has {}", remap.len(), file.local_words());
            return Err(FormatError::corrupt(&path, 0, what));
        }
        let key = |epoch: u32| {
            finalize(self.seed ^ finalize(u64::from(epoch) << 32 ^ finalize(u64::from(shard))))
        };
        let held = (self.held_limit > 0 || is_wanted).then(|| HeldOut {
            key: finalize(key(LOOK) ^ 0x6865_6c64),
            limit: self.held_limit,
            is_wanted,
            is_held: is_wanted,
            words: 0,
        });
        Ok(Reader {
            file,
            remap,
            key: key(epoch),
            held,
            frame: 0,
            items: 0,
            places: Vec::new(),
            at: 0,
            buffer: Vec::new(),
            ids: Vec::new(),
        })
    }
}

impl Reader {
    /// The next places, about `len` of them, with those around them: all places, and which of them are
    /// centres. `None` at the end of the shard.
    pub fn next(
        &mut self,
        texts: &Texts<'_>,
        len: usize,
    ) -> Result<Option<Piece<'_>>, FormatError> {
        while self.places.len() < self.at + len + texts.reach && self.frame < self.file.frames() {
            self.decode(texts)?;
        }
        let first = self.at;
        self.at = self.places.len().min(first + len);
        Ok((first < self.at).then_some((&self.places[..], first..self.at)))
    }

    /// Drops places that are no longer needed, and appends those of the next frame.
    fn decode(&mut self, texts: &Texts<'_>) -> Result<(), FormatError> {
        let seen = self.at.saturating_sub(texts.reach);
        self.places.drain(..seen);
        self.at -= seen;
        self.file.read(self.frame, &mut self.buffer, &mut self.ids)?;
        self.frame += 1;
        for &id in &self.ids {
            self.items += 1;
            if let Some(held) = &mut self.held {
                match held.pass(id == LINE_END, self.items) {
                    Passed::Inside => {}
                    Passed::Other => continue,
                    Passed::Edge(goes_on) => {
                        if self.places.last().is_some_and(|&last| last != END) {
                            self.places.push(END);
                        }
                        if !goes_on {
                            continue;
                        }
                    }
                }
            } else if id == LINE_END {
                self.places.push(END);
                continue;
            }
            let word = self.remap[id as usize];
            if word != NO_WORD && self.keeps(texts.limits[word as usize]) {
                self.places.push(word);
            }
        }
        Ok(())
    }

    #[inline]
    fn keeps(&self, limit: u64) -> bool {
        let draw = || at(self.key, self.items);
        limit >> 32 > 0 || draw() >> 32 < limit
    }
}

/// How a reader of one part of the text treats an item.
enum Passed {
    /// A word of its part.
    Inside,
    /// A word of the other part.
    Other,
    /// The end of a stretch: of a line, or before a word that begins another one, which belongs to its part or
    /// not.
    Edge(bool),
}

impl HeldOut {
    fn pass(&mut self, is_end: bool, item: u64) -> Passed {
        if is_end {
            self.words = 0;
            return Passed::Edge(false);
        }
        let before = self.is_held;
        if self.words == 0 {
            self.is_held = finalize(self.key ^ finalize(item)) < self.limit;
        }
        self.words = (self.words + 1) % STRETCH;
        let is_ours = self.is_held == self.is_wanted;
        match before == self.is_held {
            false => Passed::Edge(is_ours),
            true if is_ours => Passed::Inside,
            true => Passed::Other,
        }
    }
}

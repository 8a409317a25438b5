//! Token shards as kept words in order: decoded a frame at a time, remapped, thinned out.
//!
//! A *place* is a kept word or [`END`], the end of a line. A word that is not in the vocabulary or thinned
//! out leaves no gap, as in word2vec, so windows reach over it. Whether an occurrence stays depends on
//! the seed, the epoch, its shard and its number there, so a reader that begins again reads the same. A
//! line that goes on in the next shard is cut there: a line longer than a chunk of the corpus.

use std::ops::Range;

use wordmill_formats::{
    FormatError, LINE_END, NO_WORD, RunDir, ShardId, TokenShard, mix, read_remap,
};

use crate::discount::Discount;

/// The end of a line among places.
pub(crate) const END: u32 = u32::MAX;

/// All places that are there, and which of them are handed out.
pub(crate) type Piece<'a> = (&'a [u32], Range<usize>);

/// What all readers of an epoch have in common.
pub(crate) struct Texts<'a> {
    dir: &'a RunDir,
    shards: &'a [ShardId],
    /// Of each word: an occurrence stays if 32 random bits are below this.
    limits: Vec<u64>,
    /// Words to be seen on each side of a place.
    reach: usize,
    seed: u64,
}

/// A shard being read.
pub(crate) struct Reader {
    file: TokenShard,
    remap: Vec<u32>,
    key: u64,
    frame: usize,
    /// Tokens and line ends decoded so far.
    items: u64,
    places: Vec<u32>,
    /// The first place that has not been handed out.
    at: usize,
    buffer: Vec<u8>,
    ids: Vec<u32>,
}

impl<'a> Texts<'a> {
    pub fn new(
        (dir, shards): (&'a RunDir, &'a [ShardId]),
        counts: &[u64],
        (subsample, window, seed): (f64, u32, u64),
    ) -> Self {
        let keep = Discount::keep(counts, subsample).into_iter();
        let limits = keep.map(|keep| (f64::from(keep) * 4_294_967_296.0) as u64).collect();
        Self { dir, shards, limits, reach: window as usize, seed }
    }

    /// How many words an epoch is expected to keep.
    pub fn expected_words(&self, counts: &[u64]) -> f64 {
        let kept = |(&count, &limit): (&u64, &u64)| count as f64 * (limit as f64 / 4_294_967_296.0);
        counts.iter().zip(&self.limits).map(kept).sum()
    }

    /// Begins shard number `shard` in an epoch.
    pub fn open(&self, epoch: u32, shard: u32) -> Result<Reader, FormatError> {
        let id = self.shards[shard as usize];
        let file = TokenShard::open(self.dir.storage(), &self.dir.token_shard(id))?;
        let path = self.dir.remap(id);
        let remap = read_remap(self.dir.storage(), &path, self.limits.len() as u32)?;
        if remap.len() != file.local_words() as usize {
            let what = format!("{} words, its token shard has {}", remap.len(), file.local_words());
            return Err(FormatError::corrupt(&path, 0, what));
        }
        let key = mix(self.seed ^ mix(u64::from(epoch) << 32 ^ mix(u64::from(shard))));
        Ok(Reader {
            file,
            remap,
            key,
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
    /// handed out. `None` at the end of the shard.
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

    /// Lets go of places that nobody sees any more, and appends those of the next frame.
    fn decode(&mut self, texts: &Texts<'_>) -> Result<(), FormatError> {
        let seen = self.at.saturating_sub(texts.reach);
        self.places.drain(..seen);
        self.at -= seen;
        self.file.read(self.frame, &mut self.buffer, &mut self.ids)?;
        self.frame += 1;
        for &id in &self.ids {
            self.items += 1;
            if id == LINE_END {
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
        let draw = || mix(self.key.wrapping_add(self.items.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        limit >> 32 > 0 || draw() >> 32 < limit
    }
}

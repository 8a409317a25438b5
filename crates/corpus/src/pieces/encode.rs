//! One token shard written anew in terms of pieces: its word list is cut, and each token becomes those of its word.

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use wordmill_formats::{LINE_END, TokenShard, TokenShardWriter};

use super::Cut;
use crate::error::CorpusError;
use crate::rewrite::{Numbered, Rewriting, Rewritten, places};

/// Memory of a word: where its pieces stand, two or three numbers of pieces; its pieces by name and number, in a table and in two
/// orders, both twice while they grow.
const WORD_BYTES: u64 = 320;
/// Memory of frames being read and written.
const FIXED_BYTES: u64 = 4 << 20;

/// Memory that a shard of so many words takes.
pub(super) fn needed_bytes(local_words: u64) -> u64 {
    FIXED_BYTES + WORD_BYTES * local_words
}

/// The pieces of the words of a shard.
#[derive(Default)]
struct Cutting {
    numbers: HashMap<Box<str>, u32, RandomState>,
    /// Occurrences of each piece.
    counts: Vec<u64>,
    /// Numbers of the pieces of all words, by place in the list; where those of each end.
    pieces: Vec<u32>,
    ends: Vec<u32>,
    list_counts: Vec<u64>,
    left_out: u64,
}

/// What says how many pieces were left out, in the footer of a shard.
pub(super) const LEFT_OUT: &str = "left_out";

/// The shard of pieces, and how many of them were left out; the one that is there if it fits.
pub(super) fn shard(job: &Rewriting<'_>, cutter: &dyn Cut) -> Result<Rewritten, CorpusError> {
    if let Some(found) = job.existing() {
        return Ok(found);
    }
    let cutting = Cutting::of(job, cutter)?;
    let source = job.source()?;
    let names = cutting.numbers.iter().map(|(name, number)| (name.as_bytes(), *number)).collect();
    let words = Numbered { names, counts: &cutting.counts };
    job.publish((words, job.row.counts.lines, cutting.left_out), &source, |ids, tokens| {
        cutting.write(&source, ids, tokens)
    })
}

impl Cutting {
    fn of(job: &Rewriting<'_>, cutter: &dyn Cut) -> Result<Self, CorpusError> {
        let mut cutting = Self::default();
        job.for_each_word(|word, count| {
            let left_out = cutter.cut(word, &mut |piece| cutting.piece(piece, count));
            cutting.left_out += left_out * count;
            cutting.ends.push(cutting.pieces.len() as u32);
            cutting.list_counts.push(count);
            Ok(())
        })?;
        Ok(cutting)
    }

    fn piece(&mut self, piece: &str, count: u64) {
        let number = match self.numbers.get(piece) {
            Some(number) => *number,
            None => {
                let number = self.counts.len() as u32;
                self.numbers.insert(piece.into(), number);
                self.counts.push(0);
                number
            }
        };
        self.counts[number as usize] += count;
        self.pieces.push(number);
    }

    /// Writes the pieces of all tokens; `ids` are the local ids of pieces by number.
    fn write(
        &self,
        source: &TokenShard,
        ids: &[u32],
        tokens: &mut TokenShardWriter,
    ) -> Result<(), CorpusError> {
        let places = places(&self.list_counts);
        let starts = [0].into_iter().chain(self.ends.iter().copied());
        let starts: Vec<u32> = starts.collect();
        let (mut buffer, mut words, mut out) = (Vec::new(), Vec::new(), Vec::new());
        for frame in 0..source.frames() {
            source.read(frame, &mut buffer, &mut words)?;
            out.clear();
            for word in &words {
                if *word == LINE_END {
                    out.push(LINE_END);
                    continue;
                }
                let place = *places
                    .get(*word as usize)
                    .ok_or_else(|| source.file().bad_frame(frame, "more words than its list"))?;
                let pieces = starts[place as usize] as usize..starts[place as usize + 1] as usize;
                out.extend(self.pieces[pieces].iter().map(|number| ids[*number as usize]));
            }
            tokens.tokens(&out)?;
        }
        Ok(())
    }
}

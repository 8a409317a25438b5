//! Rewrites one token shard in terms of pieces: its word list is cut, and each token becomes those of its word.

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use wordmill_formats::{LINE_END, TokenShardWriter};

use super::model::Cut;
use crate::error::VocabError;
use crate::rewrite::{Contents, Numbered, Read, Rewriting, Rewritten};

/// Memory of a word: its name and count, the range of its pieces, two or three numbers of pieces; its pieces by name
/// and number, in a table and in two orders, both twice while they grow.
const WORD_BYTES: u64 = 340;
/// Memory of frames being read and written.
const FIXED_BYTES: u64 = 4 << 20;

/// Memory for a shard of this many words.
pub(super) fn needed_bytes(local_words: u64) -> u64 {
    FIXED_BYTES + WORD_BYTES * local_words
}

/// The pieces of the words of a shard.
#[derive(Default)]
struct Cutting {
    numbers: HashMap<Box<str>, u32, RandomState>,
    /// Occurrences of each piece.
    counts: Vec<u64>,
    /// Numbers of the pieces of all words, by index in the list, and where those of each word end.
    pieces: Vec<u32>,
    ends: Vec<u32>,
    left_out: u64,
}

/// The key of the number of dropped pieces, in the footer of a shard.
pub(super) const LEFT_OUT: &str = "left_out";

/// The shard of pieces, and the number of dropped ones.
pub(super) fn shard(job: &Rewriting<'_>, cutter: &dyn Cut) -> Result<Rewritten, VocabError> {
    let read = job.read()?;
    let cutting = Cutting::of(&read, cutter);
    let names = cutting.numbers.iter().map(|(name, number)| (&**name, *number)).collect();
    let contents = Contents {
        words: Numbered { names, counts: &cutting.counts },
        lines: job.row.counts.lines,
        continues_line: read.source.continues_line(),
        counted: cutting.left_out,
    };
    job.publish(contents, |ids, tokens| cutting.write(&read, ids, tokens))
}

impl Cutting {
    fn of(read: &Read, cutter: &dyn Cut) -> Self {
        let mut cutting = Self::default();
        for (word, count) in read.words.iter().zip(&read.counts) {
            let left_out = cutter.cut(word, &mut |piece| cutting.piece(piece, *count));
            cutting.left_out += left_out * count;
            cutting.ends.push(cutting.pieces.len() as u32);
        }
        cutting
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
        read: &Read,
        ids: &[u32],
        tokens: &mut TokenShardWriter,
    ) -> Result<(), VocabError> {
        let starts = [0].into_iter().chain(self.ends.iter().copied());
        let starts: Vec<u32> = starts.collect();
        let (mut buffer, mut places, mut out) = (Vec::new(), Vec::new(), Vec::new());
        for frame in 0..read.source.frames() {
            read.frame(frame, &mut buffer, &mut places)?;
            out.clear();
            for place in &places {
                if *place == LINE_END {
                    out.push(LINE_END);
                    continue;
                }
                let place = *place as usize;
                let pieces = &self.pieces[starts[place] as usize..starts[place + 1] as usize];
                out.extend(pieces.iter().map(|number| ids[*number as usize]));
            }
            tokens.tokens(&out)?;
        }
        Ok(())
    }
}

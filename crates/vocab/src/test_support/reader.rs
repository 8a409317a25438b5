//! Token shards read back as ids of the vocabulary, frame by frame.
//!
//! A *reader* returns the tokens of one shard with [`LINE_END`] after each line. A line may
//! continue in the next shard ([`TokenShardReader::continues_line`]); [`line_before`] returns the
//! words of earlier shards that a window needs. Nothing is counted.

use wordmill_formats::{FormatError, LINE_END, NO_WORD, ShardId, TokenShard, read_remap};

use crate::error::VocabError;
use crate::vocabulary::Vocabulary;

/// Represents a word that is not in the vocabulary, if such words are marked.
pub const OUT_OF_VOCABULARY: u32 = u32::MAX - 1;

/// What to do with a token whose word is not in the vocabulary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnknownWords {
    /// Leave it out: the words around it become neighbours.
    Drop,
    /// Replace it by [`OUT_OF_VOCABULARY`], which keeps its place.
    Mark,
}

/// The tokens of one shard.
pub struct TokenShardReader {
    shard: TokenShard,
    /// Id of each local word; unknown ones by `unknown`, where dropped ones are [`NO_WORD`].
    remap: Vec<u32>,
    unknown: UnknownWords,
    next_frame: usize,
    buffer: Vec<u8>,
    ids: Vec<u32>,
}

impl TokenShardReader {
    /// Opens a shard with its remap. Its memory is four bytes a local word and a frame.
    ///
    /// # Errors
    /// For a file that is missing, damaged, or of another vocabulary.
    pub fn open(
        vocabulary: &Vocabulary,
        shard: ShardId,
        unknown: UnknownWords,
    ) -> Result<Self, VocabError> {
        let run = vocabulary.run();
        let tokens = TokenShard::open(run.storage(), &run.token_shard(shard))?;
        let path = run.remap(shard);
        let mut remap = read_remap(run.storage(), &path, vocabulary.len() as u32)?;
        if remap.len() != tokens.local_words() as usize {
            let what = format!(
                "it has {} ids for {} words of its shard",
                remap.len(),
                tokens.local_words()
            );
            return Err(FormatError::corrupt(&path, 0, what).into());
        }
        if unknown == UnknownWords::Mark {
            remap.iter_mut().filter(|id| **id == NO_WORD).for_each(|id| *id = OUT_OF_VOCABULARY);
        }
        Ok(Self {
            shard: tokens,
            remap,
            unknown,
            next_frame: 0,
            buffer: Vec::new(),
            ids: Vec::new(),
        })
    }

    /// Whether the shard begins within the last line of the shard before.
    #[must_use]
    pub fn continues_line(&self) -> bool {
        self.shard.continues_line()
    }

    /// Number of frames.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.shard.frames()
    }

    /// The next ids of the vocabulary, with [`LINE_END`] after each line that ends here; `None` at
    /// the end. Returns up to [`wordmill_formats::FRAME_TOKENS`] at a time, so a line may come in
    /// several parts.
    ///
    /// # Errors
    /// For a damaged frame.
    pub fn next_frame(&mut self) -> Result<Option<&[u32]>, VocabError> {
        if self.next_frame == self.shard.frames() {
            return Ok(None);
        }
        self.next_frame += 1;
        self.frame(self.next_frame - 1).map(Some)
    }

    /// The ids of any one frame.
    ///
    /// # Errors
    /// For a damaged frame.
    pub fn frame(&mut self, frame: usize) -> Result<&[u32], VocabError> {
        self.shard.read(frame, &mut self.buffer, &mut self.ids)?;
        let remap = &self.remap;
        let global = |id: u32| {
            if id == LINE_END { LINE_END } else { remap[id as usize] }
        };
        if self.unknown == UnknownWords::Mark {
            self.ids.iter_mut().for_each(|id| *id = global(*id));
            return Ok(&self.ids);
        }
        // A dropped word and a line end have the same number, so they are distinguished before they
        // are mapped.
        let mut kept = 0;
        for at in 0..self.ids.len() {
            let local = self.ids[at];
            let id = global(local);
            self.ids[kept] = id;
            kept += usize::from(id != NO_WORD || local == LINE_END);
        }
        self.ids.truncate(kept);
        Ok(&self.ids)
    }
}

/// The last ids before shard number `shard` that belong to the line it continues: at most `words` of them,
/// oldest first; none if it begins a line. Reads as many earlier shards as needed.
///
/// # Errors
/// For a file that is missing or damaged.
pub fn line_before(
    vocabulary: &Vocabulary,
    shard: usize,
    words: usize,
    unknown: UnknownWords,
) -> Result<Vec<u32>, VocabError> {
    let run = vocabulary.run();
    let mut newest_first = Vec::with_capacity(words);
    let mut shard = shard;
    let shards = vocabulary.shards();
    while shard > 0
        && newest_first.len() < words
        && TokenShard::open(run.storage(), &run.token_shard(shards[shard]))?.continues_line()
    {
        shard -= 1;
        let mut reader = TokenShardReader::open(vocabulary, shards[shard], unknown)?;
        if take_tail(&mut reader, words, &mut newest_first)? {
            break;
        }
    }
    newest_first.reverse();
    Ok(newest_first)
}

/// Prepends ids from the end of a shard; `true` if its last line begins in it.
fn take_tail(
    reader: &mut TokenShardReader,
    words: usize,
    newest_first: &mut Vec<u32>,
) -> Result<bool, VocabError> {
    for frame in (0..reader.frames()).rev() {
        for id in reader.frame(frame)?.iter().rev() {
            if *id == LINE_END {
                return Ok(true);
            }
            if newest_first.len() == words {
                return Ok(true);
            }
            newest_first.push(*id);
        }
    }
    Ok(false)
}

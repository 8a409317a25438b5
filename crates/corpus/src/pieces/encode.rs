//! One token shard written anew in terms of pieces: its word list is cut, and each token becomes those of its word.

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use wordmill_formats::{
    FormatError, LINE_END, RunDir, TokenShard, TokenShardWriter, WordListReader, WordListWriter,
    local_ids,
};

use super::{Cut, Encoded, counts_of_pieces, shard_paths};
use crate::error::CorpusError;
use crate::shard::{ShardRow, TokenCounts, published};

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
    tokens: u64,
    left_out: u64,
}

/// What says how many pieces were left out, in the footer of a shard.
const LEFT_OUT: &str = "left_out";

/// The shard of pieces, and how many of them were left out; the one that is there if it fits.
pub(super) fn shard(
    run: &RunDir,
    folder: &RunDir,
    row: &ShardRow,
    cutter: &dyn Cut,
    made_of: &str,
) -> Result<Encoded, CorpusError> {
    let made_of = format!("{made_of} {:016x} {:016x}", row.tokens.xxh3, row.words.xxh3);
    if let Some(found) = existing(folder, row, &made_of) {
        return Ok(found);
    }
    let cutting = Cutting::of(run, row, cutter)?;
    let mut sorted: Vec<(&str, u32)> = cutting.numbers.iter().map(|(p, n)| (&**p, *n)).collect();
    sorted.sort_unstable();
    let [tokens_path, words_path] = shard_paths(folder, row.id);
    let mut words = WordListWriter::create(folder.storage(), &words_path)?;
    for (piece, number) in &sorted {
        words.push(piece.as_bytes(), cutting.counts[*number as usize])?;
    }
    let by_place: Vec<u64> =
        sorted.iter().map(|(_, number)| cutting.counts[*number as usize]).collect();
    let mut ids = vec![0; sorted.len()];
    for ((_, number), id) in sorted.iter().zip(local_ids(&by_place)) {
        ids[*number as usize] = id;
    }
    let source = TokenShard::open(run.storage(), &run.token_shard(row.id))?;
    let (local_words, continues) = (sorted.len() as u32, source.continues_line());
    let mut tokens =
        TokenShardWriter::create(folder.storage(), &tokens_path, local_words, continues)?;
    cutting.write(&source, &ids, &mut tokens)?;
    let counts = counts_of_pieces(&row.counts, cutting.tokens, u64::from(local_words));
    for (key, value) in counts.rows().into_iter().filter(|(key, _)| *key != "local_words") {
        tokens.set(key, value);
    }
    tokens.set(LEFT_OUT, cutting.left_out);
    tokens.set("made_of", &made_of);
    words.set("made_of", &made_of);
    let words = words.finish()?;
    let tokens = tokens.finish()?;
    Ok((ShardRow { id: row.id, counts, tokens, words }, cutting.left_out))
}

/// The row of a shard that is there and made of the same.
fn existing(folder: &RunDir, row: &ShardRow, made_of: &str) -> Option<Encoded> {
    let [tokens_path, words_path] = shard_paths(folder, row.id);
    let tokens = TokenShard::open(folder.storage(), &tokens_path).ok()?;
    let words = WordListReader::open(folder.storage(), &words_path).ok()?;
    let (tokens, words) = (tokens.file(), words.file());
    let fits = [tokens, words].iter().all(|file| file.setting("made_of") == Some(made_of));
    let counts = fits.then(|| TokenCounts::read(tokens).ok())??;
    let left_out = tokens.number(LEFT_OUT).ok()?;
    let (id, tokens, words) = (row.id, published(tokens), published(words));
    Some((ShardRow { id, counts, tokens, words }, left_out))
}

impl Cutting {
    fn of(run: &RunDir, row: &ShardRow, cutter: &dyn Cut) -> Result<Self, CorpusError> {
        let path = run.word_list(row.id);
        let mut list = WordListReader::open(run.storage(), &path)?;
        let mut cutting = Self::default();
        while let Some(count) = list.advance()? {
            let word = std::str::from_utf8(list.word())
                .map_err(|_| FormatError::corrupt(&path, 0, "a word is not UTF-8"))?;
            let left_out = cutter.cut(word, &mut |piece| cutting.piece(piece, count));
            cutting.left_out += left_out * count;
            cutting.ends.push(cutting.pieces.len() as u32);
            cutting.list_counts.push(count);
        }
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
        self.tokens += count;
        self.pieces.push(number);
    }

    /// Writes the pieces of all tokens; `ids` are the local ids of pieces by number.
    fn write(
        &self,
        source: &TokenShard,
        ids: &[u32],
        tokens: &mut TokenShardWriter,
    ) -> Result<(), FormatError> {
        let mut places = vec![0; self.list_counts.len()];
        for (place, local) in local_ids(&self.list_counts).into_iter().enumerate() {
            places[local as usize] = place;
        }
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
                let pieces = starts[place] as usize..starts[place + 1] as usize;
                out.extend(self.pieces[pieces].iter().map(|number| ids[*number as usize]));
            }
            tokens.tokens(&out)?;
        }
        Ok(())
    }
}

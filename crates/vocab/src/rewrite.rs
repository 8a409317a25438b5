//! Rewrites token shards as other token shards: words cut into pieces, repeated lines dropped, phrases joined.
//!
//! Such a stage reads the shards, not the text, and for each writes one of the same id into its own folder. A *maker*
//! returns the tokens of the new shard as its own *numbers*. This module does the rest, which is the same for every
//! maker: the word list, local ids, counts, and recognising the shard of an interrupted process. It is a step with one
//! unit of work per shard.

use std::path::PathBuf;

use wordmill_flow::{Context, Label, Reservation, StageProgress, Step, Unit, run_step};
use wordmill_formats::{
    FormatError, LINE_END, RunDir, ShardId, TokenShard, TokenShardWriter, WordListReader,
    WordListWriter, local_ids,
};

use crate::error::VocabError;
use crate::shard::{ShardRow, TokenCounts, published};
use crate::shards::{TokenShards, sweep};

/// The key of a file's source, in a footer. The value of a rewritten shard ends with the digests of the tokens and
/// words of its source.
pub const MADE_OF: &str = "made_of";

/// One shard to be rewritten.
pub(crate) struct Rewriting<'a> {
    /// The run of the source.
    run: &'a RunDir,
    /// The run of the new shard.
    folder: &'a RunDir,
    /// The source.
    pub row: &'a ShardRow,
    /// A fingerprint of what else it depends on.
    made_of: &'a str,
    /// The footer key of the maker's own count.
    counted: &'static str,
}

/// The row of a shard, and the maker's own count.
pub(crate) type Rewritten = (ShardRow, u64);

/// The words of a new shard by number, each with its occurrences.
pub(crate) struct Numbered<'a> {
    /// Names with their numbers, in any order, each once.
    pub names: Vec<(&'a str, u32)>,
    /// Occurrences of each number; a word without any is left out.
    pub counts: &'a [u64],
}

/// Properties of a new shard beside its tokens.
pub(crate) struct Contents<'a> {
    pub words: Numbered<'a>,
    /// Number of lines that begin in it.
    pub lines: u64,
    /// Whether it continues a line.
    pub continues_line: bool,
    /// The maker's own count.
    pub counted: u64,
}

/// The step: rewrites some shards, one unit each.
pub(crate) struct Rewrite<'a, F> {
    /// Name of its progress and its threads.
    pub stage: &'static str,
    pub shards: &'a TokenShards,
    /// The run of the new shards.
    pub folder: RunDir,
    /// A fingerprint of what they depend on beside their sources.
    pub made_of: String,
    /// The footer key of the maker's own count.
    pub counted: &'static str,
    /// Files that all new shards depend on beside their sources.
    pub also_reads: Vec<PathBuf>,
    /// The maker, which also gets the index of the shard.
    pub make: F,
}

/// Makes all shards of a step, and their index. Finished files of an interrupted process are kept.
pub(crate) fn rewrite<F>(
    ctx: &Context,
    workers: usize,
    step: Rewrite<'_, F>,
) -> Result<(TokenShards, u64), VocabError>
where
    F: Fn(&Rewriting<'_>, usize) -> Result<Rewritten, VocabError> + Sync,
{
    let rows = run_step(ctx, &step, workers)?;
    let counted = rows.iter().map(|(_, counted)| counted).sum();
    let mut made = TokenShards::of(step.folder, rows.into_iter().map(|(row, _)| row).collect());
    sweep(made.run(), &made)?;
    made.publish()?;
    Ok((made, counted))
}

impl<F> Step for Rewrite<'_, F>
where
    F: Fn(&Rewriting<'_>, usize) -> Result<Rewritten, VocabError> + Sync,
{
    type Done = Rewritten;
    type Error = VocabError;

    fn label(&self) -> Label {
        Label { stage: self.stage, threads: self.stage, noun: "shards" }
    }

    fn units(&self) -> usize {
        self.shards.len()
    }

    fn unit(&self, at: usize) -> Unit {
        let (run, id) = (self.shards.run(), self.shards.ids()[at]);
        let source = [run.token_shard(id), run.word_list(id)];
        Unit {
            name: format!("{}/{id}", self.stage),
            reads: source.into_iter().chain(self.also_reads.iter().cloned()).collect(),
            writes: shard_paths(&self.folder, id).into(),
        }
    }

    fn finished(&self, at: usize) -> Result<Option<Rewritten>, VocabError> {
        Ok(self.rewriting(at).existing())
    }

    fn make(&self, at: usize, _: &StageProgress) -> Result<Rewritten, VocabError> {
        (self.make)(&self.rewriting(at), at)
    }
}

impl<F> Rewrite<'_, F> {
    fn rewriting(&self, at: usize) -> Rewriting<'_> {
        let Self { shards, folder, made_of, counted, .. } = self;
        Rewriting { run: shards.run(), folder, row: &shards.rows()[at], made_of, counted }
    }
}

impl Rewriting<'_> {
    /// The existing shard, if it fits.
    fn existing(&self) -> Option<Rewritten> {
        let [tokens_path, words_path] = shard_paths(self.folder, self.row.id);
        let tokens = TokenShard::open(self.folder.storage(), &tokens_path).ok()?;
        let words = WordListReader::open(self.folder.storage(), &words_path).ok()?;
        let (tokens, words) = (tokens.file(), words.file());
        let made_of = self.made_of();
        let fits = [tokens, words].iter().all(|file| file.setting(MADE_OF) == Some(&made_of));
        let counts = fits.then(|| TokenCounts::read(tokens).ok())??;
        let counted = tokens.number(self.counted).ok()?;
        let (id, tokens, words) = (self.row.id, published(tokens), published(words));
        Some((ShardRow { id, counts, tokens, words }, counted))
    }

    fn made_of(&self) -> String {
        let ShardRow { tokens, words, .. } = self.row;
        format!("{} {:016x} {:016x}", self.made_of, tokens.xxh3, words.xxh3)
    }

    /// The words and the tokens of its source.
    pub fn read(&self) -> Result<Read, VocabError> {
        let path = self.run.word_list(self.row.id);
        let mut list = WordListReader::open(self.run.storage(), &path)?;
        let (mut words, mut counts) = (Names::default(), Vec::new());
        while let Some(count) = list.advance()? {
            let word = std::str::from_utf8(list.word())
                .map_err(|_| FormatError::corrupt(&path, 0, "a word is not UTF-8"))?;
            words.push([word]);
            counts.push(count);
        }
        let source = TokenShard::open(self.run.storage(), &self.run.token_shard(self.row.id))?;
        if words.len() != source.local_words() as usize {
            let what = "its words and its list differ in number";
            return Err(FormatError::corrupt(source.file().path(), 0, what).into());
        }
        let mut places = vec![0; counts.len()];
        for (local, place) in local_ids(&counts).into_iter().zip(0..) {
            places[local as usize] = place;
        }
        Ok(Read { words, counts, source, places })
    }

    /// Writes list and tokens of a shard whose tokens are in memory.
    pub fn publish_made(&self, made: Made<'_>) -> Result<Rewritten, VocabError> {
        let Made { mut numbers, names, continues_line, counted } = made;
        let mut counts = vec![0; names.len()];
        for number in numbers.iter().filter(|number| **number != LINE_END) {
            counts[*number as usize] += 1;
        }
        let words = Numbered { names: names.into_iter().zip(0..).collect(), counts: &counts };
        let lines = self.row.counts.lines;
        let contents = Contents { words, lines, continues_line, counted };
        self.publish(contents, |ids, tokens| {
            for number in numbers.iter_mut().filter(|number| **number != LINE_END) {
                *number = ids[*number as usize];
            }
            Ok(tokens.tokens(&numbers)?)
        })
    }

    /// Writes list and tokens of a shard. `write` gets the local ids of all numbers.
    pub fn publish(
        &self,
        contents: Contents<'_>,
        write: impl FnOnce(&[u32], &mut TokenShardWriter) -> Result<(), VocabError>,
    ) -> Result<Rewritten, VocabError> {
        let Contents { words, lines, continues_line, counted } = contents;
        let Numbered { mut names, counts } = words;
        names.retain(|(_, number)| counts[*number as usize] > 0);
        names.sort_unstable();
        let [tokens_path, words_path] = shard_paths(self.folder, self.row.id);
        let mut list = WordListWriter::create(self.folder.storage(), &words_path)?;
        let by_place: Vec<u64> = names.iter().map(|(_, number)| counts[*number as usize]).collect();
        for ((name, _), count) in names.iter().zip(&by_place) {
            list.push(name.as_bytes(), *count)?;
        }
        let mut ids = vec![0; counts.len()];
        for ((_, number), id) in names.iter().zip(local_ids(&by_place)) {
            ids[*number as usize] = id;
        }
        let tokens = by_place.iter().sum();
        let local_words = by_place.len() as u32;
        let totals =
            TokenCounts { tokens, lines, local_words: u64::from(local_words), ..self.row.counts };
        let storage = self.folder.storage();
        let mut shard =
            TokenShardWriter::create(storage, &tokens_path, local_words, continues_line)?;
        write(&ids, &mut shard)?;
        for (key, value) in totals.rows().into_iter().filter(|(key, _)| *key != "local_words") {
            shard.set(key, value);
        }
        shard.set(self.counted, counted);
        shard.set(MADE_OF, self.made_of());
        list.set(MADE_OF, self.made_of());
        let words = list.finish()?;
        let tokens = shard.finish()?;
        Ok((ShardRow { id: self.row.id, counts: totals, tokens, words }, counted))
    }
}

/// Chooses the number of workers, one shard each: as many as threads, or as fit into memory. `bytes_of` is the memory
/// of a shard, and `what` begins the message if there is not enough.
pub(crate) fn share(
    ctx: &Context,
    shards: &TokenShards,
    what: &str,
    bytes_of: impl Fn(&TokenCounts) -> u64,
) -> Result<(usize, Reservation), VocabError> {
    let most = shards.rows().iter().map(|row| bytes_of(&row.counts)).max().unwrap_or(1);
    let workers = (ctx.budget.left() / most).clamp(1, ctx.threads as u64);
    let memory = ctx.budget.reserve(most * workers, what).map_err(|mut error| {
        error.advice = ", or lower corpus.chunk_bytes".to_owned();
        error
    })?;
    Ok((workers as usize, memory))
}

/// Names concatenated in one piece of memory, as a shard has some ten thousand of them.
#[derive(Default)]
pub(crate) struct Names {
    text: String,
    ends: Vec<usize>,
}

impl Names {
    /// Number of names.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Appends a name, given in parts.
    pub fn push<'a>(&mut self, parts: impl IntoIterator<Item = &'a str>) {
        self.text.extend(parts);
        self.ends.push(self.text.len());
    }

    /// The name at an index.
    pub fn get(&self, at: usize) -> &str {
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.text[start..self.ends[at]]
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|at| self.get(at))
    }

    /// The index of a name, if names are in the order of bytes.
    pub fn find(&self, name: &str) -> Option<usize> {
        let (mut from, mut to) = (0, self.len());
        while from < to {
            let middle = from + (to - from) / 2;
            match self.get(middle).cmp(name) {
                std::cmp::Ordering::Less => from = middle + 1,
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Greater => to = middle,
            }
        }
        None
    }
}

/// The words of a shard in the order of its list, and its tokens as indices into it.
pub(crate) struct Read {
    pub words: Names,
    /// The count of each word.
    pub counts: Vec<u64>,
    pub source: TokenShard,
    /// For each local id the index of its word.
    places: Vec<u32>,
}

impl Read {
    /// Replaces `tokens` by the indices and line ends of a frame.
    pub fn frame(
        &self,
        frame: usize,
        buffer: &mut Vec<u8>,
        tokens: &mut Vec<u32>,
    ) -> Result<(), FormatError> {
        self.source.read(frame, buffer, tokens)?;
        for token in tokens.iter_mut().filter(|token| **token != LINE_END) {
            let place = self.places.get(*token as usize);
            let bad = || self.source.file().bad_frame(frame, "more words than its list");
            *token = *place.ok_or_else(bad)?;
        }
        Ok(())
    }
}

/// A new shard: its tokens as numbers, with line ends, and the names of the numbers.
pub(crate) struct Made<'a> {
    pub numbers: Vec<u32>,
    /// Names in the order of the numbers, each once.
    pub names: Vec<&'a str>,
    /// Whether it continues a line.
    pub continues_line: bool,
    /// The maker's own count.
    pub counted: u64,
}

/// The paths of a shard.
fn shard_paths(folder: &RunDir, id: ShardId) -> [PathBuf; 2] {
    [folder.token_shard(id), folder.word_list(id)]
}

//! Token shards that are made of token shards: the words cut into pieces, repeated lines left out, phrases joined.
//!
//! Such a stage reads the shards, not the text, and writes one of the same id for each into a folder of its own. A *maker*
//! gives the tokens of the new shard as *numbers* of its own; what is done here is all that is the same for every maker: the
//! word list, local ids, counts, and knowing the shard that an interrupted process has left. It is a step with a unit of work for
//! each shard.

use std::path::PathBuf;

use wordmill_flow::{Context, Label, Reservation, StageProgress, Step, Unit, run_step};
use wordmill_formats::{
    FormatError, LINE_END, RunDir, ShardId, TokenShard, TokenShardWriter, WordListReader,
    WordListWriter, local_ids,
};

use crate::error::VocabError;
use crate::shard::{ShardRow, TokenCounts, published};
use crate::shards::{TokenShards, sweep};

/// The setting in a footer that says what a file was made of. Of a shard that is made of another it ends in the digests of that one's
/// tokens and words.
pub const MADE_OF: &str = "made_of";

/// One shard to be made of another.
pub(crate) struct Rewriting<'a> {
    /// Where the shard is that it is made of.
    run: &'a RunDir,
    /// Where it goes.
    folder: &'a RunDir,
    /// The shard that it is made of.
    pub row: &'a ShardRow,
    /// What else it depends on.
    made_of: &'a str,
    /// What the maker counts beside tokens, by the name that it has in the footer.
    counted: &'static str,
}

/// The row of a shard, and what its maker counted.
pub(crate) type Rewritten = (ShardRow, u64);

/// The words of a new shard by number, each with its occurrences.
pub(crate) struct Numbered<'a> {
    /// Names with their numbers, in any order, none twice.
    pub names: Vec<(&'a str, u32)>,
    /// Occurrences of each number; a word without any is left out.
    pub counts: &'a [u64],
}

/// What a new shard has beside its tokens.
pub(crate) struct Contents<'a> {
    pub words: Numbered<'a>,
    /// How many lines begin in it.
    pub lines: u64,
    /// Whether it goes on within a line.
    pub continues_line: bool,
    /// What the maker counted.
    pub counted: u64,
}

/// The step: one shard made of each of some others.
pub(crate) struct Rewrite<'a, F> {
    /// What its progress and its threads are called.
    pub stage: &'static str,
    pub shards: &'a TokenShards,
    /// Where the new shards go.
    pub folder: RunDir,
    /// What they depend on beside the shard that each is made of.
    pub made_of: String,
    /// What the maker counts beside tokens, by the name that it has in the footer.
    pub counted: &'static str,
    /// Files that all are made of beside the shard.
    pub also_reads: Vec<PathBuf>,
    /// The maker, which is told the place of the shard, too.
    pub make: F,
}

/// Makes all shards of a step, and their index. What an interrupted process has finished is kept.
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
    /// The shard that is there, if it fits.
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

    /// The words and the tokens that it is made of.
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

    /// Writes list and tokens of a shard whose tokens are known.
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

/// As many workers as threads, or as there is memory for, each with one shard; `bytes_of` is what a shard takes, and `what` begins the
/// message where there is not enough.
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

/// Names one after another in one piece of memory: a shard has some ten thousand of them.
#[derive(Default)]
pub(crate) struct Names {
    text: String,
    ends: Vec<usize>,
}

impl Names {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Appends one, of parts.
    pub fn push<'a>(&mut self, parts: impl IntoIterator<Item = &'a str>) {
        self.text.extend(parts);
        self.ends.push(self.text.len());
    }

    /// The name of a place.
    pub fn get(&self, at: usize) -> &str {
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.text[start..self.ends[at]]
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|at| self.get(at))
    }

    /// The place of a name, where they stand in the order of their bytes.
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

/// The words of a shard in the order of its list, and its tokens as places in it.
pub(crate) struct Read {
    pub words: Names,
    /// How often each stands.
    pub counts: Vec<u64>,
    pub source: TokenShard,
    /// For each local id the place of its word.
    places: Vec<u32>,
}

impl Read {
    /// Replaces `tokens` by the places and line ends of a frame.
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

/// A new shard: its tokens as numbers, with line ends, and what the numbers are called.
pub(crate) struct Made<'a> {
    pub numbers: Vec<u32>,
    /// In the order of the numbers, none twice.
    pub names: Vec<&'a str>,
    /// Whether it goes on within a line.
    pub continues_line: bool,
    /// What the maker counted.
    pub counted: u64,
}

/// Where a shard stands.
fn shard_paths(folder: &RunDir, id: ShardId) -> [PathBuf; 2] {
    [folder.token_shard(id), folder.word_list(id)]
}

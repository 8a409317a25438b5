//! Imports a vocabulary that another program has counted: one `word count` per line, most frequent
//! first.
//!
//! That is GloVe's `vocab.txt`, and with a tab the `vocabulary.tsv` of a run. Words of equal counts
//! may be in any order there, while ids here break ties by bytes, so a list of the id of each line
//! is returned, too.

use std::path::Path;

use wordmill_flow::{Budget, Context, Reservation};
use wordmill_formats::{NO_WORD, RunDir, Words as _};
use wordmill_text::input::{Input, Packed};

use super::kinds::other_kind;
use super::lines::{ForeignLines, fields};
use crate::error::VocabError;
use crate::vocabulary::files::{write_table, write_text};
use crate::vocabulary::kept::Kept;
use crate::vocabulary::{Vocabulary, VocabularyCounts, VocabularyJob};

/// Bytes taken from the budget at a time.
const STEP_BYTES: u64 = 4 << 20;
/// Memory of a line beside its word.
const LINE_BYTES: usize = 8 + 8 + 4 + 4;

/// Writes the vocabulary of a run from a file; also returns the id of the word on each line.
///
/// # Errors
/// For a file that is missing or not text, a line without a word and a count from 1, repeated words,
/// counts that rise or sum to more than 64 bits, storage errors and too small a budget.
pub fn import_vocabulary(
    ctx: &Context,
    run: &RunDir,
    path: &Path,
) -> Result<(Vocabulary, Vec<u32>), VocabError> {
    let input = Input::file(path, "check the path of VOCAB")?;
    if input.bytes.is_none() {
        let problem = "it is not a regular file, but it is read twice".to_owned();
        return Err(input.error("opening", problem, "write it to a file first").into());
    }
    if let Some(what) = other_kind(&input.head_of(Packed::ByContent)?) {
        return Err(input.error("reading the vocabulary", format!("it is {what}"), TAKES).into());
    }
    // Refuses files that are not text.
    drop(input.open()?);
    let mut listed = Listed::new(ctx.budget.clone());
    let mut lines = ForeignLines::new(input.clone(), Packed::ByContent)?;
    while let Some((at, line)) = lines.next()? {
        listed.line(line).map_err(|refusal| refusal.at(&input, at))?;
        if at.is_multiple_of(1 << 16) {
            ctx.cancel.check()?;
        }
    }
    let order = listed.order(&input)?;
    let mut kept = Kept::new(ctx.budget.clone(), 0);
    for &line in &order {
        let line = line as usize;
        kept.push(listed.word(line), listed.counts[line]).map_err(without_advice)?;
    }
    let ranked = kept.rank();
    let mut ids = vec![0; order.len()];
    for (place, &line) in order.iter().enumerate() {
        ids[line as usize] = ranked.lookup()[place];
    }
    let words = order.len() as u64;
    let tokens = listed.tokens;
    let counts = VocabularyCounts {
        tokens,
        distinct_words: words,
        words,
        kept_tokens: tokens,
        ..VocabularyCounts::default()
    };
    let all = VocabularyJob { min_count: 0, ..VocabularyJob::ALL };
    let table = write_table(run, &all, &ranked, &counts)?;
    let text = write_text(run, &ranked)?;
    Ok((Vocabulary::open(run, &[])?.with_outputs(vec![table, text]), ids))
}

const TAKES: &str =
    "VOCAB is vocab.txt of GloVe, or the vocabulary.tsv of a run: a line `word count` a word";

/// The general advice is for a vocabulary that is counted; here the words are given.
fn without_advice(mut error: VocabError) -> VocabError {
    if let VocabError::OverBudget(over) = &mut error {
        over.advice.clear();
    }
    error
}

/// The lines of the file.
struct Listed {
    budget: Budget,
    memory: Vec<Reservation>,
    reserved: u64,
    bytes: Vec<u8>,
    ends: Vec<u64>,
    counts: Vec<u64>,
    tokens: u64,
}

/// Why a line cannot be used.
enum Refusal {
    Line(String),
    Other(VocabError),
}

impl Refusal {
    fn at(self, input: &Input, line: u64) -> VocabError {
        match self {
            Self::Line(problem) => refuse(input, line, &problem),
            Self::Other(error) => error,
        }
    }
}

fn refuse(input: &Input, line: u64, problem: &str) -> VocabError {
    let way_out = "name a vocab.txt as GloVe's vocab_count writes it";
    input.error("reading the vocabulary", format!("line {line}: {problem}"), way_out).into()
}

impl Listed {
    fn new(budget: Budget) -> Self {
        Self {
            budget,
            memory: Vec::new(),
            reserved: 0,
            bytes: Vec::new(),
            ends: Vec::new(),
            counts: Vec::new(),
            tokens: 0,
        }
    }

    fn line(&mut self, line: &[u8]) -> Result<(), Refusal> {
        let refuse = |problem: String| Err(Refusal::Line(problem));
        let mut fields = fields(line);
        let (Some(word), Some(count), None) = (fields.next(), fields.next(), fields.next()) else {
            return refuse("expected a word and its count, a space or a tab between".into());
        };
        if std::str::from_utf8(word).is_err() {
            return refuse("the word is not UTF-8".into());
        }
        let number: Option<u64> =
            std::str::from_utf8(count).ok().and_then(|text| text.parse().ok());
        let Some(count) = number.filter(|count| *count > 0) else {
            let text = String::from_utf8_lossy(count).into_owned();
            return refuse(format!("{text:?} is not a count, a whole number from 1"));
        };
        if self.counts.last().is_some_and(|last| *last < count) {
            let what = "its count is larger than that of the line before; sort the lines by count";
            return refuse(format!("{what}, and number the words of the counts in that order"));
        }
        if self.counts.len() + 1 >= NO_WORD as usize {
            return refuse("there are more words than ids".into());
        }
        let Some(tokens) = self.tokens.checked_add(count) else {
            return refuse("the counts sum to more than 64 bits".into());
        };
        self.tokens = tokens;
        self.hold(word.len()).map_err(Refusal::Other)?;
        self.bytes.extend_from_slice(word);
        self.ends.push(self.bytes.len() as u64);
        self.counts.push(count);
        Ok(())
    }

    /// Takes memory for one more line from the budget.
    fn hold(&mut self, word_bytes: usize) -> Result<(), VocabError> {
        let needed = (self.counts.len() + 1) * LINE_BYTES + self.bytes.len() + word_bytes;
        // A growing vector takes twice its size for a moment.
        while 2 * needed as u64 > self.reserved {
            let step = STEP_BYTES.max(self.reserved / 4);
            let part = self.budget.reserve(step, "the vocabulary")?;
            self.reserved += part.bytes();
            self.memory.push(part);
        }
        Ok(())
    }

    fn word(&self, line: usize) -> &[u8] {
        let start = if line == 0 { 0 } else { self.ends[line - 1] };
        &self.bytes[start as usize..self.ends[line] as usize]
    }

    /// The lines, from 0, in the order of their words' bytes.
    fn order(&self, input: &Input) -> Result<Vec<u32>, VocabError> {
        if self.counts.is_empty() {
            return Err(refuse(input, 1, "there is no word"));
        }
        let mut order: Vec<u32> = (0..self.counts.len() as u32).collect();
        order.sort_unstable_by(|a, b| {
            self.word(*a as usize).cmp(self.word(*b as usize)).then(a.cmp(b))
        });
        let same = |pair: &&[u32]| self.word(pair[0] as usize) == self.word(pair[1] as usize);
        if let Some(pair) = order.windows(2).find(same) {
            let word = String::from_utf8_lossy(self.word(pair[0] as usize)).into_owned();
            let problem = format!("the word {word:?} is on line {} too", pair[0] + 1);
            return Err(refuse(input, u64::from(pair[1]) + 1, &problem));
        }
        Ok(order)
    }
}

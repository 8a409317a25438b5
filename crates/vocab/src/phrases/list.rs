//! The list of phrases: UTF-8 text in columns, separated by tabs.
//!
//! ```text
//! #wordmill-phrases  VERSION
//! #settings          the settings that it was learned with
//! #made-of           the source that it was learned from
//! new york           12345   87.6543   1
//! new_york city      1234    65.4321   2
//! ```
//!
//! A row has the words separated by spaces, how often they occur together, their score, and the pass in which they are
//! joined; within a pass the most frequent come first. The file may be edited and given to a run as `phrases.list`. A
//! row with only words is a user's own: it is joined in the first pass, and its words are brought into the form of the
//! text by its tokeniser. So a file with one phrase per line is a list, too.

use std::fs;
use std::path::Path;

use wordmill_flow::{Budget, Context, OverBudget, Reservation};
use wordmill_formats::{FormatError, Published, RunDir, read_file, write_file, xxh3};
use wordmill_text::encoding::BYTE_ORDER_MARK;
use wordmill_text::read_list;
use wordmill_text::tokenizer::{Tokenizer, TokenizerConfig};

use super::config::{Pass, PhrasesJob};
use super::folders::{MOST_PASSES, list_path, pass_path};
use crate::error::VocabError;
use crate::text_writer::TextWriter;

const MAGIC: &str = "#wordmill-phrases\t";
/// How the lines of the header begin.
const HEADS: [&str; 3] = [MAGIC, "#settings\t", "#made-of\t"];
/// Version of the layout and of what rows mean.
const FILE_VERSION: &str = "1";
/// The longest list that is read.
const MOST_BYTES: u64 = 8 << 30;

/// The phrases of all passes of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Phrases {
    /// Rows, each with the pass as the last of its columns.
    text: String,
    /// Number of rows of each pass.
    passes: Vec<u64>,
    /// Number of rows with fewer than two words, and the first of them.
    left_out: (u64, String),
    /// Digest of the file.
    digest: u64,
}

impl Phrases {
    /// The passes that have phrases.
    #[must_use]
    pub fn passes(&self) -> u32 {
        self.passes.len() as u32
    }

    /// Number of phrases.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.passes.iter().sum()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of phrases of a pass, counted from 1.
    #[must_use]
    pub fn of_pass_len(&self, pass: u32) -> u64 {
        self.passes.get(pass as usize - 1).copied().unwrap_or(0)
    }

    /// Number of rows with fewer than two words, and the first of them.
    #[must_use]
    pub fn left_out(&self) -> (u64, &str) {
        (self.left_out.0, &self.left_out.1)
    }

    /// A digest of the file, if they were read from one.
    #[must_use]
    pub fn digest(&self) -> u64 {
        self.digest
    }

    /// The phrases of a pass, counted from 1: words separated by spaces.
    pub(super) fn of_pass(&self, pass: u32) -> impl Iterator<Item = &str> {
        self.text.lines().filter_map(move |row| {
            let (words, of) = row.rsplit_once('\t')?;
            (of.parse() == Ok(pass)).then_some(words)
        })
    }

    /// Memory that they take.
    pub(super) fn bytes(&self) -> u64 {
        self.text.len() as u64
    }

    fn push(&mut self, words: &str, pass: u32) {
        if self.passes.len() < pass as usize {
            self.passes.resize(pass as usize, 0);
        }
        self.passes[pass as usize - 1] += 1;
        self.text += &format!("{words}\t{pass}\n");
    }

    /// Reads a list, and brings the user's own rows into the form of a text.
    fn parse(path: &Path, bytes: &[u8], config: &TokenizerConfig) -> Result<Self, VocabError> {
        let wrong = |line: usize, what: &str| VocabError::Input {
            path: path.display().to_string(),
            tried: "reading a list of phrases",
            problem: format!("line {line}: {what}"),
            way_out: "correct the line, or learn a new list",
        };
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let line = bytes[..error.valid_up_to()].iter().filter(|&&byte| byte == b'\n').count();
            wrong(line + 1, "it is not UTF-8")
        })?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if let Some(version) = text.lines().next().and_then(|line| line.strip_prefix(MAGIC))
            && version != FILE_VERSION
        {
            let what = format!("it has version {version}, this program reads {FILE_VERSION}");
            return Err(wrong(1, &what));
        }
        let mut tokenizer = Tokenizer::new(config.clone());
        let mut phrases = Self::default();
        for (line, row) in text.lines().enumerate() {
            let is_head = line < HEADS.len() && HEADS.iter().any(|head| row.starts_with(head));
            if is_head || row.trim().is_empty() {
                continue;
            }
            let columns: Vec<&str> = row.split('\t').collect();
            let (words, is_own, pass) = match columns[..] {
                [words] => (words, true, 1),
                [words, _, _, pass] => {
                    let known = pass.parse().ok().filter(|pass| (1..=MOST_PASSES).contains(pass));
                    let what = format!("{pass:?} is not a pass from 1 to {MOST_PASSES}");
                    (words, false, known.ok_or_else(|| wrong(line + 1, &what))?)
                }
                _ => {
                    let what = "expected words alone, or words, count, score and pass";
                    return Err(wrong(line + 1, what));
                }
            };
            let words = if is_own { own(words, &mut tokenizer) } else { spaced(words) };
            match words.contains(' ') {
                true => phrases.push(&words, pass),
                false => {
                    if phrases.left_out.0 == 0 {
                        phrases.left_out.1 = row.to_owned();
                    }
                    phrases.left_out.0 += 1;
                }
            }
        }
        Ok(phrases)
    }
}

fn spaced(words: &str) -> String {
    words.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Words in the form of the text.
fn own(words: &str, tokenizer: &mut Tokenizer) -> String {
    let mut found: Vec<String> = Vec::new();
    if tokenizer.lines().is_some() {
        // Only the program or the file could compute the form.
        let alone = |word: &str| tokenizer.word_alone(word);
        return words.split_whitespace().filter_map(alone).collect::<Vec<_>>().join(" ");
    }
    tokenizer.tokenize(words, |word| found.push(word.to_owned()));
    found.join(" ")
}

/// The lines that begin the file.
fn header(settings: &str, made_of: &str) -> String {
    format!("{MAGIC}{FILE_VERSION}\n#settings\t{settings}\n#made-of\t{made_of}\n")
}

/// A row of the list.
pub(super) struct Row<'a> {
    /// The words, separated by spaces.
    pub words: &'a str,
    /// How often they occur together.
    pub count: u64,
    pub score: f64,
    /// The pass in which they are joined, counted from 1.
    pub pass: u32,
}

/// Writes a list, of one pass or of all.
pub(super) struct ListWriter(TextWriter);

impl ListWriter {
    /// Starts the list of a pass.
    pub(super) fn of_pass(
        run: &RunDir,
        config: &PhrasesJob,
        pass: Pass<'_>,
    ) -> Result<Self, FormatError> {
        let mut writer = TextWriter::create(run.storage(), &pass_path(run, pass.number))?;
        let made_of = format!("{:016x}", pass.shards.digest());
        writer.bytes(header(&config.settings(pass.number), &made_of).as_bytes())?;
        Ok(Self(writer))
    }

    /// Appends a phrase.
    pub(super) fn push(&mut self, row: &Row<'_>) -> Result<(), FormatError> {
        let Row { words, count, score, pass } = row;
        self.0.row(format_args!("{words}\t{count}\t{score:.4}\t{pass}"))
    }

    pub(super) fn finish(self) -> Result<Published, FormatError> {
        self.0.finish()
    }
}

/// The list of a pass that this process or an interrupted one has learned from these shards.
///
/// # Errors
/// For an existing list that cannot be read, or does not fit into the budget.
pub fn learned(
    ctx: &Context,
    run: &RunDir,
    config: &PhrasesJob,
    pass: Pass<'_>,
) -> Result<Option<Phrases>, VocabError> {
    let path = pass_path(run, pass.number);
    let size = run.storage().size(&path).map_err(|e| FormatError::io(&path, "looking at", e))?;
    let Some(bytes) = size else {
        return Ok(None);
    };
    let _memory = reserve(&ctx.budget, 2 * bytes)?;
    let bytes = read_file(run.storage(), &path, MOST_BYTES)?;
    let made_of = format!("{:016x}", pass.shards.digest());
    let fits = bytes.starts_with(header(&config.settings(pass.number), &made_of).as_bytes());
    fits.then(|| Phrases::parse(&path, &bytes, &config.tokenizer)).transpose()
}

/// Combines the lists of this many passes as the list of the run.
///
/// # Errors
/// For a list that cannot be read, and a full disk.
pub fn finish(run: &RunDir, config: &PhrasesJob, passes: u32) -> Result<Published, VocabError> {
    let mut writer = TextWriter::create(run.storage(), &list_path(run))?;
    let settings: Vec<String> = (1..=passes).map(|pass| config.settings(pass)).collect();
    writer.bytes(header(&settings.join("; "), "the text of this run").as_bytes())?;
    for pass in 1..=passes {
        let bytes = read_file(run.storage(), &pass_path(run, pass), MOST_BYTES)?;
        let rows = bytes.split_inclusive(|&byte| byte == b'\n').skip(HEADS.len());
        rows.into_iter().try_for_each(|row| writer.bytes(row))?;
    }
    Ok(writer.finish()?)
}

/// Reads the list of a file, and makes it that of the run.
///
/// # Errors
/// For a file that is missing or not a list, a list without a phrase, and a full disk.
pub fn given(
    ctx: &Context,
    run: &RunDir,
    path: &Path,
    tokenizer: &TokenizerConfig,
) -> Result<(Phrases, Published), VocabError> {
    let (phrases, bytes) = Phrases::load(&ctx.budget, path, tokenizer)?;
    let published = write_file(run.storage(), &list_path(run), &bytes)?;
    Ok((phrases, published))
}

impl Phrases {
    /// Reads the list of a file.
    ///
    /// # Errors
    /// For a file that is missing or not a list, or has no phrase, and for one that does not fit
    /// into the budget.
    pub fn read(
        budget: &Budget,
        path: &Path,
        tokenizer: &TokenizerConfig,
    ) -> Result<Self, VocabError> {
        Ok(Self::load(budget, path, tokenizer)?.0)
    }

    /// The same for the content of a file.
    fn load(
        budget: &Budget,
        path: &Path,
        tokenizer: &TokenizerConfig,
    ) -> Result<(Self, Vec<u8>), VocabError> {
        let size = fs::metadata(path).map_err(|source| unreadable(path, &source))?.len();
        let _memory = reserve(budget, 2 * size)?;
        let mut bytes = read_list(path).map_err(|source| unreadable(path, &source))?;
        let digest = xxh3(&bytes);
        if bytes.starts_with(&BYTE_ORDER_MARK) {
            bytes.drain(..BYTE_ORDER_MARK.len());
        }
        let phrases = Self { digest, ..Self::parse(path, &bytes, tokenizer)? };
        match phrases.is_empty() && !bytes.starts_with(MAGIC.as_bytes()) {
            false => Ok((phrases, bytes)),
            true => Err(VocabError::Config {
                key: "phrases.list",
                problem: format!("{}: there is no phrase in it", path.display()),
                way_out: "write two or more words per line, or leave the setting out".to_owned(),
            }),
        }
    }
}

fn unreadable(path: &Path, source: &std::io::Error) -> VocabError {
    VocabError::Config {
        key: "phrases.list",
        problem: format!("{}: reading the list: {source}", path.display()),
        way_out: "check the path, or set phrases.passes to learn one".to_owned(),
    }
}

/// Reserves memory for phrases, with advice in the error.
pub(super) fn reserve(budget: &Budget, bytes: u64) -> Result<Reservation, OverBudget> {
    budget.reserve(bytes, "the list of phrases").map_err(|mut error| {
        error.advice = ", or raise phrases.threshold or phrases.min_count".to_owned();
        error
    })
}

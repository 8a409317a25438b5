//! The learner `korean`: cuts eojeols into a stem and an ending, by statistics of the corpus alone.
//!
//! An *eojeol* is a run of Hangul syllables; a *stem* is its beginning, an *ending* (particles, verb endings) the rest.
//! The only input is the counts of words:
//!
//! 1. A prefix of at least two syllables *branches* if at least three different syllables (or the end) follow it and
//!    the entropy of the next syllable is at least 1 nat: words end there (Harris 1955; Jin & Tanaka-Ishii 2006). Its
//!    score is cohesion · exp(entropy), with the cohesion (n(s₁…sₖ) / n(s₁))^(1/(k−1)) of Kim (soynlp, 2016), a measure
//!    of how surely its syllables belong together.
//! 2. A suffix of up to six syllables is an *ending* if it follows many different stems that branch. Its *share* is the
//!    share, among the words that end with it, of those in which it follows a stem that branches.
//! 3. An eojeol is cut where the stem before an ending has the highest score, which must be higher than that of the
//!    eojeol itself. If no such stem branches, because it is too rare, it is cut before the longest ending that is
//!    *strong*.
//!
//! The model has a row for each stem, `stem<TAB>score`, and for each ending, `##ending<TAB>share<TAB>stems`. Text other
//! than Hangul stays whole; after it, an eojeol may be an ending, `2010` `##년` `##에`.

use std::path::Path;

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use wordmill_flow::Context;
use wordmill_formats::{RunDir, WordListWriter};
use wordmill_kernels::real;
use wordmill_text::CONTINUES;

use super::branching::{Beginning, Beginnings};
use super::config::{Endings, FOLDER};
use super::model::{Cut, Rows};
use super::words::{Room, Words, fan_in};
use crate::error::VocabError;
use crate::text_writer::TextWriter;
use crate::vocabulary::{merge_lists, narrow};

/// The longest ending, in syllables. Longer ones hardly ever follow many stems.
const ENDING_SYLLABLES: usize = 6;
/// Minimum of what follows a branching stem: different syllables, and nats.
const VARIETY: u32 = 3;
const ENTROPY: f64 = 1.0;
/// Minimum of the stems that an ending follows: this number, and this part of those of the most frequent ending. In 20
/// MB of an encyclopaedia 13,000 stems precede `의`, and 20 `이라든지`.
const ENDING_STEMS: u64 = 20;
const ENDING_PART: u64 = 1000;
/// The minimum share of an ending: `부` (0.38), `학` (0.22) and `리` (0.21) are not endings; `에서` has 0.63, `로`
/// 0.29.
const SHARE: f64 = 0.25;
/// Strong endings have this share, or follow this part of the number of stems of the most frequent
/// ending.
const STRONG_SHARE: f64 = 0.5;
const STRONG_PART: u64 = 4;
/// Endings that may leave a single syllable have this part.
const SINGLE_PART: u64 = 66;
/// Memory of a stem or ending beside its bytes, while it is learned and when it is looked up.
const ENTRY_BYTES: u64 = 48;
/// Eojeols read backwards are sorted in pieces of this size.
const BACK_BYTES: usize = 16 << 20;

type Table<V> = HashMap<Box<str>, V, RandomState>;

fn is_syllable(c: char) -> bool {
    ('\u{ac00}'..='\u{d7a3}').contains(&c)
}

/// Learns stems and endings.
pub(super) fn learn(
    ctx: &Context,
    run: &RunDir,
    words: &Words<'_>,
    model: &mut TextWriter,
) -> Result<(), VocabError> {
    let mut room = Room::new(&ctx.budget, "the stems of words");
    let stems = stems(words, &mut room)?;
    let mut rows: Vec<(&str, f64)> = stems.iter().map(|(stem, score)| (&**stem, *score)).collect();
    rows.sort_unstable_by(|one, two| one.0.cmp(two.0));
    room.take(rows.len() as u64 * 24)?;
    let endings = endings(ctx, run, words, &stems)?;
    for (ending, share, behind) in &endings {
        model.row(format_args!("{CONTINUES}{ending}\t{share:.4}\t{behind}"))?;
    }
    for (stem, score) in rows {
        model.row(format_args!("{stem}\t{score:.4}"))?;
    }
    Ok(())
}

/// Prefixes that branch, with their scores.
fn stems(words: &Words<'_>, room: &mut Room) -> Result<Table<f64>, VocabError> {
    let mut stems = Table::default();
    // The prefixes of one first syllable, whose count is known last.
    let mut open: Vec<(Box<str>, u64, f64)> = Vec::new();
    let mut beginnings = Beginnings::default();
    let mut each = |it: Beginning<'_>| {
        let len = it.chars.len();
        if len > 1 {
            if it.variety >= VARIETY && it.entropy >= ENTROPY {
                let text: String = it.chars.iter().collect();
                room.take(3 * (ENTRY_BYTES + text.len() as u64))?;
                open.push((text.into(), it.count, it.entropy));
            }
            return Ok(());
        }
        for (stem, count, entropy) in open.drain(..) {
            let between = stem.chars().count() - 1;
            let cohesion = real::pow(count as f64 / it.count as f64, 1.0 / between as f64);
            stems.insert(stem, cohesion * real::exp(entropy));
        }
        Ok::<_, VocabError>(())
    };
    words.for_each(|word, count| match word.chars().all(is_syllable) {
        true => beginnings.push(word.chars(), count, &mut each),
        false => Ok(()),
    })?;
    beginnings.end(&mut each)?;
    Ok(stems)
}

/// Suffixes of words after stems that branch: share, and number of stems. Words are sorted again from their ends on, on
/// disk.
fn endings(
    ctx: &Context,
    run: &RunDir,
    words: &Words<'_>,
    stems: &Table<f64>,
) -> Result<Vec<(String, f64, u64)>, VocabError> {
    let lists = backwards(ctx, run, words, stems)?;
    let lists = narrow(ctx, run, &format!("{}/merge-tails", FOLDER), lists, fan_in(ctx))?;
    let mut found: Vec<(String, u64, u64)> = Vec::new();
    let mut room = Room::new(&ctx.budget, "the endings of words");
    // At each depth: suffix of the current word, number of words that end with it, and number of
    // those after a stem.
    let mut tail: Vec<(char, u64, u64)> = Vec::new();
    let mut pop = |tail: &mut Vec<(char, u64, u64)>, len: usize| {
        while tail.len() > len {
            let text: String = tail.iter().rev().map(|(c, ..)| *c).collect();
            let (_, all, behind) = tail.pop().expect("it is longer");
            if behind >= ENDING_STEMS {
                room.take(2 * ENTRY_BYTES)?;
                found.push((text, all, behind));
            }
        }
        Ok::<_, VocabError>(())
    };
    merge_lists(run, &lists, |word, cuts| {
        let word = std::str::from_utf8(word).expect("written here");
        let syllables = word.chars().count();
        let mut shared = 0;
        for (c, (known, ..)) in word.chars().zip(&tail) {
            if c != *known {
                break;
            }
            shared += 1;
        }
        pop(&mut tail, shared)?;
        // A stem has two syllables.
        let most = ENDING_SYLLABLES.min(syllables.saturating_sub(2));
        for (at, c) in word.chars().enumerate().take(most) {
            if at == tail.len() {
                tail.push((c, 0, 0));
            }
            tail[at].1 += 1;
            tail[at].2 += cuts >> at & 1;
        }
        Ok(())
    })?;
    pop(&mut tail, 0)?;
    let most = found.iter().map(|(.., behind)| *behind).max().unwrap_or(0);
    found.retain(|(_, all, behind)| {
        *behind * ENDING_PART >= most && *behind as f64 >= SHARE * *all as f64
    });
    found.sort_unstable_by(|one, two| two.2.cmp(&one.2).then_with(|| one.0.cmp(&two.0)));
    Ok(found
        .into_iter()
        .map(|(text, all, behind)| (text, behind as f64 / all as f64, behind))
        .collect())
}

/// Lists of the eojeols of at least three syllables, each reversed. The count is replaced by bits: bit n − 1, for a
/// suffix of n syllables, is set if the stem before it branches.
fn backwards(
    ctx: &Context,
    run: &RunDir,
    words: &Words<'_>,
    stems: &Table<f64>,
) -> Result<Vec<std::path::PathBuf>, VocabError> {
    let mut room = Room::new(&ctx.budget, "eojeols from their ends on");
    let most = BACK_BYTES.min((ctx.budget.left() / 4) as usize);
    room.take(2 * most as u64)?;
    let (mut text, mut places, mut lists) = (String::new(), Vec::new(), Vec::new());
    let mut spill = |text: &mut String, places: &mut Vec<(u32, u32, u64)>| {
        let word = |place: &(u32, u32, u64)| &text.as_bytes()[place.0 as usize..place.1 as usize];
        places.sort_unstable_by(|one, two| word(one).cmp(word(two)));
        let path = run.path(&format!("{}/merge-back-{:05}.words", FOLDER, lists.len()));
        let mut list = WordListWriter::create(run.storage(), &path)?;
        places.iter().try_for_each(|place| list.push(word(place), place.2))?;
        list.finish()?;
        lists.push(path);
        text.clear();
        places.clear();
        Ok::<_, VocabError>(())
    };
    words.for_each(|word, _| {
        let syllables = word.chars().count();
        if syllables < 3 || !word.chars().all(is_syllable) {
            return Ok(());
        }
        let mut cuts = 0;
        for tail in 1..=ENDING_SYLLABLES.min(syllables - 2) {
            let stem = &word[..3 * (syllables - tail)];
            cuts |= u64::from(stems.contains_key(stem)) << (tail - 1);
        }
        let start = text.len() as u32;
        text.extend(word.chars().rev());
        places.push((start, text.len() as u32, cuts));
        if text.len() + 16 * places.len() >= most { spill(&mut text, &mut places) } else { Ok(()) }
    })?;
    spill(&mut text, &mut places)?;
    Ok(lists)
}

/// An ending of the model.
#[derive(Clone, Copy)]
struct Ending {
    share: f64,
    behind: u64,
}

/// Stems and endings, ready to cut.
pub(super) struct Korean {
    stems: Table<f64>,
    endings: Table<Ending>,
    /// Number of stems of the most frequent ending.
    most: u64,
    kept: Endings,
    bytes: u64,
}

impl Korean {
    pub(super) fn read(path: &Path, rows: Rows<'_>, kept: Endings) -> Result<Self, VocabError> {
        let (mut stems, mut endings) = (Table::default(), Table::<Ending>::default());
        let mut bytes = 0;
        for (line, row) in rows {
            let wrong = |what: &str| Rows::wrong(path, line, what);
            let mut columns = row.split('\t');
            let text = columns.next().unwrap_or_default();
            let number = columns.next().and_then(|text| text.parse::<f64>().ok());
            let number = number.filter(|number| number.is_finite() && *number >= 0.0);
            let number = number.ok_or_else(|| wrong("expected a number in the second column"))?;
            let is_hangul = |text: &str| !text.is_empty() && text.chars().all(is_syllable);
            bytes += 2 * (ENTRY_BYTES + text.len() as u64);
            let is_new = match text.strip_prefix(CONTINUES) {
                Some(ending) if is_hangul(ending) => {
                    let behind = columns.next().and_then(|text| text.parse().ok());
                    let behind = behind.ok_or_else(|| wrong("expected a number of stems"))?;
                    endings.insert(ending.into(), Ending { share: number, behind }).is_none()
                }
                None if is_hangul(text) => stems.insert(text.into(), number).is_none(),
                _ => return Err(wrong(&format!("{text:?} does not consist of Hangul syllables"))),
            };
            if !is_new {
                return Err(wrong(&format!("{text:?} occurs twice")));
            }
        }
        let most = endings.values().map(|ending| ending.behind).max().unwrap_or(0);
        Ok(Self { stems, endings, most, kept, bytes })
    }

    /// Where the ending of an eojeol begins, in bytes; its length if it has none. `goes_on` is set for an eojeol after
    /// other text, which may be an ending as a whole.
    fn cut_at(&self, eojeol: &str, goes_on: bool) -> usize {
        let len = eojeol.len();
        let syllables = len / 3;
        let is_strong = |ending: &Ending| {
            ending.share >= STRONG_SHARE || ending.behind >= self.most / STRONG_PART
        };
        if goes_on && self.endings.get(eojeol).is_some_and(is_strong) {
            return 0;
        }
        let whole = self.stems.get(eojeol).copied();
        let (mut best, mut at) = (whole.unwrap_or(0.0), len);
        for stem in 2..syllables {
            let (before, after) = eojeol.split_at(3 * stem);
            if let Some(score) = self.stems.get(before)
                && *score > best
                && self.endings.contains_key(after)
            {
                (best, at) = (*score, 3 * stem);
            }
        }
        if at < len || whole.is_some() {
            return at;
        }
        // Too rare for statistics: the longest strong ending.
        let first = syllables.saturating_sub(ENDING_SYLLABLES).max(2);
        let mut strong = (first..syllables)
            .map(|stem| 3 * stem)
            .filter(|at| self.endings.get(&eojeol[*at..]).is_some_and(is_strong));
        if let Some(at) = strong.next() {
            return at;
        }
        let single = |ending: &Ending| {
            ending.share >= STRONG_SHARE && ending.behind * SINGLE_PART >= self.most
        };
        match syllables {
            2 | 3 if self.endings.get(&eojeol[3..]).is_some_and(single) => 3,
            _ => len,
        }
    }
}

impl Cut for Korean {
    fn cut(&self, word: &str, emit: &mut dyn FnMut(&str)) -> u64 {
        let mut piece = String::new();
        let (mut start, mut left_out) = (0, 0);
        while start < word.len() {
            let rest = &word[start..];
            let is_hangul = rest.chars().next().is_some_and(is_syllable);
            let len = rest.find(|c| is_syllable(c) != is_hangul).unwrap_or(rest.len());
            let run = &rest[..len];
            let at = if is_hangul { self.cut_at(run, start > 0) } else { len };
            let (stem, ending) = run.split_at(at);
            let is_left_out = self.kept == Endings::Drop && !ending.is_empty();
            left_out += u64::from(is_left_out);
            let parts = [(stem, start > 0), (if is_left_out { "" } else { ending }, true)];
            for (part, goes_on) in parts.into_iter().filter(|(part, _)| !part.is_empty()) {
                piece.clear();
                piece.push_str(if goes_on { CONTINUES } else { "" });
                piece.push_str(part);
                emit(&piece);
            }
            start += len;
        }
        left_out
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }
}

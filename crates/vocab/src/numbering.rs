//! Numbers the words of one chunk in order of appearance, with 0 for each line end.
//!
//! The scanner finds spans in the text, the interner looks up the short words among them, and the
//! tokenizer cuts the rest. A line without a word has no line end.

use std::str;

use wordmill_text::WordSet;
use wordmill_text::chunk::{Chunk, MAX_WORD_BYTES, Overlong};
use wordmill_text::scan::{BLOCK_BYTES, PAD_BYTES, Scanner};
use wordmill_text::tokenizer::{Digits, Item, Lines, Spans, Stop, Tokenizer, TokenizerConfig};

use crate::error::VocabError;
use crate::interner::{BATCH, Interner, ShortWord};

/// Represents a line end among numbers of words.
pub(crate) const END: u32 = 0;

/// Numbers the words of chunks, one after another with the same memory.
pub(crate) struct Numbering {
    tokenizer: Tokenizer,
    /// The tokeniser of whole lines, if it is one.
    lines: Option<Box<dyn Lines>>,
    scanner: Scanner,
    /// The words of the last chunk.
    pub(crate) interner: Interner,
    /// The numbers of the last chunk.
    pub(crate) numbers: Vec<u32>,
}

/// Counts of the last chunk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Line ends of the text.
    pub(crate) line_ends: u64,
    /// Line ends that are among the numbers.
    pub(crate) written_ends: u64,
    pub(crate) overlong: Overlong,
}

/// The current line.
struct Line {
    /// Numbers before it.
    before: usize,
    /// Whether it has a line end even without a word, because it begins in the chunk before.
    is_open: bool,
}

impl Numbering {
    pub(crate) fn new(config: TokenizerConfig) -> Self {
        let tokenizer = Tokenizer::new(config);
        Self {
            scanner: Scanner::new(tokenizer.spans()),
            lines: tokenizer.lines(),
            tokenizer,
            interner: Interner::default(),
            numbers: Vec::new(),
        }
    }

    /// Numbers the words of the chunk, whose text must be UTF-8; the text is changed meanwhile.
    /// `more` is called with the number of distinct words before it may exceed the last approved
    /// one. Slow parts check `stop`.
    ///
    /// # Errors
    /// The errors of `more` and `stop`, and those of a program or a file that cuts lines.
    pub(crate) fn number(
        &mut self,
        chunk: &mut Chunk,
        mut more: impl FnMut(usize) -> Result<usize, VocabError>,
        stop: &Stop<'_>,
    ) -> Result<Seen, VocabError> {
        self.interner.begin();
        self.numbers.clear();
        if let Some(mut lines) = self.lines.take() {
            let seen = self.number_lines(&mut *lines, chunk, more, stop);
            self.lines = Some(lines);
            return seen;
        }
        self.scanner.begin();
        let len = chunk.text().len();
        self.tokenizer.prepare(chunk.text_mut());
        chunk.buffer.resize(chunk.buffer.len() + PAD_BYTES, b' ');
        let mut seen = Seen { overlong: chunk.overlong, ..Seen::default() };
        let mut line = Line { before: 0, is_open: chunk.continues_line };
        let text = chunk.text();
        let odd = odd_firsts(&self.tokenizer);
        let mut words = [ShortWord::default(); BATCH];
        let (interner, numbers) = (&mut self.interner, &mut self.numbers);
        let mut most = more(0)?;
        while let Some((starts, ends)) = self.scanner.next_block(text, len) {
            while interner.end() + BLOCK_BYTES > most {
                most = more(most + 1)?;
            }
            for (starts, ends) in starts.chunks(BATCH).zip(ends.chunks(BATCH)) {
                words_at(text, starts, ends, &odd, &mut words);
                let likely = interner.likely(&words);
                numbers.reserve(starts.len());
                let found = words.iter().zip(&likely).take(starts.len());
                for (at, (word, likely)) in found.enumerate() {
                    if interner.add_likely(*word, *likely) {
                        numbers.push(*likely);
                    } else if word.is_plain() {
                        numbers.push(interner.add_short(*word));
                    } else {
                        let span = &text[starts[at] as usize..ends[at] as usize];
                        add_odd(&self.tokenizer, interner, numbers, span, &mut line, &mut seen);
                    }
                }
            }
        }
        chunk.buffer.truncate(chunk.start + len);
        Ok(seen)
    }
}

impl Numbering {
    /// Numbers the words of a tokeniser of whole lines.
    fn number_lines(
        &mut self,
        lines: &mut dyn Lines,
        chunk: &Chunk,
        mut more: impl FnMut(usize) -> Result<usize, VocabError>,
        stop: &Stop<'_>,
    ) -> Result<Seen, VocabError> {
        let mut seen = Seen { overlong: chunk.overlong, ..Seen::default() };
        let mut line = Line { before: 0, is_open: chunk.continues_line };
        let text = str::from_utf8(chunk.text()).expect("the chunk is UTF-8");
        let (tokenizer, interner, numbers) =
            (&self.tokenizer, &mut self.interner, &mut self.numbers);
        let (mut most, mut refused) = (more(0)?, None);
        lines.split(text, stop, &mut |item| match item {
            Item::LineEnd => end_line(numbers, &mut line, &mut seen),
            Item::Word(word) => tokenizer.finish(word, &mut |token| {
                while refused.is_none() && interner.end() >= most {
                    match more(most + 1) {
                        Ok(enough) => most = enough,
                        Err(error) => refused = Some(error),
                    }
                }
                if refused.is_none() {
                    add_token(interner, numbers, token, &mut seen);
                }
            }),
        })?;
        refused.map_or(Ok(seen), Err)
    }

    /// Removes stop words from the numbers, and returns the number of removed tokens. The words around them become
    /// neighbours; `is_open` as for a chunk that continues a line.
    pub(crate) fn leave_out(&mut self, list: &WordSet, is_open: bool, seen: &mut Seen) -> u64 {
        let (interner, numbers) = (&mut self.interner, &mut self.numbers);
        let (mut gone, mut left_out) = (vec![false; interner.end()], 0);
        for number in 1..interner.end() as u32 {
            let count = interner.count(number);
            if count > 0 && list.contains(interner.word(number)) {
                (gone[number as usize], left_out) = (true, left_out + u64::from(count));
                interner.forget(number);
            }
        }
        if left_out == 0 {
            return 0;
        }
        let (mut kept, mut line) = (0, Line { before: 0, is_open });
        for at in 0..numbers.len() {
            let number = numbers[at];
            let is_end = number == END;
            let stays = match is_end {
                true => kept > line.before || line.is_open,
                false => !gone[number as usize],
            };
            numbers[kept] = number;
            kept += usize::from(stays);
            if is_end {
                seen.written_ends -= u64::from(!stays);
                line = Line { before: kept, is_open: false };
            }
        }
        numbers.truncate(kept);
        left_out
    }
}

/// The first bytes of spans that need a closer look: line ends; `_`, since a UAX 29 word of only `_` is no
/// token; all but letters if numbers are left out; and all bytes if spans have to be cut.
fn odd_firsts(tokenizer: &Tokenizer) -> [u8; 256] {
    let (spans, digits) = (tokenizer.spans(), tokenizer.config().digits);
    std::array::from_fn(|first| {
        let first = first as u8;
        let lone = spans == Spans::Words && first == b'_';
        let number = digits == Digits::Drop && !first.is_ascii_alphabetic();
        u8::from(first == b'\n' || lone || number || spans == Spans::ToBeCut)
    })
}

/// The words of up to [`BATCH`] spans.
#[inline]
fn words_at(
    text: &[u8],
    starts: &[u32],
    ends: &[u32],
    odd: &[u8; 256],
    words: &mut [ShortWord; BATCH],
) {
    for (word, (start, end)) in words.iter_mut().zip(starts.iter().zip(ends)) {
        let text = text[*start as usize..].first_chunk().expect("the text is padded");
        *word = ShortWord::plain(text, (end - start) as usize, odd);
    }
}

/// Adds a line end or the tokenizer's words of the span.
#[inline(never)]
fn add_odd(
    tokenizer: &Tokenizer,
    interner: &mut Interner,
    numbers: &mut Vec<u32>,
    span: &[u8],
    line: &mut Line,
    seen: &mut Seen,
) {
    if span == b"\n" {
        return end_line(numbers, line, seen);
    }
    let piece = str::from_utf8(span).expect("the chunk is UTF-8 and spans end at ASCII");
    tokenizer.piece(piece, |token| add_token(interner, numbers, token, seen));
}

fn end_line(numbers: &mut Vec<u32>, line: &mut Line, seen: &mut Seen) {
    seen.line_ends += 1;
    if numbers.len() > line.before || line.is_open {
        numbers.push(END);
        seen.written_ends += 1;
    }
    *line = Line { before: numbers.len(), is_open: false };
}

fn add_token(interner: &mut Interner, numbers: &mut Vec<u32>, token: &str, seen: &mut Seen) {
    if token.len() > MAX_WORD_BYTES {
        seen.overlong.words += 1;
        seen.overlong.bytes += token.len() as u64;
    } else {
        numbers.push(interner.add(token.as_bytes()));
    }
}

#[cfg(test)]
mod tests {
    use rand_xoshiro::Xoshiro256PlusPlus;
    use rand_xoshiro::rand_core::{Rng, SeedableRng};

    use wordmill_text::tokenizer::{Accents, Case, Mark, Normalize, Segmentation, WordRules};

    use super::*;

    /// The tokenizer's words of the text line by line; `None` is a line end.
    fn slowly(config: TokenizerConfig, text: &str) -> Vec<Option<String>> {
        let mut tokenizer = Tokenizer::new(config);
        let mut found = Vec::new();
        for line in text.split_inclusive('\n') {
            let before = found.len();
            tokenizer.tokenize(line, |token| found.push(Some(token.to_owned())));
            if found.len() > before && line.ends_with('\n') {
                found.push(None);
            }
        }
        found
    }

    fn quickly(numbering: &mut Numbering, text: &str) -> Vec<Option<String>> {
        let mut chunk = Chunk::new(text.as_bytes().to_vec());
        numbering.number(&mut chunk, |_| Ok(usize::MAX), &|| Ok(())).unwrap();
        let word = |number| String::from_utf8(numbering.interner.word(number).to_vec()).unwrap();
        numbering.numbers.iter().map(|n| (*n != END).then(|| word(*n))).collect()
    }

    fn random_text(random: &mut Xoshiro256PlusPlus) -> String {
        const PARTS: [&str; 28] = [
            " ",
            " ",
            " ",
            " ",
            "\n",
            "\n",
            "\r\n",
            "\t",
            "a",
            "The",
            "fifteen-letters",
            "_",
            "__",
            "sixteen_letters_",
            "don't",
            "3.14",
            "e.g.",
            ":",
            "1999",
            "\0",
            "é",
            "Ж",
            "한국어",
            "我愛",
            "\u{301}",
            "\u{3000}",
            "\u{fffd}",
            "ǅ",
        ];
        let mut text = String::new();
        let parts = random.next_u64() % 600;
        for _ in 0..parts {
            let bits = random.next_u64();
            // Occasionally runs longer than a block.
            let times = if bits.is_multiple_of(512) { 3_000 } else { 1 };
            let kinds = if bits >> 32 & 1 == 0 { 20 } else { PARTS.len() };
            text.push_str(&PARTS[(bits >> 33) as usize % kinds].repeat(times));
        }
        text
    }

    #[test]
    fn lines_cut_by_a_program_equal_those_cut_at_white_space() {
        let whitespace = TokenizerConfig {
            segmentation: Segmentation::Whitespace,
            ..TokenizerConfig::default()
        };
        let segmentation = Segmentation::Command("cat".into());
        let mut numbering = Numbering::new(TokenizerConfig { segmentation, ..whitespace.clone() });
        for seed in 0..30 {
            let text = random_text(&mut Xoshiro256PlusPlus::seed_from_u64(seed));
            let text = text.replace('\u{fffd}', "x");
            assert!(
                quickly(&mut numbering, &text) == slowly(whitespace.clone(), &text),
                "seed {seed}"
            );
        }
    }

    #[test]
    fn stop_words_are_removed_as_if_they_were_absent() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list");
        std::fs::write(&path, "a\nThe\n한국어\n").unwrap();
        let config = TokenizerConfig::default();
        let list = WordSet::read(&path, "corpus.stop_words", &config).unwrap();
        let mut numbering = Numbering::new(config.clone());
        for seed in 0..300 {
            let text = random_text(&mut Xoshiro256PlusPlus::seed_from_u64(seed));
            let all = quickly(&mut numbering, &text);
            let mut seen = Seen { written_ends: all.len() as u64, ..Seen::default() };
            let left_out = numbering.leave_out(&list, false, &mut seen);
            let is_stop = |word: &&Option<String>| {
                word.as_ref().is_some_and(|word| list.contains(word.as_bytes()))
            };
            assert_eq!(left_out, all.iter().filter(is_stop).count() as u64);
            let mut expected: Vec<Option<String>> = Vec::new();
            for line in all.split_inclusive(Option::is_none) {
                let kept: Vec<_> = line.iter().filter(|word| !is_stop(word)).cloned().collect();
                expected.extend(if kept == [None] { Vec::new() } else { kept });
            }
            let word = |n: u32| String::from_utf8(numbering.interner.word(n).to_vec()).unwrap();
            let found: Vec<Option<String>> =
                numbering.numbers.iter().map(|n| (*n != END).then(|| word(*n))).collect();
            assert_eq!(found, expected, "seed {seed}");
            let ends = all.iter().filter(|it| it.is_none()).count();
            let gone = ends - expected.iter().filter(|it| it.is_none()).count();
            assert_eq!(seen.written_ends, (all.len() - gone) as u64);
        }
    }

    #[test]
    fn fast_path_equals_slow_path() {
        let others = WordRules { apostrophes: Mark::Split, hyphens: Mark::Keep };
        for (segmentation, rules) in [
            (Segmentation::Words, WordRules::default()),
            (Segmentation::Words, others),
            (Segmentation::Whitespace, WordRules::default()),
        ] {
            for digits in [Digits::Keep, Digits::Drop, Digits::Zero] {
                let (normalize, case, accents) = match digits {
                    Digits::Keep => (Normalize::Nfc, Case::Lower, Accents::Keep),
                    Digits::Drop => (Normalize::None, Case::Keep, Accents::Keep),
                    Digits::Zero => (Normalize::Nfkc, Case::Keep, Accents::Strip),
                };
                let segmentation = segmentation.clone();
                let config =
                    TokenizerConfig { segmentation, rules, normalize, case, accents, digits };
                let mut numbering = Numbering::new(config.clone());
                for seed in 0..300 {
                    let text = random_text(&mut Xoshiro256PlusPlus::seed_from_u64(seed));
                    let found = quickly(&mut numbering, &text);
                    assert!(found == slowly(config.clone(), &text), "seed {seed}, {config:?}");
                }
            }
        }
    }
}

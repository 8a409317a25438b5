//! A text of very many distinct words, with known counts, to test the limits of the vocabulary.
//!
//! Word `i` of `n` is `w` and the hexadecimal digits of a unique number. Every word occurs once;
//! every fiftieth occurs five times more, each time far from the last; and 100 frequent words occur
//! between them. Nothing is random.

use std::io::{self, Write};

/// Frequent words.
const FREQUENT: u64 = 100;
/// One word in this many occurs often enough to be kept.
const KEPT_EVERY: u64 = 50;
/// How many more times such a word occurs.
const TIMES_MORE: u64 = 5;
/// Words per line.
const LINE_WORDS: u64 = 20;
/// Odd, so that multiplying by it modulo 2³² gives each number once.
const FACTOR: u32 = 0x9e37_79b1;

/// The expected counts of a vocabulary with `min_count` from 2 to 6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DistinctCounts {
    /// All tokens.
    pub tokens: u64,
    /// Distinct words.
    pub distinct_words: u64,
    /// Words that occur twice or more.
    pub words: u64,
    /// Tokens of those.
    pub kept_tokens: u64,
}

/// Writes the text of `words` words besides the frequent ones; at most 2³² of them, and a multiple
/// of 5000.
///
/// Errors of the writer.
/// What the writer says.
pub fn write_distinct(words: u64, out: &mut impl Write) -> io::Result<DistinctCounts> {
    let again = words / KEPT_EVERY;
    let mut tokens = 0;
    let mut token = |out: &mut dyn Write, letter: char, number: u32| {
        tokens += 1;
        let end = if tokens % LINE_WORDS == 0 { '\n' } else { ' ' };
        write!(out, "{letter}{number:x}{end}")
    };
    for index in 0..words {
        token(out, 'w', (index as u32).wrapping_mul(FACTOR))?;
        if index % 5 == 0 {
            token(out, 'f', (index / 5 % FREQUENT) as u32)?;
        }
        // 5 / 50 of the words: the kept ones once more in each fifth of the text.
        if index % 10 == 9 {
            let kept = (index / 10 % again * KEPT_EVERY) as u32;
            token(out, 'w', kept.wrapping_mul(FACTOR))?;
        }
    }
    writeln!(out)?;
    Ok(DistinctCounts {
        tokens,
        distinct_words: words + FREQUENT,
        words: again + FREQUENT,
        kept_tokens: again * (1 + TIMES_MORE) + words / 5,
    })
}
